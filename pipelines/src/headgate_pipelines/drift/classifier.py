"""Classifier two-sample test: if a classifier tells now from the reference on images it never saw, they differ."""

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headgate_pipelines.drift.sample import Floats, Ints, Sample
from headgate_pipelines.drift.univariate import Measured


def two_sample_classifier(reference: Sample, now: Sample, rng: np.random.Generator) -> tuple[Measured, Floats]:
    """Cross-fitted logistic regression on all 37 numbers and their squares.

    Lopez-Paz and Oquab, Revisiting classifier two-sample tests, 2017. Each half is scored by the classifier of the
    other half, so that within a half the scores are exchangeable without drift, and the Mann-Whitney test of them
    is valid. Twice the smaller p-value of the halves is valid too, however the halves depend on each other.

    Returns:
        (test, scores): the effect is the mean area under the ROC curve; scores [m] of now in (0, 1), larger for
        images that the reference does not have.
    """
    rows = np.concatenate([_inputs(reference), _inputs(now)])
    is_now = np.concatenate([np.zeros(len(reference), dtype=bool), np.ones(len(now), dtype=bool)])
    half = np.concatenate([_halves(len(reference), rng), _halves(len(now), rng)])
    scores = np.empty(len(rows))
    p, area = [], []
    for scored in (False, True):
        fit, held_out = half != scored, half == scored
        model = make_pipeline(StandardScaler(), _sparse())
        scores[held_out] = model.fit(rows[fit], is_now[fit]).predict_proba(rows[held_out])[:, 1]
        seen, unseen = scores[held_out & is_now], scores[held_out & ~is_now]
        result = stats.mannwhitneyu(seen, unseen, alternative="greater", method="asymptotic")
        p.append(float(result.pvalue) if np.ptp(scores[held_out]) > 0 else 1.0)
        area.append(float(result.statistic) / (len(seen) * len(unseen)))
    mean = float(np.mean(area))
    smaller = max(min(p), float(np.finfo(np.float64).tiny))
    return Measured(mean, min(1.0, 2 * smaller), mean), scores[is_now]


def _sparse() -> LogisticRegression:
    """Few of the inputs drift at a time: the L1 penalty leaves the noise of the others out of the scores."""
    return LogisticRegression(l1_ratio=1, solver="liblinear", C=0.1, class_weight="balanced", random_state=0)


def _inputs(sample: Sample) -> Floats:
    """[n, 74]: the squares let a linear model see a change of spread."""
    rows = np.concatenate([sample.scalars, sample.features], axis=1)
    return np.concatenate([rows, rows**2], axis=1)


def _halves(count: int, rng: np.random.Generator) -> Ints:
    return rng.permutation(np.arange(count) % 2 == 1)
