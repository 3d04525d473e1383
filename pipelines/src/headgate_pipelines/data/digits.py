"""scikit-learn's handwritten digits as a folder of labelled pictures, for tests, the demo and a first workspace.

    python -m headgate_pipelines.data.digits DIR [--first N] [--last N] [--invert] [--brightness F] [--blur PIXELS]

The same arguments write the same bytes. Brightness and blur make pictures that drifted.
"""

import argparse
from pathlib import Path

import numpy as np
import sklearn.datasets
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

COUNT = 1797
SIDE = 128


def write_digits(
    target: Path, first: int = 0, last: int = COUNT, *, invert: bool = False, brightness: float = 1.0, blur: float = 0.0
) -> int:
    """Writes digits `first` to `last` - 1 of the set as `<label>/<number>.png`, 128x128 RGB.

    Args:
        invert: black ink on white paper instead of white on black.
        brightness: factor of each pixel's value; 1 changes nothing.
        blur: radius of a Gaussian blur, pixels of the 128.

    Returns:
        How many pictures it wrote.
    """
    digits = sklearn.datasets.load_digits()
    numbers = range(first, min(last, COUNT))
    for number in numbers:
        # The set counts 0 to 16 inked pixels of 16; a byte has 0 to 255.
        pixels = np.round(digits.images[number] * 255 / 16).astype(np.uint8)
        image = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB")
        if invert:
            image = ImageOps.invert(image)
        image = ImageEnhance.Brightness(image).enhance(brightness).filter(ImageFilter.GaussianBlur(blur))
        path = target / str(digits.target[number]) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return len(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write handwritten digits as PNG files, a folder for each label.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=COUNT)
    parser.add_argument("--invert", action="store_true", help="black on white")
    parser.add_argument("--brightness", type=float, default=1.0)
    parser.add_argument("--blur", type=float, default=0.0, help="radius in pixels")
    given = parser.parse_args()
    look = {"invert": given.invert, "brightness": given.brightness, "blur": given.blur}
    count = write_digits(given.target, given.first, given.last, **look)
    print(f"wrote {count} pictures to {given.target}")


if __name__ == "__main__":
    main()
