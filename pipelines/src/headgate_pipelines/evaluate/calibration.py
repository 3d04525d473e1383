"""How far confidence can be believed."""

import numpy as np
from numpy.typing import NDArray

from headgate_pipelines.evaluate.record import Bin

BINS = 15
"""As Guo et al. 2017, "On Calibration of Modern Neural Networks"."""


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin]:
    """Images in bins of about equal size, from low to high confidence.

    Guo et al. cut the range of the confidence into bins of equal width. Most images of a good classifier lie in the
    last of those, so we cut at quantiles (equal mass; Nixon et al. 2019, "Measuring Calibration in Deep Learning").
    Equal confidences are always in one bin, so that the order of the images does not matter.

    Args:
        confidence: [N] score of the best class, in [0, 1].
        right: [N] whether that class is the true one.
    """
    if len(confidence) == 0:
        return []
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, confidence)
    members = [places == place for place in range(len(edges) + 1)]
    return [
        Bin(confidence=float(confidence[one].mean()), accuracy=float(right[one].mean()), count=int(one.sum()))
        for one in members
        if one.any()
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Mean distance between confidence and accuracy, weighted by the images of each bin (Naeini et al. 2015)."""
    images = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in bins) / images if images else 0.0
