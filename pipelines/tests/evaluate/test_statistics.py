import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from headgate_pipelines.evaluate.statistics import mcnemar_mid_p, sign_test_p, tango_interval

counts = st.integers(0, 60)


@given(counts, counts)
def test_mid_p_is_the_exact_binomial_p_less_half_of_what_was_observed_on_both_sides(first: int, second: int) -> None:
    changed, most = first + second, max(first, second)
    exact = binomtest(most, changed, 0.5, alternative="greater").pvalue if changed else 1.0
    observed = float(binom.pmf(most, changed, 0.5)) if changed else 0.0
    assert mcnemar_mid_p(first, second) == pytest.approx(min(1, 2 * (exact - observed / 2)))
    assert mcnemar_mid_p(first, second) == mcnemar_mid_p(second, first)


@given(counts, counts, st.integers(0, 300), st.sampled_from([0.01, 0.05, 0.2]))
def test_tangos_interval_excludes_zero_exactly_where_mcnemars_statistic_does(
    first: int, second: int, same: int, alpha: float
) -> None:
    images = first + second + same + 1
    low, high = tango_interval(first, second, images, alpha)
    estimate = (first - second) / images
    assert -1 <= low <= estimate <= high <= 1
    if first + second:
        z = (first - second) / np.sqrt(first + second)
        quantile = norm.ppf(1 - alpha / 2)
        if abs(abs(z) - quantile) > 1e-6:
            assert (low > 0 or high < 0) == (abs(z) > quantile)


@given(counts, counts, st.integers(1, 300))
def test_tangos_interval_turns_around_when_the_versions_change_places(first: int, second: int, same: int) -> None:
    images = first + second + same
    low, high = tango_interval(first, second, images, 0.05)
    assert tango_interval(second, first, images, 0.05) == pytest.approx((-high, -low), abs=1e-6)


def test_tangos_interval_ends_at_one_when_only_the_first_is_ever_right() -> None:
    low, high = tango_interval(20, 0, 20, 0.05)
    assert high == 1
    assert 0.6 < low < 1


@pytest.mark.parametrize(("won", "lost"), [(0.08, 0.03), (0.02, 0.02), (0.3, 0.1)])
def test_tangos_interval_covers_the_true_difference_in_about_95_of_100_samples(won: float, lost: float) -> None:
    draws = np.random.default_rng(7).multinomial(200, [won, lost, 1 - won - lost], size=1500)
    intervals = [tango_interval(int(b), int(c), 200, 0.05) for b, c, _ in draws]
    covered = np.mean([low <= won - lost <= high for low, high in intervals])
    assert 0.93 <= covered <= 0.975


def test_the_mid_p_test_alarms_in_at_most_about_5_of_100_samples_of_equal_versions() -> None:
    draws = np.random.default_rng(8).multinomial(300, [0.04, 0.04, 0.92], size=3000)
    alarms = np.mean([mcnemar_mid_p(int(b), int(c)) < 0.05 for b, c, _ in draws])
    assert alarms <= 0.06


def test_a_loss_of_all_changed_images_is_unlikely_by_chance() -> None:
    assert sign_test_p(10, 0) == pytest.approx(0.5**11)
    assert sign_test_p(0, 10) > 0.99
    assert sign_test_p(0, 0) == 1
