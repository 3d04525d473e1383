"""Maximum mean discrepancy: whether two samples of vectors come from one distribution."""

import numpy as np

from headgate_pipelines.drift.sample import Floats, Ints
from headgate_pipelines.drift.univariate import Measured, in_blocks, permutation_p

MOST = 1000
"""Vectors of each sample: more would cost memory and time by their square."""


def mmd(reference: Floats, now: Floats, permutations: int, rng: np.random.Generator) -> Measured:
    """Unbiased estimate of the squared MMD with a Gaussian kernel, and its permutation null from the pooled sample.

    Gretton et al., A kernel two-sample test, JMLR 13, 2012: lemma 6, and section 8 for the median heuristic. The
    null is drawn from both samples together; one drawn from the reference alone has a variance that is too small.

    Args:
        reference, now: [n, d] and [m, d]; a random part of MOST rows where there are more.

    Returns:
        The effect is the MMD itself, in [0, sqrt(2)].
    """
    reference, now = _part(reference, rng), _part(now, rng)
    kernel = gaussian_kernel(np.concatenate([reference, now]))
    is_now = np.zeros(len(kernel), dtype=bool)
    is_now[len(reference) :] = True
    observed = float(_squared(kernel, is_now[None])[0])
    null = in_blocks(lambda size: _squared(kernel, rng.permuted(np.tile(is_now, (size, 1)), axis=1)), permutations)
    return Measured(observed, permutation_p(observed, null), max(observed, 0.0) ** 0.5)


def gaussian_kernel(points: Floats) -> Floats:
    """[N, N] exp(-d^2 / 2 s^2), s the median distance; 0 on the diagonal, which the unbiased estimate leaves out."""
    points = points - points.mean(axis=0)
    norms = (points**2).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms - 2 * points @ points.T, 0)
    distances = squares[np.triu_indices(len(points), 1)]
    # Where most images are the same one, the median is 0: the mean then sets the scale.
    scale = float(np.median(distances)) or float(distances.mean()) or 1.0
    kernel: Floats = np.exp(squares / (-2 * scale))
    np.fill_diagonal(kernel, 0)
    return kernel


def _squared(kernel: Floats, is_now: Ints) -> Floats:
    """Estimates [b] for b splits. @param is_now: [b, N], with the same number of True in each row"""
    now = is_now.astype(np.float64)
    m = int(is_now[0].sum())
    n = len(kernel) - m
    within_now = ((now @ kernel) * now).sum(axis=1)
    between = now @ kernel.sum(axis=1) - within_now
    within_reference = kernel.sum() - 2 * between - within_now
    return within_reference / (n * (n - 1)) + within_now / (m * (m - 1)) - 2 * between / (n * m)


def _part(rows: Floats, rng: np.random.Generator) -> Floats:
    return rows if len(rows) <= MOST else rows[rng.choice(len(rows), MOST, replace=False)]
