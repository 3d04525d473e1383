"""Plots of the report as SVG. Their colours come from the page's style sheet, so that they follow light and dark."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape

from headgate_pipelines.drift.sample import Floats, Ints

WIDTH, HEIGHT = 320, 150
BOTTOM = 22
"""Room below the axis for its labels."""
BARS = 24
POINTS = 600
"""Of each sample in the projection: more hide each other."""


def histogram(reference: Floats, now: Floats, title: str) -> Markup:
    """Share of the images per interval: the reference as an area behind, now as a line of steps."""
    low, high = float(min(reference.min(), now.min())), float(max(reference.max(), now.max()))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BARS + 1)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (reference, now)]
    top = max(float(share.max()) for share in shares)
    x = (edges - low) / (high - low) * WIDTH
    areas = [_steps(x, _down(share / top)) for share in shares]
    shapes = f'<path class="one area" d="{areas[0]}Z"/><path class="two line" d="{areas[1]}"/>'
    return _svg(title, shapes + _label(0, f"{low:.3g}", "start") + _label(WIDTH, f"{high:.3g}", "end"))


def bars(reference: Floats, now: Floats, names: Sequence[str], title: str) -> Markup:
    """A pair of bars per name. @param reference, now: shares in [0, 1], in the order of the names"""
    top = max(float(reference.max()), float(now.max()), 1e-9)
    step = WIDTH / len(names)
    shapes = []
    for index, name in enumerate(names):
        for share, kind, series, offset in (
            (reference[index], "reference", "one", 0.1),
            (now[index], "now", "two", 0.5),
        ):
            y = float(_down(share / top))
            size = f'width="{step * 0.4:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
            hint = f"<title>{escape(name)}, {kind}: {share:.1%}</title>"
            x = (index + offset) * step
            shapes.append(f'<rect class="{series} area" x="{x:.1f}" y="{y:.1f}" {size}>{hint}</rect>')
        shapes.append(_label((index + 0.5) * step, name[:8], "middle"))
    return _svg(title, "".join(shapes))


def projection(reference: Floats, now: Floats, title: str) -> Markup:
    """The two directions in which the pooled features vary most."""
    pooled = np.concatenate([reference, now])
    pooled = pooled - pooled.mean(axis=0)
    directions = np.linalg.svd(pooled, full_matrices=False)[2][:2]
    points = pooled @ directions.T
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - low) / np.where(high > low, high - low, 1)
    shapes = []
    for series, part in (("one", points[: len(reference)]), ("two", points[len(reference) :])):
        chosen = part[np.linspace(0, len(part) - 1, min(POINTS, len(part))).astype(int)]
        circles = (f'<circle cx="{3 + x * 314:.1f}" cy="{3 + y * 144:.1f}" r="2.2"/>' for x, y in chosen)
        shapes.append(f'<g class="{series} point">{"".join(circles)}</g>')
    return _svg(title, "".join(shapes))


def over_time(at_ms: Ints, scores: Floats, span: tuple[int, int], title: str) -> Markup:
    """Each image's score, and the median of each part of the window."""
    x = (at_ms - span[0]) / max(1, span[1] - span[0]) * WIDTH
    y = _down(scores)
    chosen = np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int)
    shapes = [f'<circle cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="1.8"/>' for i in chosen]
    part = np.clip((x / WIDTH * BARS).astype(int), 0, BARS - 1)
    medians = [f"{(index + 0.5) / BARS * WIDTH:.1f},{np.median(y[part == index]):.1f}" for index in np.unique(part)]
    middle = float(_down(0.5))
    return _svg(
        title,
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="{middle}" y2="{middle}"/>'
        f'<g class="two point faint">{"".join(shapes)}</g><polyline class="two line" points="{" ".join(medians)}"/>'
        + _label(0, "begin of the window", "start")
        + _label(WIDTH, "end", "end"),
    )


def _down(share: Floats | float) -> Floats:
    """A share in [0, 1] as y."""
    return np.asarray((1 - np.asarray(share)) * (HEIGHT - BOTTOM - 4) + 4)


def _steps(edges: Floats, y: Floats) -> str:
    floor = HEIGHT - BOTTOM
    corners = "".join(f"L{a:.1f},{v:.1f}L{b:.1f},{v:.1f}" for a, b, v in zip(edges, edges[1:], y, strict=False))
    return f"M{edges[0]:.1f},{floor}{corners}L{edges[-1]:.1f},{floor}"


def _label(x: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, shapes: str) -> Markup:
    floor = HEIGHT - BOTTOM
    axis = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}"/>'
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    # All text in it is escaped above.
    return Markup(f"{head}{axis}{shapes}</svg>")  # noqa: S704  # nosec
