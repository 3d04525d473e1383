"""Golden samples of a trained version: images of the holdout with the answers of the reference run."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import top_classes
from headgate_pipelines.convert.reference import Preprocessing
from headgate_pipelines.data.index import read_images, read_index
from headgate_pipelines.errors import Refused
from headgate_pipelines.train.export import run
from headgate_pipelines.train.features import pixels_of

SAMPLES = 5
"""Of as many labels."""
CANDIDATES = 9
"""Images of a label, of which one becomes the sample."""


@dataclass(frozen=True)
class Golden:
    """An image, and what the manifest says of it."""

    image: bytes
    sample: dict[str, Any]


def choose_golden(model: bytes, spec: Preprocessing, data: Path, labels: Sequence[str]) -> list[Golden]:
    """One image of the holdout for each of the first labels.

    Of a label's first images it is the one whose first two classes are as far apart as usual: the surest image would
    pass with a wrong crop too, and the least sure one would fail for another rounding.

    Raises:
        Refused: the holdout has no image of these labels.
    """
    holdout = read_index(data, "holdout")
    golden: list[Golden] = []
    for label in labels[:SAMPLES]:
        items = islice((item for item in holdout if item.label == label), CANDIDATES)
        images = [encoded for _, encoded in read_images(data, items)]
        if images:
            answers = run(model, [pixels_of(image, spec) for image in images])
            usual = _usual(answers)
            golden.append(_golden(len(golden), images[usual], answers[usual]))
    if not golden:
        raise Refused("the holdout has no image", "raise ingest.holdout_share, and run headgate-pipelines ingest")
    return golden


def _usual(answers: np.ndarray) -> int:
    """Row of probabilities [N,classes] with the median distance between its best two."""
    second, first = np.sort(answers, axis=1)[:, -2:].T
    return int(np.argsort(first - second, kind="stable")[len(answers) // 2])


def _golden(number: int, image: bytes, answer: np.ndarray) -> Golden:
    with Image.open(io.BytesIO(image)) as opened:
        name = f"golden-{number}.{str(opened.format).lower()}"
    return Golden(image, {"file": name, "sha256": sha256(image), "top": top_classes(answer)})
