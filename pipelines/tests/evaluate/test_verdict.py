from pathlib import Path

import pytest

from headgate_pipelines.evaluate.command import judge
from headgate_pipelines.evaluate.record import Evaluation
from headgate_pipelines.params import Evaluate, Params
from tests.evaluate.answers import answers_of
from tests.registry.version_files import write_version

TRUTH = [0] * 100 + [1] * 100


def wrong_on(rows: range | list[int]) -> list[int]:
    return [1 - true if row in rows else true for row, true in enumerate(TRUTH)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_version(tmp_path, "pets", "1")


def judged(
    folder: Path, ours: list[int], theirs: list[int] | None, *, latency_ms: float = 1.0, **rules: float
) -> Evaluation:
    params = Params(model="pets", source="a test", evaluate=Evaluate(max_calibration_error=1, **rules))
    champion = None if theirs is None else answers_of(folder, TRUTH, theirs)
    return judge(params, answers_of(folder, TRUTH, ours, latency_ms=latency_ms), champion)


def test_a_candidate_that_mends_twenty_images_and_breaks_none_is_better(folder: Path) -> None:
    evaluation = judged(folder, wrong_on([]), wrong_on(range(90, 110)))
    assert (evaluation.verdict, evaluation.passes) == ("better", True)
    assert evaluation.comparison is not None
    assert evaluation.comparison.difference == pytest.approx(0.1)


def test_the_same_answers_are_not_better(folder: Path) -> None:
    evaluation = judged(folder, wrong_on([1]), wrong_on([2]))
    assert (evaluation.verdict, evaluation.passes) == ("not better", False)
    assert "only the candidate is right on 1" in evaluation.objections[0]


def test_a_difference_that_may_be_chance_is_not_better(folder: Path) -> None:
    assert judged(folder, wrong_on([]), wrong_on([0, 1, 2])).verdict == "not better"


def test_a_difference_within_the_margin_is_not_better(folder: Path) -> None:
    ours, theirs = wrong_on([]), wrong_on(range(90, 110))
    assert judged(folder, ours, theirs, margin=0.05).verdict == "better"
    assert judged(folder, ours, theirs, margin=0.09).verdict == "not better"


def test_a_candidate_with_shuffled_labels_is_worse(folder: Path) -> None:
    evaluation = judged(folder, wrong_on(range(0, 200, 2)), wrong_on([5]))
    assert (evaluation.verdict, evaluation.passes) == ("worse", False)


def test_a_class_whose_recall_falls_refuses_a_candidate_that_is_better_overall(folder: Path) -> None:
    evaluation = judged(folder, wrong_on(range(15)), wrong_on(range(140, 190)))
    assert evaluation.verdict == "better"
    assert not evaluation.passes
    assert evaluation.objections == ["recall: cat 1.000 to 0.850 (p < 0.0001) (limit: 0.05 beyond noise)"]


def test_a_class_that_loses_a_few_images_by_chance_does_not_refuse(folder: Path) -> None:
    evaluation = judged(folder, wrong_on([0, 1, 2]), wrong_on([*range(140, 190), 4]), max_class_drop=0.01)
    assert evaluation.passes


def test_a_slower_candidate_is_refused(folder: Path) -> None:
    ours, theirs = wrong_on([]), wrong_on(range(90, 110))
    assert judged(folder, ours, theirs, latency_ms=1.4).passes
    evaluation = judged(folder, ours, theirs, latency_ms=1.6)
    assert "in the median turn 1.60 times as long" in evaluation.objections[0]


def test_a_first_version_needs_the_least_accuracy_and_calibration(folder: Path) -> None:
    assert judged(folder, wrong_on(range(50)), None, min_accuracy=0.7).passes
    refused = judged(folder, wrong_on(range(50)), None, min_accuracy=0.8)
    assert refused.objections == ["accuracy: accuracy 0.7500, at least 0.8"]
