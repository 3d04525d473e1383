"""Plots of an evaluation as SVG. Text and axes take the colour of the page, so that light and dark both read well."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from headgate_pipelines.evaluate.record import ClassScore, Measured

INK = "#123456"
"""Stands for the page's text colour until the SVG is written."""
CANDIDATE, CHAMPION = "#3f6fb5", "#b4560f"
"""Of the files; the page has its own, see page.html.j2."""
MOST_CLASSES = 24
"""A plot shows this many classes: more cannot be read."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg_of(draw: Callable[[Axes], None], size: tuple[float, float], name: str) -> str:
    """One plot without XML prologue. The same data give the same bytes.

    Args:
        size: width and height, inches.
        name: keeps the ids of plots on one page apart.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue().replace(INK, "currentColor")
    return text[text.index("<svg") :]


def worst_classes(measured: Measured) -> list[int]:
    """Class ids in their order; of many classes those with the lowest F1 that the holdout has."""
    present = [index for index, score in enumerate(measured.classes) if score.support]
    chosen = sorted(present, key=lambda index: measured.classes[index].f1)[:MOST_CLASSES]
    return sorted(chosen)


def confusion_svg(measured: Measured) -> str:
    """True class by predicted class, counts in the cells, shaded by the share of the true class."""
    chosen = worst_classes(measured)
    counts = np.asarray(measured.confusion)[np.ix_(chosen, chosen)]
    labels = [measured.classes[index].label for index in chosen]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: Axes) -> None:
        blue = mpl.colors.LinearSegmentedColormap.from_list("share", [f"{CANDIDATE}00", CANDIDATE])
        axes.imshow(shares, cmap=blue, vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                axes.text(column, row, str(count), ha="center", va="center", fontsize=9)
        axes.set_xticks(range(len(labels)), labels, rotation=0 if max(map(len, labels)) < 4 else 90)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="predicted", ylabel="true")

    side = max(3.5, 0.4 * len(chosen) + 1)
    return svg_of(draw, (side, side), "confusion")


def reliability_svg(candidate: Measured, champion: Measured | None) -> str:
    """Accuracy over confidence; the diagonal is perfect calibration."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], linestyle=":", color=INK, linewidth=1)
        for name, measured, colour in _series(candidate, champion):
            x = [one.confidence for one in measured.reliability]
            y = [one.accuracy for one in measured.reliability]
            label = f"{name}, ECE {measured.ece:.3f}"
            axes.plot(x, y, marker="o", markersize=4, color=colour, label=label)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
        axes.legend(frameon=False, loc="upper left")

    return svg_of(draw, (4.5, 4.5), "reliability")


def classes_svg(candidate: Measured, champion: Measured | None) -> str:
    """F1 of each class, candidate beside champion."""
    chosen = worst_classes(candidate)
    labels = [candidate.classes[index].label for index in chosen]

    def draw(axes: Axes) -> None:
        series = _series(candidate, champion)
        height = 0.8 / len(series)
        for place, (name, measured, colour) in enumerate(series):
            y = np.arange(len(chosen)) + (place - (len(series) - 1) / 2) * height
            axes.barh(y, _f1([measured.classes[index] for index in chosen]), height * 0.9, color=colour, label=name)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlim=(0, 1), xlabel="F1")
        axes.invert_yaxis()
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)

    return svg_of(draw, (6, max(2.5, 0.35 * len(chosen) + 1)), "classes")


def _f1(scores: Sequence[ClassScore]) -> list[float]:
    return [score.f1 for score in scores]


def _series(candidate: Measured, champion: Measured | None) -> list[tuple[str, Measured, str]]:
    ours = [("candidate", candidate, CANDIDATE)]
    return ours if champion is None else [*ours, ("champion", champion, CHAMPION)]
