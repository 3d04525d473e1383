"""Tests and intervals for two classifiers on the same images."""

from math import sqrt

from scipy.optimize import brentq
from scipy.stats import binom, norm

EDGE = 1e-9


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Two-sided mid-p of the exact McNemar test that both are right equally often, in [0, 1].

    The exact test is too careful for few images, the asymptotic one too bold; the mid-p version is close to its level
    (Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91).

    Args:
        only_first: images that only the first has right.
        only_second: images that only the second has right.
    """
    return min(1.0, 2 * sign_test_p(max(only_first, only_second), min(only_first, only_second)))


def sign_test_p(worse: int, better: int) -> float:
    """One-sided mid-p of `worse` or more, of all that differ, when either is equally likely."""
    changed = worse + better
    if changed == 0:
        return 1.0
    return float(binom.sf(worse, changed, 0.5) + binom.pmf(worse, changed, 0.5) / 2)


def tango_interval(only_first: int, only_second: int, images: int, alpha: float) -> tuple[float, float]:
    """Score interval of the difference of two accuracies on the same images, at level 1 - alpha.

    Tango 1998, Statistics in Medicine 17:891-908. With a difference of 0 its statistic is McNemar's.

    Returns:
        (low, high) of accuracy of the first minus accuracy of the second, in [-1, 1].
    """
    z = float(norm.ppf(1 - alpha / 2))
    estimate = (only_first - only_second) / images

    def statistic(delta: float) -> float:
        return _tango_statistic(only_first, only_second, images, delta)

    low = -1.0 if estimate <= -1 else brentq(lambda delta: statistic(delta) - z, -1 + EDGE, estimate)
    high = 1.0 if estimate >= 1 else brentq(lambda delta: statistic(delta) + z, estimate, 1 - EDGE)
    return float(low), float(high)


def _tango_statistic(first: int, second: int, images: int, delta: float) -> float:
    """Standardised distance of the counts from a true difference `delta`."""
    distance = first - second - images * delta
    if distance == 0:
        return 0.0
    linear = -first - second + (2 * images - first + second) * delta
    constant = -second * delta * (1 - delta)
    share = (sqrt(max(linear**2 - 8 * images * constant, 0)) - linear) / (4 * images)
    return distance / sqrt(max(images * (2 * share + delta * (1 - delta)), EDGE**2))
