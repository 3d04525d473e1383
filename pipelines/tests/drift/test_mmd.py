from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate_pipelines.drift.mmd import MOST, gaussian_kernel, mmd


def naive(reference: np.ndarray, now: np.ndarray) -> float:
    """Gretton et al. 2012, equation 3, term by term."""
    pooled = np.concatenate([reference, now])
    distance = float(np.median([((a - b) ** 2).sum() for a, b in combinations(pooled, 2)]))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-((a - b) ** 2).sum() / (2 * distance)))

    within = [
        sum(kernel(one, other) for i, one in enumerate(s) for j, other in enumerate(s) if i != j)
        / (len(s) * (len(s) - 1))
        for s in (reference, now)
    ]
    between = sum(kernel(a, b) for a in reference for b in now) / (len(reference) * len(now))
    return within[0] + within[1] - 2 * between


@given(st.integers(0, 2**32 - 1), st.integers(5, 15), st.integers(5, 15), st.floats(0, 2))
@settings(max_examples=20, deadline=None)
def test_is_the_unbiased_estimate_of_the_literature_in_any_order(seed: int, n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 4)), rng.normal(size=(m, 4)) + shift
    measured = mmd(a, b, 19, rng)
    assert measured.statistic == pytest.approx(naive(a, b), abs=1e-9)
    assert 1 / 20 <= measured.p <= 1
    assert mmd(rng.permutation(a), b[::-1], 19, rng).statistic == pytest.approx(measured.statistic, abs=1e-9)


def test_a_sample_does_not_differ_from_itself_nor_one_image_from_itself() -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=(80, 32))
    assert mmd(a, a, 199, rng).p > 0.5
    assert mmd(np.ones((60, 32)), np.ones((60, 32)), 199, rng).p == 1


def test_its_null_is_drawn_from_both_samples_so_p_values_are_uniform() -> None:
    rng = np.random.default_rng(3)
    p = [mmd(rng.normal(size=(40, 3)), rng.normal(size=(25, 3)), 99, rng).p for _ in range(300)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)


def test_finds_a_change_of_spread_and_bounds_its_memory() -> None:
    rng = np.random.default_rng(4)
    assert mmd(rng.normal(size=(3 * MOST, 8)), 1.3 * rng.normal(size=(2 * MOST, 8)), 99, rng).p == 1 / 100


def test_the_kernel_has_a_scale_where_most_images_are_the_same() -> None:
    points = np.zeros((20, 2))
    points[0] = 3
    kernel = gaussian_kernel(points)
    assert kernel[1, 2] == 1
    assert 0 < kernel[0, 1] < 0.5
