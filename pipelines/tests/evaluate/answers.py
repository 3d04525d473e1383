"""Answers of versions without an engine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from headgate_pipelines.data.index import Item
from headgate_pipelines.engine import Probed
from headgate_pipelines.evaluate.holdout import TURN, Answers, Probe
from headgate_pipelines.registry.version_folder import read_version

SKETCH: dict[str, Any] = {
    "version": 1, "width": 8, "height": 8, "brightness": 0.5, "contrast": 0.1, "sharpness": 0.2, "features": [0.0] * 32,
}  # fmt: skip


def probed(name: str, predicted: int, *, classes: int = 2, confidence: float = 0.8, latency_ms: float = 1.0) -> Probed:
    """An answer that divides the rest of the score equally among the other classes."""
    others = [one for one in range(classes) if one != predicted]
    scores = (confidence, *[(1 - confidence) / len(others)] * len(others))
    return Probed(name, (predicted, *others), scores, latency_ms, SKETCH)


def answers_of(folder: Path, truth: Sequence[int], predicted: Sequence[int], *, latency_ms: float = 1.0) -> Answers:
    """What the version in `folder` would answer."""
    answers = Answers(read_version(folder))
    names = answers.version.labels
    known = {name: index for index, name in enumerate(names)}
    for row, (true, guess) in enumerate(zip(truth, predicted, strict=True)):
        if row % TURN == 0:
            answers.turns.append([])
        item = Item(f"{row:064x}", names[true], "holdout", "0.tar", 0, 1, 8, 8, "0" * 16, "")
        answers.add(item, probed(item.sha256, guess, classes=len(names), latency_ms=latency_ms), known, warm=True)
    return answers


def fake_probe(answer: Callable[[Path, str], Probed]) -> Probe:
    """An engine that answers by version folder and id."""

    def probe(version: Path, images: Iterable[tuple[str, bytes]]) -> Iterator[Probed]:
        for name, _ in images:
            yield answer(version, name)

    return probe
