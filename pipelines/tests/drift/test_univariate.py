import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from headgate_pipelines.drift.univariate import (
    bin_edges,
    classes,
    kolmogorov_smirnov,
    permutation_p,
    psi,
)
from headgate_pipelines.holm import holm

numbers = arrays(np.float64, st.integers(50, 120), elements=st.floats(-1e6, 1e6, width=32))
counts = arrays(np.int64, 8, elements=st.integers(0, 10_000))
p_values = st.lists(st.floats(1e-12, 1), min_size=1, max_size=12)


def random() -> np.random.Generator:
    return np.random.default_rng(1)


@given(numbers, numbers)
@settings(max_examples=50, deadline=None)
def test_kolmogorov_smirnov_is_that_of_scipy_and_does_not_depend_on_the_order(a: np.ndarray, b: np.ndarray) -> None:
    measured = kolmogorov_smirnov(a, b)
    expected = stats.ks_2samp(a, b, method="asymp")
    assert measured.statistic == pytest.approx(expected.statistic)
    assert measured.p == pytest.approx(expected.pvalue)
    assert 0 < measured.p <= 1
    assert kolmogorov_smirnov(random().permutation(a), b[::-1]) == measured


@given(numbers)
@settings(max_examples=30, deadline=None)
def test_a_sample_never_differs_from_itself(a: np.ndarray) -> None:
    measured = kolmogorov_smirnov(a, a)
    assert (measured.p, measured.effect) == (1, 0)
    ids = (np.abs(a) % 7).astype(np.int64)
    assert classes(ids, ids, 99, random()).p == 1


@given(counts, counts)
def test_psi_is_at_least_0_and_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    assert psi(a, b) >= 0
    assert psi(a, b) == pytest.approx(psi(b, a))
    assert psi(a, a) == 0


def test_bins_tell_few_values_apart_where_deciles_would_be_one_value() -> None:
    before, after = np.full(300, 128.0), np.full(300, 256.0)
    assert bin_edges(np.concatenate([before, after])).tolist() == [128]
    measured = kolmogorov_smirnov(before, after)
    assert measured.effect > 10
    assert measured.p < 1e-9


def test_classes_agree_with_the_chi_square_test_where_that_is_valid() -> None:
    rng = random()
    reference, now = rng.integers(0, 5, 900), rng.choice(5, 700, p=[0.25, 0.21, 0.18, 0.18, 0.18])
    table = [np.bincount(ids, minlength=5) for ids in (reference, now)]
    expected = stats.chi2_contingency(table, correction=False)
    measured = classes(reference, now, 20_000, rng)
    assert measured.statistic == pytest.approx(expected.statistic)
    assert measured.p == pytest.approx(expected.pvalue, abs=0.02)


def test_many_classes_that_each_occur_once_are_no_drift() -> None:
    """The chi-square distribution is far off here."""
    measured = classes(np.arange(60), np.arange(60, 120), 999, random())
    assert measured.p == 1


def test_a_thousand_classes_take_little_memory() -> None:
    tracemalloc.start()
    classes(np.arange(1000), np.arange(1000), 5000, random())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


@given(p_values)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p: list[float]) -> None:
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    assert all(0 < before <= after <= 1 for before, after in zip(p, adjusted, strict=True))
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
    assert min(adjusted) == pytest.approx(min(1, len(p) * min(p)))


def test_holm_as_in_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_p_value_of_permutations_is_never_0_and_counts_ties() -> None:
    assert permutation_p(5, np.arange(4.0)) == 1 / 5
    assert permutation_p(3, np.arange(4.0)) == 2 / 5
    assert permutation_p(3 + 1e-12, np.arange(4.0)) == 2 / 5
