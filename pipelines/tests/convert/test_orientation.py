"""A picture is turned as its EXIF says, in every format, and never fails for it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from headgate_pipelines.convert.orientation import TAG, orientation_of, upright
from headgate_pipelines.convert.reference import Preprocessing, preprocess

FORMATS = ("JPEG", "PNG", "WEBP")
CORNER = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
"""(row, column) of the stored upper left corner in the shown picture (CIPA DC-008, 4.6.5)."""


def encoded(kind: str, exif: Image.Exif | bytes) -> Image.Image:
    """64x32, black, with a white upper left corner."""
    pixels = np.zeros((32, 64), np.uint8)
    pixels[:16, :16] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, kind, exif=exif, quality=95)
    return Image.open(file)


def tagged(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[TAG] = value
    return exif


def entry(order: str, kind: int, items: int, value: int) -> bytes:
    """EXIF of one directory with one entry, a number of 16 bits."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return b"Exif\0\0" + magic + struct.pack(f"{order}IHHHIHHI", 8, 1, TAG, kind, items, value, 0, 0)


def test_reads_both_byte_orders_the_last_entry_and_whatever_the_count_says() -> None:
    assert [orientation_of(entry(order, 3, 1, 7)) for order in "<>"] == [7, 7]
    twice = b"II*\0" + struct.pack("<IHHHIIHHII", 8, 65535, TAG, 3, 1, 6, TAG, 3, 1, 8)
    assert orientation_of(b"Exif\0\0Exif\0\0" + twice) == 8


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", CORNER)
def test_shows_the_stored_corner_where_exif_puts_it(kind: str, orientation: int) -> None:
    shown = upright(encoded(kind, tagged(orientation)))
    assert shown.size == ((32, 64) if orientation > 4 else (64, 32))
    assert np.asarray(shown.convert("L"))[CORNER[orientation]] > 200


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "exif",
    [
        tagged(0),
        tagged(9),
        entry("<", 2, 1, 6),
        entry(">", 3, 2, 6),
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0rubbish",
        b"",
    ],
)
def test_shows_as_stored_what_damaged_exif_says(kind: str, exif: Image.Exif | bytes) -> None:
    assert np.asarray(upright(encoded(kind, exif)).convert("L"))[0, 0] > 200


def test_asks_no_xmp() -> None:
    image = encoded("JPEG", b"")
    image.info["xmp"] = b'<x tiff:Orientation="6"/>'
    assert upright(image).size == (64, 32)


@pytest.mark.parametrize(("orientation", "corner"), [("apply", (0, -1)), ("ignore", (0, 0))])
def test_the_model_gets_what_the_manifest_says(orientation: str, corner: tuple[int, int]) -> None:
    spec = Preprocessing.of({"width": 8, "height": 8, "channels": 1, "fit": "stretch", "orientation": orientation})
    assert preprocess(encoded("PNG", tagged(6)), spec)[0, :, :, 0][corner] > 200
