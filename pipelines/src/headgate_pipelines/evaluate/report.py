"""report.html (self-contained), card.md, and the plots as files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from headgate_pipelines.data.index import read_images
from headgate_pipelines.evaluate.holdout import UNANSWERED, Answers
from headgate_pipelines.evaluate.plots import (
    CANDIDATE,
    CHAMPION,
    MOST_CLASSES,
    classes_svg,
    confusion_svg,
    reliability_svg,
)
from headgate_pipelines.evaluate.record import Evaluation
from headgate_pipelines.page import render, thumbnail

MOST_MISTAKES = 24
THUMBNAIL = 112
"""Longest side, pixels."""


@dataclass(frozen=True)
class Mistake:
    """An image that the candidate has wrong."""

    picture: str
    """data: URI; empty where Pillow cannot read the image."""
    label: str
    predicted: str
    confidence: float
    source: str


def write_report(folder: Path, evaluation: Evaluation, ours: Answers, data: Path) -> None:
    """Writes report.html, card.md and plots/*.svg."""
    champion = evaluation.champion.measured if evaluation.champion else None
    plots = {
        "confusion": confusion_svg(evaluation.candidate),
        "reliability": reliability_svg(evaluation.candidate, champion),
        "classes": classes_svg(evaluation.candidate, champion),
    }
    (folder / "plots").mkdir()
    for name, svg in plots.items():
        (folder / "plots" / f"{name}.svg").write_text(svg, "utf-8")
    facts = {
        "evaluation": evaluation,
        "headline": headline(evaluation),
        "manifest": ours.version.manifest,
        "labels": ours.version.labels,
        "mistakes": worst_mistakes(ours, data),
        "plots": {name: _in_page(svg) for name, svg in plots.items()},
        "most_classes": MOST_CLASSES,
    }
    (folder / "report.html").write_text(render("evaluate/report.html.j2", **facts), "utf-8")
    (folder / "card.md").write_text(render("evaluate/card.md.j2", **facts), "utf-8")


def headline(evaluation: Evaluation) -> str:
    """The verdict in a few words."""
    judged = "the first version" if evaluation.verdict == "first" else f"{evaluation.verdict} than the champion"
    few = "".join(f"; {rail.name} not judged: {rail.not_judged}" for rail in evaluation.guardrails if rail.not_judged)
    failing = [rail.name for rail in evaluation.guardrails if not rail.holds]
    but = f"; {', '.join(failing)} fails" if failing else ""
    return f"{'May be registered' if evaluation.passes else 'Refused'}: {judged}{but}{few}"


def _in_page(svg: str) -> Markup:
    """The plot in the colours of the page, for light and dark. Matplotlib has escaped its texts."""
    return Markup(svg.replace(CANDIDATE, "var(--one)").replace(CHAMPION, "var(--two)"))  # noqa: S704  # nosec


def worst_mistakes(answers: Answers, data: Path) -> list[Mistake]:
    """The wrong answers that the version is surest of, surest first."""
    wrong = np.flatnonzero(~answers.right)
    rows = sorted(wrong.tolist(), key=lambda row: -answers.confidence[row])[:MOST_MISTAKES]
    pictures = {
        item.sha256: thumbnail(image, THUMBNAIL)
        for item, image in read_images(data, [answers.items[row] for row in rows])
    }
    labels = answers.version.labels
    return [
        Mistake(
            picture=pictures[answers.items[row].sha256],
            label=answers.items[row].label,
            predicted="refused" if answers.predicted[row] == UNANSWERED else labels[answers.predicted[row]],
            confidence=answers.confidence[row],
            source=answers.items[row].source,
        )
        for row in rows
    ]
