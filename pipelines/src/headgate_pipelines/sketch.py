"""What the engine sees of an image in 37 numbers; contracts/src/sketch.ts says what they mean."""

from collections.abc import Mapping
from typing import Any

SCALARS = ("width", "height", "brightness", "contrast", "sharpness")
FEATURES = 32


def numbers_of(sketch: Mapping[str, Any]) -> list[float]:
    """The scalars, then the features."""
    return [*(sketch[name] for name in SCALARS), *sketch["features"]]
