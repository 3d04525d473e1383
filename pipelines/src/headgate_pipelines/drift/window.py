"""What the champion saw lately: images of the whole window that it answered, without repeats."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_pipelines.drift.sample import Sample, sample_of
from headgate_pipelines.progress import with_progress
from headgate_pipelines.sketch import numbers_of

Row = dict[str, Any]
Fetch = Callable[[int, int], Iterable[Row]]
"""Rows of [from_ms, to_ms), as Control.sketches answers them."""

SLICES = 96
"""Parts of the window, from each of which some images are read: a day may have millions."""
READ_FACTOR = 10
"""Images that are read for each one that is used: repeats leave, and quiet parts have fewer."""


@dataclass(frozen=True)
class Window:
    """The images that a check compares with the reference."""

    from_ms: int
    to_ms: int
    rows: tuple[Row, ...]
    """As control answers them, in the order of time; `sample` has the same order."""
    sample: Sample
    other_sketches: int
    """Images left out because an engine of another release sketched them."""


def read_window(
    fetch: Fetch, span: tuple[int, int], version: str, sketch_version: int, most: int, rng: np.random.Generator
) -> Window:
    """Reads what `version` answered in [from_ms, to_ms).

    The tests take images as independent. A request may carry many images, and a client may send one image again and
    again: of each request and of each digest there is one. Images of one user in several requests stay alike.

    Each part of the window gives its first images, so that no hour stands for the others.
    """
    edges = np.linspace(*span, SLICES + 1).astype(np.int64)
    seen: dict[str, Row] = {}
    others: set[str] = set()
    cut = list(range(SLICES))
    # Where all images are in few parts, those are read further.
    for enough in (math.ceil(READ_FACTOR * most / SLICES), READ_FACTOR * most):
        parts, cut = cut, []
        for part in with_progress(parts, len(parts), "parts of the window"):
            taken = 0
            for row in fetch(int(edges[part]), int(edges[part + 1])):
                if row["version"] != version or row["class_id"] is None or row["sketch"] is None:
                    continue
                if row["sketch"]["version"] != sketch_version:
                    others.add(row["id"])
                    continue
                seen[row["id"]] = row
                taken += 1
                if taken >= enough:
                    cut.append(part)
                    break
        if len(seen) >= most:
            break
    rows = list({row["image_sha256"] or row["id"]: row for row in seen.values()}.values())
    if len(rows) > most:
        rows = [rows[index] for index in rng.choice(len(rows), most, replace=False)]
    rows.sort(key=lambda row: (row["at_ms"], row["id"]))
    sample = sample_of([numbers_of(row["sketch"]) for row in rows], [row["class_id"] for row in rows])
    return Window(*span, tuple(rows), sample, len(others))
