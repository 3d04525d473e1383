"""Golden samples of a trained version: images of the holdout with the answers of the reference run."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import GOLDEN_TOLERANCE, top_classes
from headgate_pipelines.convert.reference import Preprocessing
from headgate_pipelines.data.index import Item, read_images, read_index
from headgate_pipelines.engine import Probed
from headgate_pipelines.errors import Refused
from headgate_pipelines.train.export import run
from headgate_pipelines.train.features import pixels_of

Serve = Callable[[Iterable[tuple[str, bytes]]], Iterator[Probed]]
"""Runs (id, encoded image) through the serving engine."""

SAMPLES = 5
"""Of as many labels."""
CANDIDATES = 9
"""Images of a label, of which one becomes the sample."""
STEADY = GOLDEN_TOLERANCE / 4
"""A sample's scores may differ by so much on the engine. The rest of the tolerance is for other processors and later
versions of the engine. The engine decodes JPEG faster and less exactly than Pillow: a head that knows its training
images by heart answers borderline images otherwise (measured: by up to 0.55), and such an image is no sample."""


@dataclass(frozen=True)
class Golden:
    """An image, and what the manifest says of it."""

    image: bytes
    sample: dict[str, Any]


def choose_golden(model: bytes, spec: Preprocessing, data: Path, labels: Sequence[str], serve: Serve) -> list[Golden]:
    """At most one image of the holdout for each of the first labels.

    Of the images on which engine and reference run agree, it is the one whose first two classes are as far apart as
    usual: the surest image would pass with a wrong crop too.

    Raises:
        Refused: the holdout has no image of these labels, or the engine disagrees with the reference run.
    """
    items = _candidates(read_index(data, "holdout"), labels[:SAMPLES])
    if not items:
        raise Refused("the holdout has no image", "raise ingest.holdout_share, and run headgate-pipelines ingest")
    reference = run(model, (pixels_of(image, spec) for _, image in read_images(data, items)))
    served = _rows(serve((item.sha256, image) for item, image in read_images(data, items)), len(labels))
    steady = np.abs(reference - served).max(axis=1) <= STEADY
    agreeing = int((reference.argmax(axis=1) == served.argmax(axis=1)).sum())
    if not steady.any() or 2 * agreeing < len(items):
        raise Refused(
            f"the engine agrees with the reference run on {agreeing} of {len(items)} images of the holdout",
            "look at these images; engine and pipelines have to be of the same release",
        )
    second, first = np.sort(reference, axis=1)[:, -2:].T
    rows = []
    for label in labels[:SAMPLES]:
        own = [row for row, item in enumerate(items) if item.label == label and steady[row]]
        own.sort(key=lambda row: float(first[row] - second[row]))
        rows += own[len(own) // 2 : len(own) // 2 + 1]
    images = read_images(data, [items[row] for row in rows])
    return [_golden(number, image, reference[rows[number]]) for number, (_, image) in enumerate(images)]


def _candidates(holdout: Sequence[Item], labels: Sequence[str]) -> list[Item]:
    """The first images of each label."""
    return [item for label in labels for item in [one for one in holdout if one.label == label][:CANDIDATES]]


def _rows(answers: Iterable[Probed], classes: int) -> np.ndarray:
    """Scores float64 [N,classes] in the order of the classes; NaN where the engine refused the image."""
    rows = []
    for answer in answers:
        row = np.full(classes, np.nan)
        row[list(answer.class_ids)] = answer.scores
        rows.append(row)
    return np.array(rows)


def _golden(number: int, image: bytes, answer: np.ndarray) -> Golden:
    with Image.open(io.BytesIO(image)) as opened:
        name = f"golden-{number}.{str(opened.format).lower()}"
    return Golden(image, {"file": name, "sha256": sha256(image), "top": top_classes(answer)})
