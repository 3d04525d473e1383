"""Whether the candidate is better than the champion, and keeps the limits that a better one has to keep too."""

import numpy as np
from numpy.typing import NDArray

from headgate_pipelines.evaluate.holdout import TURN, Answers
from headgate_pipelines.evaluate.record import Comparison, Guardrail, Measured
from headgate_pipelines.evaluate.statistics import mcnemar_mid_p, sign_test_p, tango_interval
from headgate_pipelines.holm import holm
from headgate_pipelines.params import Evaluate

Side = tuple[Answers, Measured]
SHOWN = 5
"""Classes that a finding names."""


def compare(candidate: Answers, champion: Answers, rules: Evaluate) -> Comparison:
    """Both have answered the same images in the same order."""
    ours, theirs = candidate.right, champion.right
    won, lost = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return Comparison(
        only_candidate_right=won,
        only_champion_right=lost,
        difference=(won - lost) / len(ours),
        interval=tango_interval(won, lost, len(ours), rules.alpha),
        p_value=mcnemar_mid_p(won, lost),
    )


def verdict_of(compared: Comparison, rules: Evaluate) -> tuple[str, str]:
    """("better", "not better" or "worse", the numbers in words).

    Better needs both: the mid-p test, which holds its level with few images, and an interval above the margin.
    """
    low, high = compared.interval
    words = (
        f"accuracy {compared.difference:+.4f} on the same images, {1 - rules.alpha:.0%} interval "
        f"[{low:+.4f}, {high:+.4f}]; only the candidate is right on {compared.only_candidate_right}, only the champion "
        f"on {compared.only_champion_right}; {_p(compared.p_value)} (needed: p < {rules.alpha:g} and an interval "
        f"above {rules.margin:g})"
    )
    significant = compared.p_value < rules.alpha
    if significant and low > rules.margin:
        return "better", words
    return ("worse" if significant and compared.difference < 0 else "not better"), words


def guardrails(candidate: Side, champion: Side | None, rules: Evaluate) -> list[Guardrail]:
    """The limits, each with its numbers. Without a champion: least accuracy and calibration."""
    _, measured = candidate
    calibration = _rail(
        "calibration",
        measured.ece <= rules.max_calibration_error,
        f"expected calibration error {measured.ece:.4f}, at most {rules.max_calibration_error:g}",
    )
    if champion is None:
        finding = f"accuracy {measured.accuracy:.4f}, at least {rules.min_accuracy:g}"
        return [_rail("accuracy", measured.accuracy >= rules.min_accuracy, finding), calibration]
    return [_recall(candidate, champion, rules), calibration, _latency(candidate, champion, rules)]


def _p(value: float) -> str:
    return f"p = {value:.4f}" if value >= 0.0001 else "p < 0.0001"


def _rail(name: str, holds: bool, finding: str) -> Guardrail:
    return Guardrail(name=name, holds=bool(holds), finding=finding)


def _first_of(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _latency(candidate: Side, champion: Side, rules: Evaluate) -> Guardrail:
    """Fails when the candidate is slower by the ratio in more turns than chance explains: other work on the machine
    slows some turns of either version. Not judged where even a candidate that is slower in all turns would pass."""
    (ours, measured), (theirs, before) = candidate, champion
    turns = [(new, old) for new, old in zip(ours.turns, theirs.turns, strict=True) if new and old]
    if sign_test_p(len(turns), 0) >= rules.alpha:
        few = f"{len(turns)} turns of {TURN} images prove nothing"
        return Guardrail(name="latency", holds=True, finding=few, judged=False, not_judged=few)
    ratios = [float(np.median(new) / np.median(old)) for new, old in turns]
    limit, slow = rules.max_latency_ratio, sum(ratio > rules.max_latency_ratio for ratio in ratios)
    p = sign_test_p(slow, len(ratios) - slow)
    finding = (
        f"{np.median(ratios):.2f} times as long as the champion (limit: {limit:g} beyond noise), slower than the limit "
        f"in {slow} of {len(ratios)} turns, {_p(p)}; p95 {measured.latency_p95_ms:.1f} ms against "
        f"{before.latency_p95_ms:.1f} ms"
    )
    return _rail("latency", p >= rules.alpha, finding)


def _recall(candidate: Side, champion: Side, rules: Evaluate) -> Guardrail:
    """A class fails when its recall falls by more than the limit, and by more than chance explains over all classes.

    A class with so few images that the loss of all of them may be chance is not judged. Absent classes do not count.
    """
    (ours, measured), (theirs, before) = candidate, champion
    truth = np.asarray(ours.truth)
    pairs = list(zip(before.classes, measured.classes, strict=True))
    present = [row for row, (_, new) in enumerate(pairs) if new.support]
    judged = [row for row in present if sign_test_p(pairs[row][1].support, 0) * len(present) < rules.alpha]
    p_values = holm([_p_of_class(ours.right, theirs.right, truth == row) for row in judged])
    fallen = [
        f"{new.label} {old.recall:.3f} to {new.recall:.3f} ({_p(p)})"
        for (old, new), p in zip([pairs[row] for row in judged], p_values, strict=True)
        if old.recall - new.recall > rules.max_class_drop and p < rules.alpha
    ]
    unjudged = [pairs[row][1] for row in sorted(set(present) - set(judged))]
    few = _first_of([f"{one.label} ({one.support} images)" for one in unjudged])
    finding = _first_of(fallen) or ("no class that was judged falls" if few else "no class falls")
    finding += f" (limit: {rules.max_class_drop:g} beyond noise)" + (f"; not judged: {few}" if few else "")
    return Guardrail(name="recall", holds=not fallen, finding=finding, judged=bool(judged), not_judged=few)


def _p_of_class(ours: NDArray[np.bool_], theirs: NDArray[np.bool_], members: NDArray[np.bool_]) -> float:
    lost, won = int((theirs & ~ours & members).sum()), int((ours & ~theirs & members).sum())
    return sign_test_p(lost, won)
