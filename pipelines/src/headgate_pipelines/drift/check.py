"""All tests of one check, at one level together."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from headgate_pipelines.drift.classifier import two_sample_classifier
from headgate_pipelines.drift.mmd import mmd
from headgate_pipelines.drift.sample import Floats, Sample
from headgate_pipelines.drift.univariate import Measured, classes, kolmogorov_smirnov
from headgate_pipelines.holm import holm
from headgate_pipelines.sketch import SCALARS

Effect = Literal["PSI", "MMD", "AUC"]


@dataclass(frozen=True)
class Finding:
    """One row of the report."""

    name: str
    """A scalar, `classes`, `pictures` (the features) or `together` (all numbers)."""
    method: str
    effect_name: Effect
    measured: Measured
    adjusted_p: float
    drifted: bool
    """adjusted_p <= alpha"""


@dataclass(frozen=True)
class Checked:
    """Result of a check. Without drift, the chance that any test says drift is at most alpha."""

    findings: tuple[Finding, ...]
    scores: Floats
    """[m] in (0, 1) of each image of now: larger for images unlike the reference."""

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """The tests that say drift, the most certain first."""
        drifted = (finding for finding in self.findings if finding.drifted)
        return tuple(sorted(drifted, key=lambda finding: finding.measured.p))


def check(reference: Sample, now: Sample, alpha: float, rng: np.random.Generator) -> Checked:
    """Runs every test and corrects their p-values by Holm, over all of them.

    Args:
        reference, now: at least 50 independent images each.
        alpha: largest chance of a false alarm of the whole check, in (0, 1).
    """
    rows: list[tuple[str, str, Effect, Measured]] = []
    # A permutation test has no p-value below 1 / permutations: after the correction it must stay far below alpha.
    permutations = max(999, math.ceil(5 * (len(SCALARS) + 3) / alpha))
    for column, name in enumerate(SCALARS):
        measured = kolmogorov_smirnov(reference.scalars[:, column], now.scalars[:, column])
        rows.append((name, "Kolmogorov-Smirnov", "PSI", measured))
    measured = classes(reference.class_ids, now.class_ids, permutations, rng)
    rows.append(("classes", "chi-square by permutation", "PSI", measured))
    measured = mmd(reference.features, now.features, permutations, rng)
    rows.append(("pictures", "maximum mean discrepancy", "MMD", measured))
    measured, scores = two_sample_classifier(reference, now, rng)
    rows.append(("together", "classifier", "AUC", measured))
    adjusted = holm([measured.p for *_, measured in rows])
    findings = tuple(Finding(*row, p, p <= alpha) for row, p in zip(rows, adjusted, strict=True))
    return Checked(findings, scores)
