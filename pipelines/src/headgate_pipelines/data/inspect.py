"""One image: is it what params.yaml asks for, and what identifies it?"""

import hashlib
import io
from dataclasses import dataclass

import imagehash
from PIL import Image, ImageFile, UnidentifiedImageError

from headgate_pipelines.convert.orientation import upright
from headgate_pipelines.page import MAX_PIXELS
from headgate_pipelines.params import Ingest

MAX_BYTES = 64 * 1024 * 1024
"""Of one file. A service that takes photos refuses larger ones long before."""

STRIP = 256
"""Rows."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A readable image."""

    sha256: str
    pixels_sha256: str
    """Of the decoded RGB as it is shown, and its shape: equal for the same picture in two files."""
    phash: int
    """Perceptual hash, 64 bits."""
    width: int
    height: int
    extension: str


class Unfit(Exception):
    """The image is not what params.yaml asks for."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def inspect(content: bytes, rules: Ingest) -> Inspected:
    """Decodes the image in full.

    Raises:
        Unfit: with one of the reasons `format`, `size`, `unreadable`.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            _check_header(image, rules)
            shown = upright(image)
            pixels = shown if shown.mode == "RGB" else shown.convert("RGB")
    except Unfit:
        raise
    except Image.DecompressionBombError as error:
        raise Unfit("size", f"more pixels than {MAX_PIXELS:,}") from error
    except UnidentifiedImageError as error:
        raise Unfit("unreadable", "no image of a format that is known") from error
    # Pillow's decoders raise whatever a damaged file provokes: OSError, SyntaxError, ValueError, struct.error.
    except Exception as error:
        raise Unfit("unreadable", f"cannot be decoded: {str(error)[:200] or type(error).__name__}") from error
    return Inspected(
        sha256=hashlib.sha256(content).hexdigest(),
        pixels_sha256=_digest_of(pixels),
        phash=int(str(imagehash.phash(pixels)), 16),
        width=pixels.width,
        height=pixels.height,
        extension=(image.format or "").lower(),
    )


def _digest_of(pixels: Image.Image) -> str:
    """In strips: `tobytes` of the whole would double the memory of a large image."""
    width, height = pixels.size
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    for top in range(0, height, STRIP):
        digest.update(pixels.crop((0, top, width, min(top + STRIP, height))).tobytes())
    return digest.hexdigest()


def _check_header(image: ImageFile.ImageFile, rules: Ingest) -> None:
    """Before any pixel is decoded."""
    kind = (image.format or "unknown").lower()
    if kind not in rules.formats:
        raise Unfit("format", f"is {kind}; allowed: {', '.join(rules.formats)}")
    width, height = image.size
    if min(width, height) < rules.min_side or max(width, height) > rules.max_side:
        raise Unfit("size", f"{width}x{height}; sides of {rules.min_side} to {rules.max_side} pixels are allowed")
    if width * height > MAX_PIXELS:
        raise Unfit("size", f"{width}x{height} has more pixels than {MAX_PIXELS:,}")
