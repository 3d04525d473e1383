import numpy as np
import pytest
from scipy import stats

from headgate_pipelines.drift.check import check
from headgate_pipelines.drift.classifier import two_sample_classifier
from headgate_pipelines.drift.sample import Sample, sample_of
from headgate_pipelines.params import Drift
from headgate_pipelines.sketch import SCALARS
from tests.drift.simulation import (
    CHANGES,
    all_digits,
    days_with_alarms,
    false_alarms,
    photo_of,
    power,
    seen_by_engine,
    with_more_of,
)

DIGITS = all_digits()
SEED = 20261130


@pytest.fixture(scope="session")
def pool() -> Sample:
    """800 digits as the engine sees them."""
    return seen_by_engine(photo_of(digit) for digit in DIGITS.images[:800])


def test_false_alarms_stay_below_5_percent_of_the_resamples(pool: Sample) -> None:
    """`python -m tests.drift.simulation` does the same with thousands; docs/drift.md has its figures."""
    repetitions = 200
    alarms = false_alarms(pool, 100, repetitions, 0.05, SEED)
    assert alarms["check"] / repetitions <= 0.05


def test_hourly_checks_of_a_day_share_its_false_alarms(pool: Sample) -> None:
    days = (23, 29, 30)
    assert [days_with_alarms(pool, 50, 1, 0.05, day) for day in days] == [1, 1, 1]
    assert [days_with_alarms(pool, 50, 1, Drift().level, day) for day in days] == [0, 0, 0]


@pytest.mark.parametrize("name", ["brightness 70 %", "blur of 14 pixels"])
def test_finds_changed_photos(pool: Sample, name: str) -> None:
    drifted = seen_by_engine(CHANGES[name](photo_of(digit)) for digit in DIGITS.images[:300])
    assert power(pool, drifted, 200, 8, SEED) == 1


def test_finds_a_shift_of_the_classes(pool: Sample) -> None:
    drifted = with_more_of(pool, DIGITS.labels[:800], 3, 0.4)
    assert power(pool, drifted, 200, 8, SEED) == 1


def test_identical_samples_never_alarm(pool: Sample) -> None:
    some = pool.take(np.arange(200))
    for seed in range(5):
        assert check(some, some, 0.05, np.random.default_rng(seed)).drifted == ()


def test_a_stricter_level_can_still_be_reached(pool: Sample) -> None:
    some = pool.take(np.arange(60))
    other = Sample(some.scalars, some.features + 5, (some.class_ids + 1) % 3)
    found = check(some, other, 0.001, np.random.default_rng(SEED)).drifted
    assert {"classes", "pictures", "together"} == {finding.name for finding in found}


def test_the_classifier_ranks_the_drifted_photos_first(pool: Sample) -> None:
    rng = np.random.default_rng(SEED)
    now = pool.take(np.arange(400, 800))
    changed = np.arange(400) < 40
    scalars = now.scalars.copy()
    scalars[changed, SCALARS.index("sharpness")] *= 0.2
    _, scores = two_sample_classifier(pool.take(np.arange(400)), Sample(scalars, now.features, now.class_ids), rng)
    assert ((scores > 0) & (scores < 1)).all()
    area = stats.mannwhitneyu(scores[changed], scores[~changed]).statistic / (40 * 360)
    assert area > 0.9


def test_the_classifier_has_p_values_that_are_not_too_small_on_few_photos() -> None:
    rng = np.random.default_rng(SEED)

    def noise(size: int) -> Sample:
        return Sample(rng.normal(size=(size, 5)), rng.normal(size=(size, 32)), np.zeros(size, dtype=np.int64))

    p = np.array([two_sample_classifier(noise(60), noise(50), rng)[0].p for _ in range(150)])
    assert np.mean(p <= 0.05) <= 0.08
    constant = Sample(np.ones((60, 5)), np.ones((60, 32)), np.zeros(60, dtype=np.int64))
    assert two_sample_classifier(constant, constant, rng)[0].p == 1


@pytest.mark.parametrize("sketch", [[1.0] * 36, [float("nan")] * 37])
def test_refuses_a_sketch_that_is_none(sketch: list[float]) -> None:
    with pytest.raises(ValueError, match=r"sketch|reshape"):
        sample_of([sketch], [0])
