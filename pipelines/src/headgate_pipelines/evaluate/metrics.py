"""Answers of one version as numbers."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from headgate_pipelines.evaluate.calibration import expected_calibration_error, reliability
from headgate_pipelines.evaluate.holdout import UNANSWERED, Answers
from headgate_pipelines.evaluate.record import Averages, ClassScore, Measured


def measure(answers: Answers) -> Measured:
    """All metrics of one version. An image that the engine refused is a mistake without a predicted class."""
    right, confidence = answers.right, np.asarray(answers.confidence)
    answered = np.asarray(answers.predicted) != UNANSWERED
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    bins = reliability(confidence[answered], right[answered])
    latencies = [latency for turn in answers.turns for latency in turn]
    p50, p95 = np.percentile(latencies, [50, 95]) if latencies else (0.0, 0.0)
    labels = range(len(answers.version.labels))
    return Measured(
        accuracy=float(right.mean()),
        accuracy_interval=(float(interval.low), float(interval.high)),
        macro=_average(answers, "macro"),
        weighted=_average(answers, "weighted"),
        classes=_classes(answers),
        mean_confidence=float(confidence[answered].mean()) if answered.any() else 0.0,
        ece=expected_calibration_error(bins),
        reliability=bins,
        brier=float(np.mean(answers.brier)),
        confusion=confusion_matrix(answers.truth, answers.predicted, labels=labels).tolist(),
        unanswered=int((~answered).sum()),
        latency_p50_ms=float(p50),
        latency_p95_ms=float(p95),
    )


def _average(answers: Answers, how: str) -> Averages:
    """Over the classes that the holdout has."""
    present = sorted(set(answers.truth))
    precision, recall, f1, _ = precision_recall_fscore_support(
        answers.truth, answers.predicted, labels=present, average=how, zero_division=0
    )
    return Averages(precision=float(precision), recall=float(recall), f1=float(f1))


def _classes(answers: Answers) -> list[ClassScore]:
    names = answers.version.labels
    columns = precision_recall_fscore_support(
        answers.truth, answers.predicted, labels=range(len(names)), average=None, zero_division=0
    )
    return [
        ClassScore(label=label, precision=float(p), recall=float(r), f1=float(f1), support=int(count))
        for label, p, r, f1, count in zip(names, *columns, strict=True)
    ]
