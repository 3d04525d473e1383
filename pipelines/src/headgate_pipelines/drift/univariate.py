"""Tests of one number or class at a time, the population stability index, and Holm's correction."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from headgate_pipelines.drift.sample import Floats, Ints

BINS = 10
BLOCK = 500
"""Permutations that are computed at once: those of a thousand classes take 4 MB an array."""


@dataclass(frozen=True)
class Measured:
    """Result of one test of two samples."""

    statistic: float
    p: float
    """In (0, 1]: the chance of such a statistic without drift."""
    effect: float
    """How large the difference is, on a scale that does not grow with the samples."""


def kolmogorov_smirnov(reference: Floats, now: Floats) -> Measured:
    """Two-sample Kolmogorov-Smirnov test of a number; ties make it conservative. The effect is the PSI."""
    result = stats.ks_2samp(reference, now, method="asymp")
    edges = bin_edges(np.concatenate([reference, now]))
    counts = [np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) for values in (reference, now)]
    return Measured(float(result.statistic), _possible(float(result.pvalue)), float(psi(*counts)))


def classes(reference: Ints, now: Ints, permutations: int, rng: np.random.Generator) -> Measured:
    """Chi-square statistic of the class counts with its permutation null: rare classes do no harm.

    Permuting the pooled labels gives counts with fixed margins, which is one draw of a multivariate
    hypergeometric distribution (Patefield, Algorithm AS 159, 1981). The effect is the PSI.
    """
    names = np.unique(np.concatenate([reference, now]))
    before = np.searchsorted(names, reference)
    counts = np.bincount(before, minlength=len(names))
    counts_now = np.bincount(np.searchsorted(names, now), minlength=len(names))
    both = counts + counts_now
    expected = both * (len(now) / both.sum())

    def chi_square(drawn: Ints) -> Floats:
        # Of both rows of the table: the other row has the same deviations, over its own expected counts.
        return ((drawn - expected) ** 2 / (expected * (1 - len(now) / both.sum()))).sum(axis=-1)

    def null(size: int) -> Floats:
        return chi_square(rng.multivariate_hypergeometric(both, len(now), size=size, method="marginals"))

    observed = float(chi_square(counts_now))
    p = permutation_p(observed, in_blocks(null, permutations))
    return Measured(observed, p, float(psi(counts, counts_now)))


def bin_edges(pooled: Floats) -> Floats:
    """Upper edges, inclusive, of all bins but the last: the values themselves if they are few, else deciles."""
    values = np.unique(pooled)
    if len(values) <= BINS:
        return values[:-1]
    deciles = np.quantile(pooled, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return np.unique(deciles)


def psi(reference: Ints, now: Ints) -> Floats:
    """Population stability index of rows of counts, at least 0: the sum of (q - p) ln(q / p) over the last axis.

    Half an observation is added to each bin, so that an empty one does not make it infinite.
    """
    p, q = ((counts + 0.5) / (counts + 0.5).sum(axis=-1, keepdims=True) for counts in (reference, now))
    return ((q - p) * np.log(q / p)).sum(axis=-1)


def in_blocks(statistics: Callable[[int], Floats], permutations: int) -> Floats:
    """The statistic of each permutation; `statistics` computes so many at once."""
    sizes = [min(BLOCK, permutations - done) for done in range(0, permutations, BLOCK)]
    return np.concatenate([statistics(size) for size in sizes])


def permutation_p(observed: float, null: Floats) -> float:
    """(1 + those at least as large) / (1 + all), which is valid at any number of permutations.

    Phipson and Smyth, Permutation p-values should never be zero, 2010. Sums that differ by rounding are ties.
    """
    tolerance = 1e-9 * max(1.0, abs(observed))
    return float((1 + np.count_nonzero(null >= observed - tolerance)) / (1 + len(null)))


def _possible(p: float) -> float:
    """A p-value in (0, 1]: series end a hair outside."""
    return min(1.0, max(p, float(np.finfo(np.float64).tiny)))
