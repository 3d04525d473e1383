from pathlib import Path

import pytest

from headgate_pipelines.evaluate.command import judge
from headgate_pipelines.evaluate.record import Evaluation, Guardrail
from headgate_pipelines.evaluate.report import headline
from headgate_pipelines.evaluate.statistics import tango_interval
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
    params = Params(model="pets", source="a test", evaluate=Evaluate(**{"max_calibration_error": 1, **rules}))
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


@pytest.mark.parametrize(
    ("changed", "alpha", "better", "worse"),
    [
        # The interval alone would say better and worse: 4 images of 4 have p = 0.0625.
        (4, 0.05, "not better", "not better"),
        (5, 0.05, "better", "worse"),
        (6, 0.01, "not better", "not better"),
        (7, 0.01, "better", "worse"),
    ],
)
def test_the_verdict_turns_where_the_difference_is_more_than_chance(
    folder: Path, changed: int, alpha: float, better: str, worse: str
) -> None:
    right, wrong = wrong_on([]), wrong_on(range(changed))
    mended = judged(folder, right, wrong, alpha=alpha)
    assert (mended.verdict, judged(folder, wrong, right, alpha=alpha).verdict) == (better, worse)
    assert mended.comparison is not None
    assert mended.comparison.interval == tango_interval(changed, 0, len(TRUTH), alpha)


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
    assert judged(folder, wrong_on(range(15)), wrong_on(range(140, 190)), max_class_drop=0.16).passes


def test_a_class_that_loses_a_few_images_by_chance_does_not_refuse(folder: Path) -> None:
    # 4 images of one class have p = 0.031, which Holm doubles for two classes.
    assert judged(folder, wrong_on(range(4)), wrong_on(range(140, 190)), max_class_drop=0.01).passes
    assert not judged(folder, wrong_on(range(5)), wrong_on(range(140, 190)), max_class_drop=0.01).passes


def rail_when_all_dogs_are_lost(folder: Path, dogs: int) -> tuple[Evaluation, Guardrail]:
    """The recall of a candidate that mends all cats and loses all dogs."""
    truth = [0] * 100 + [1] * dogs
    ours, theirs = (answers_of(folder, truth, [guess] * len(truth)) for guess in (0, 1))
    params = Params(model="pets", source="a test", evaluate=Evaluate(max_calibration_error=1))
    evaluation = judge(params, ours, theirs)
    return evaluation, evaluation.guardrails[0]


def test_a_class_is_not_judged_where_the_loss_of_all_its_images_may_be_chance(folder: Path) -> None:
    # 2 classes: p = 2 * 0.5 ** (1 + images).
    _, rail = rail_when_all_dogs_are_lost(folder, 5)
    assert (rail.state, rail.not_judged) == ("fails", "")
    evaluation, rail = rail_when_all_dogs_are_lost(folder, 4)
    assert (rail.state, rail.not_judged) == ("holds where judged", "dog (4 images)")
    assert "not judged: dog (4 images)" in rail.finding
    assert headline(evaluation) == "May be registered: better than the champion; recall not judged: dog (4 images)"


def test_a_slower_candidate_is_refused(folder: Path) -> None:
    ours, theirs = wrong_on([]), wrong_on(range(90, 110))
    assert judged(folder, ours, theirs, latency_ms=1.4).passes
    evaluation = judged(folder, ours, theirs, latency_ms=1.6)
    assert "1.60 times as long as the champion" in evaluation.objections[0]


@pytest.mark.parametrize(("images", "state"), [(30, "not judged"), (40, "fails")])
def test_latency_is_not_judged_where_no_slowness_could_fail(folder: Path, images: int, state: str) -> None:
    truth = [0] * images
    ours, theirs = (answers_of(folder, truth, truth, latency_ms=latency_ms) for latency_ms in (9.0, 1.0))
    evaluation = judge(Params(model="pets", source="a test", evaluate=Evaluate(max_calibration_error=1)), ours, theirs)
    latency = evaluation.guardrails[2]
    assert latency.state == state
    assert ("times as long" in latency.finding) == latency.judged
    assert ("latency not judged: 3 turns" in headline(evaluation)) == (not latency.judged)


def test_classes_that_the_holdout_lacks_do_not_count_and_five_of_many_are_named(tmp_path: Path) -> None:
    labels = [f"kind {number}" for number in range(1000)]
    folder = write_version(tmp_path, "kinds", "1", labels=labels)
    truth = [0] * 100 + list(range(1, 9))
    answers = answers_of(folder, truth, [1] * 100 + truth[100:]), answers_of(folder, truth, truth)
    recall = judge(Params(model="kinds", source="a test", evaluate=Evaluate()), *answers).guardrails[0]
    assert recall.state == "fails"
    assert recall.not_judged.startswith("kind 1 (1 images), kind 2 (1 images)")
    assert recall.not_judged.endswith("kind 5 (1 images) and 3 more")


def test_other_work_on_the_machine_that_slows_some_turns_does_not_refuse(folder: Path) -> None:
    ours = answers_of(folder, TRUTH, wrong_on([]))
    ours.turns[:12] = [[9.0]] * 12
    params = Params(model="pets", source="a test", evaluate=Evaluate(max_calibration_error=1))
    evaluation = judge(params, ours, answers_of(folder, TRUTH, wrong_on(range(90, 110))))
    assert evaluation.passes
    assert "slower than the limit in 12 of 20 turns" in evaluation.guardrails[2].finding


def test_a_first_version_needs_the_least_accuracy_and_calibration(folder: Path) -> None:
    assert judged(folder, wrong_on(range(50)), None, min_accuracy=0.75).passes
    refused = judged(folder, wrong_on(range(50)), None, min_accuracy=0.8)
    assert refused.objections == ["accuracy: accuracy 0.7500, at least 0.8"]


@pytest.mark.parametrize("champion", [None, wrong_on(range(90, 110))])
def test_a_version_whose_confidence_is_off_is_refused(folder: Path, champion: list[int] | None) -> None:
    # It is always right and says 0.8.
    assert judged(folder, wrong_on([]), champion, max_calibration_error=0.21).passes
    refused = judged(folder, wrong_on([]), champion, max_calibration_error=0.19)
    assert refused.objections == ["calibration: expected calibration error 0.2000, at most 0.19"]
