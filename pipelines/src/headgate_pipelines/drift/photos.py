"""The photos that drifted most, and what is unusual about them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from headgate_pipelines.drift.reference import Reference
from headgate_pipelines.drift.window import Window
from headgate_pipelines.page import thumbnail
from headgate_pipelines.sketch import SCALARS

MOST = 24
SIDE = 128
"""Pixels of a thumbnail."""
RARE = 0.02
"""Both tails of the reference together; a scalar outside of the rest is unusual."""


@dataclass(frozen=True)
class Photo:
    """One image of the window, for the report."""

    sha256: str
    at: datetime
    label: str
    score: float
    """How unlike the reference, in (0, 1)."""
    unusual: tuple[str, ...]
    """Sentences such as `brightness 0.12: lower than 99 % of the reference`."""
    thumbnail: str | None
    """A data: address; None where the photo was not captured."""


def most_drifted(window: Window, scores: Any, reference: Reference, captures: Path | None) -> list[Photo]:
    """The images with the largest scores, the largest first."""
    order = np.argsort(-scores, kind="stable")[:MOST]
    return [_photo(window, int(index), float(scores[index]), reference, captures) for index in order]


def _photo(window: Window, index: int, score: float, reference: Reference, captures: Path | None) -> Photo:
    row = window.rows[index]
    at = datetime.fromtimestamp(row["at_ms"] / 1000, UTC)
    digest = row["image_sha256"] or ""
    label = row["label"] or f"class {row['class_id']}"
    unusual = _unusual(window.sample.scalars[index], reference)
    return Photo(digest, at, label, score, unusual, _thumbnail(captures, at, digest))


def _unusual(values: Any, reference: Reference) -> tuple[str, ...]:
    found = []
    for name, value, known in zip(SCALARS, values, reference.sample.scalars.T, strict=True):
        below, above = float(np.mean(known < value)), float(np.mean(known > value))
        if below >= 1 - RARE / 2:
            found.append(f"{name} {value:.3g}: higher than {_most(below)} of the reference")
        elif above >= 1 - RARE / 2:
            found.append(f"{name} {value:.3g}: lower than {_most(above)} of the reference")
    return tuple(found)


def _most(share: float) -> str:
    return "all" if share == 1 else f"{share:.1%}"


def _thumbnail(captures: Path | None, at: datetime, digest: str) -> str | None:
    """Looks in `<captures>/<day>/<unit>/<digest>`: the unit is not in control's answer."""
    if captures is None or not re.fullmatch(r"[0-9a-f]{64}", digest):
        return None
    for path in captures.glob(f"{at:%Y-%m-%d}/*/{digest}"):
        try:
            return thumbnail(path.read_bytes(), SIDE) or None
        except OSError:
            continue
    return None
