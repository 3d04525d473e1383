"""Sketches of images as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from headgate_pipelines.sketch import FEATURES, SCALARS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """n images, at most one of each unit of randomness: the tests take them as independent."""

    scalars: Floats
    """[n, 5] in the order of SCALARS."""
    features: Floats
    """[n, 32]"""
    class_ids: Ints
    """[n] the class that the model saw first."""

    def __len__(self) -> int:
        return len(self.class_ids)

    def take(self, rows: Ints) -> Self:
        """The images of these rows, in that order."""
        return type(self)(self.scalars[rows], self.features[rows], self.class_ids[rows])


def sample_of(sketches: Sequence[Sequence[float]], class_ids: Sequence[int]) -> Sample:
    """A sample of sketches of 37 numbers each: the scalars, then the features.

    Raises:
        ValueError: another shape, or a number that is not finite.
    """
    table = np.asarray(sketches, dtype=np.float64).reshape(len(class_ids), len(SCALARS) + FEATURES)
    if not np.isfinite(table).all():
        raise ValueError("a sketch has a number that is not finite")
    split = len(SCALARS)
    return Sample(table[:, :split], table[:, split:], np.asarray(class_ids, dtype=np.int64))
