"""The holdout through the serving engine: what will be served is what is measured."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headgate_pipelines.data.index import Item, read_images
from headgate_pipelines.engine import Probed
from headgate_pipelines.errors import Refused
from headgate_pipelines.progress import with_progress
from headgate_pipelines.registry.version_folder import VersionFolder
from headgate_pipelines.sketch import numbers_of

Probe = Callable[[Path, Iterable[tuple[str, bytes]]], Iterator[Probed]]

TURN = 10
"""Images of a turn. The versions take short turns, so that whatever else the machine does slows all of them."""
WARM_UP = 1
"""Images at the start of a turn whose latency does not count: the other version has filled the caches."""
UNANSWERED = -1
REFERENCE_ROWS = 2000


@dataclass
class Answers:
    """What one version says of N images, in their order."""

    version: VersionFolder
    items: list[Item] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    """Class id of the label."""
    predicted: list[int] = field(default_factory=list)
    """Best class id; UNANSWERED where the engine refused the image."""
    confidence: list[float] = field(default_factory=list)
    brier: list[float] = field(default_factory=list)
    """Sum of squared differences to the true class, over the classes."""
    turns: list[list[float]] = field(default_factory=list)
    """Latencies of each turn, in ms, without its warm-up."""
    sketches: list[list[float]] = field(default_factory=list)
    """37 numbers; empty where there is none."""
    sketch_version: int = 0

    @property
    def right(self) -> NDArray[np.bool_]:
        """[N]"""
        return np.asarray(self.truth) == np.asarray(self.predicted)

    def add(self, item: Item, answer: Probed, classes: dict[str, int], *, warm: bool) -> None:
        """Takes one answer. `classes` maps labels to class ids."""
        truth = classes[item.label]
        scores = np.zeros(len(classes))
        scores[list(answer.class_ids)] = answer.scores
        self.items.append(item)
        self.truth.append(truth)
        self.predicted.append(UNANSWERED if answer.error else answer.class_ids[0])
        self.confidence.append(0.0 if answer.error else answer.scores[0])
        self.brier.append(float((scores**2).sum() - scores[truth] ** 2 + (1 - scores[truth]) ** 2))
        if warm and not answer.error:
            self.turns[-1].append(answer.latency_ms)
        sketch = answer.sketch or {}
        self.sketches.append(numbers_of(sketch) if sketch else [])
        self.sketch_version = sketch.get("version", self.sketch_version)


def ask(probe: Probe, versions: Sequence[VersionFolder], data: Path, items: list[Item]) -> list[Answers]:
    """Runs the images through each version, in turns. One engine of each version is up meanwhile.

    Raises:
        Refused: a version does not know a label of the images, or cannot be served.
    """
    answers = [Answers(version) for version in versions]
    classes = [_classes(version, items) for version in versions]
    turns = [items[start : start + TURN] for start in range(0, len(items), TURN)]
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(_stream(probe, version, data, items))) for version in versions]
        for turn in with_progress(turns, len(turns), f"evaluation, turns of {TURN} images"):
            for stream, into, known in zip(streams, answers, classes, strict=True):
                into.turns.append([])
                for place, (item, answer) in enumerate(zip(turn, stream, strict=False)):
                    into.add(item, answer, known, warm=place >= WARM_UP)
        for stream in streams:
            next(stream, None)  # lets the engine end by itself, and say how
    return answers


def _classes(version: VersionFolder, items: list[Item]) -> dict[str, int]:
    """Class id of each label."""
    classes = {label: index for index, label in enumerate(version.labels)}
    unknown = sorted({item.label for item in items} - classes.keys())
    if unknown:
        raise Refused(f"{version.path} does not know the labels {', '.join(unknown)}", "train it on these data")
    return classes


def _stream(probe: Probe, version: VersionFolder, data: Path, items: list[Item]) -> Generator[Probed, None, None]:
    yield from probe(version.path, ((item.sha256, image) for item, image in read_images(data, items)))


def reference_json(answers: Answers, seed: int = 0) -> str:
    """Sketches and predictions that drift is judged against: at most REFERENCE_ROWS images, drawn at random."""
    rows = [row for row, sketch in enumerate(answers.sketches) if sketch]
    if len(rows) > REFERENCE_ROWS:
        rows = sorted(np.random.default_rng(seed).choice(rows, REFERENCE_ROWS, replace=False).tolist())
    return json.dumps(
        {
            "version": answers.sketch_version,
            "sketches": [answers.sketches[row] for row in rows],
            "class_ids": [answers.predicted[row] for row in rows],
            "sha256": [answers.items[row].sha256 for row in rows],
        }
    )
