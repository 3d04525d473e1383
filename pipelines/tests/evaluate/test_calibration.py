import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from headgate_pipelines.evaluate.calibration import BINS, expected_calibration_error, reliability

pairs = st.lists(st.tuples(st.sampled_from([0.1 * n for n in range(1, 10)] + [0.999, 1.0]), st.booleans()), min_size=1)


@given(pairs)
def test_the_order_of_the_images_does_not_matter(images: list[tuple[float, bool]]) -> None:
    def bins(members: list[tuple[float, bool]]) -> list[float]:
        confidence, right = (np.array(column) for column in zip(*members, strict=True))
        return [value for one in reliability(confidence, right) for value in (one.confidence, one.accuracy, one.count)]

    assert bins(images) == pytest.approx(bins(sorted(images)))


def test_the_curve_is_that_of_scikit_learn_with_bins_at_quantiles() -> None:
    random = np.random.default_rng(1)
    confidence = random.random(500)
    right = random.random(500) < confidence**2
    accuracy, mean = calibration_curve(right, confidence, n_bins=BINS, strategy="quantile")
    bins = reliability(confidence, right)
    assert [one.accuracy for one in bins] == pytest.approx(accuracy)
    assert [one.confidence for one in bins] == pytest.approx(mean)
    assert expected_calibration_error(bins) == pytest.approx(np.mean(np.abs(accuracy - mean)), abs=0.003)


def test_a_version_that_is_always_sure_and_half_right_is_off_by_one_half() -> None:
    bins = reliability(np.ones(100), np.arange(100) % 2 == 0)
    assert len(bins) == 1
    assert expected_calibration_error(bins) == pytest.approx(0.5)


def test_a_calibrated_version_is_off_by_little_more_than_noise() -> None:
    random = np.random.default_rng(2)
    confidence = random.random(20_000)
    assert expected_calibration_error(reliability(confidence, random.random(20_000) < confidence)) < 0.02
