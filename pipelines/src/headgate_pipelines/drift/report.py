"""reports/drift.html: one file that needs nothing else."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from headgate_pipelines.drift import plots
from headgate_pipelines.drift.check import Checked
from headgate_pipelines.drift.photos import Photo
from headgate_pipelines.drift.reference import Reference
from headgate_pipelines.drift.sample import Floats
from headgate_pipelines.drift.window import Window
from headgate_pipelines.page import render
from headgate_pipelines.params import CHECKS_PER_DAY, Drift
from headgate_pipelines.sketch import SCALARS

MOST_CLASSES = 12

WORDS = {
    "width": "the width of the photos",
    "height": "the height of the photos",
    "brightness": "the brightness",
    "contrast": "the contrast",
    "sharpness": "the sharpness",
    "classes": "the predicted classes",
    "pictures": "the content of the pictures",
    "together": "all numbers together",
}
"""What a test is about, for readers."""


@dataclass(frozen=True)
class Report:
    """What the page shows."""

    model: str
    reference: Reference
    window: Window
    checked: Checked
    options: Drift
    photos: list[Photo]
    captures: bool
    """Whether a folder of captured photos was given."""
    consequence: str
    """A sentence: what this check does about retraining."""


def verdict(model: str, version: str, window: Window, checked: Checked) -> str:
    """The result in one sentence."""
    photos = f"{len(window.rows)} photos that {model} {version} answered"
    found = [WORDS[finding.name] for finding in checked.drifted]
    if not found:
        return f"No drift: {photos} look like those that it was evaluated on."
    names = ", ".join(found[:-1]) + " and " * (len(found) > 1) + found[-1]
    return f"Drift: {photos} differ from those that it was evaluated on, in {names}."


def page(report: Report) -> str:
    """The whole file as HTML."""
    reference, window = report.reference.sample, report.window
    scalars = [
        (name, plots.histogram(reference.scalars[:, i], window.sample.scalars[:, i], f"{name}: reference and now"))
        for i, name in enumerate(SCALARS)
    ]
    projection = plots.projection(reference.features, window.sample.features, "features in two dimensions")
    at_ms = np.array([row["at_ms"] for row in window.rows], dtype=np.int64)
    return render(
        "drift/report.html.j2",
        number=_number,
        time=_time,
        report=report,
        verdict=verdict(report.model, report.reference.version, window, report.checked),
        findings=sorted(report.checked.findings, key=lambda finding: finding.adjusted_p),
        words=WORDS,
        checks_per_day=CHECKS_PER_DAY,
        scalars=scalars,
        classes=_classes(report),
        projection=projection,
        over_time=plots.over_time(
            at_ms, report.checked.scores, (window.from_ms, window.to_ms), "score of each photo over time"
        ),
    )


def _classes(report: Report) -> Any:
    """Shares of the classes that changed most."""
    labels = {row["class_id"]: row["label"] for row in report.window.rows if row["label"]}
    counts = [Counter(sample.class_ids.tolist()) for sample in (report.reference.sample, report.window.sample)]
    names = sorted(counts[0] | counts[1])
    shares: list[Floats] = [np.array([count[name] for name in names]) / count.total() for count in counts]
    chosen = np.sort(np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:MOST_CLASSES])
    shown = [labels.get(names[i], f"class {names[i]}") for i in chosen]
    return plots.bars(shares[0][chosen], shares[1][chosen], shown, "share of the predicted classes")


def _number(value: float) -> str:
    """Four digits; tiny p-values as a limit."""
    return f"{value:.4f}" if value >= 0.0001 else "below 0.0001"


def _time(at: datetime | int) -> str:
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
