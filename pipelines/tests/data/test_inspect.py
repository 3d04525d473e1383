"""What one image has to be, and what tells that two are the same."""

import io
import struct
import zlib

import pytest
from PIL import Image

from headgate_pipelines.data.inspect import Unfit, inspect
from headgate_pipelines.params import Ingest
from tests.data.pictures import picture

RULES = Ingest()


def reason(content: bytes, rules: Ingest = RULES) -> str:
    with pytest.raises(Unfit) as caught:
        inspect(content, rules)
    return f"{caught.value.reason}: {caught.value.detail}"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes whose header names any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_the_same_pixels_in_two_files_have_one_pixel_digest() -> None:
    first = picture(1)
    out = io.BytesIO()
    Image.open(io.BytesIO(first)).save(out, "PNG", compress_level=0)
    one, two = inspect(first, RULES), inspect(out.getvalue(), RULES)
    assert one.sha256 != two.sha256
    assert (one.pixels_sha256, one.phash) == (two.pixels_sha256, two.phash)
    assert inspect(picture(2), RULES).pixels_sha256 != one.pixels_sha256


def test_a_picture_and_its_smaller_copy_look_alike() -> None:
    large, small = (inspect(picture(3, side, "JPEG"), RULES) for side in (128, 64))
    assert (large.phash ^ small.phash).bit_count() <= 4
    assert (large.phash ^ inspect(picture(4), RULES).phash).bit_count() > 16


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("width", [8_001, 17_000, 2**31 - 1])
def test_a_bomb_is_refused_by_its_header(width: int) -> None:
    rules = Ingest(max_side=2**31)
    assert reason(png_that_claims(width, 10_000), rules).startswith("size: ")


def test_sides_outside_the_range_are_refused() -> None:
    assert reason(picture(1, side=7)) == "size: 7x7; sides of 8 to 8192 pixels are allowed"
    assert reason(png_that_claims(8193, 8)) == "size: 8193x8; sides of 8 to 8192 pixels are allowed"


def test_formats_outside_the_list_are_refused() -> None:
    assert reason(picture(1, kind="BMP")) == "format: is bmp; allowed: jpeg, png, webp"
    assert reason(picture(1), Ingest(formats=("jpeg",))) == "format: is png; allowed: jpeg"
    assert inspect(picture(1, kind="WEBP"), RULES).extension == "webp"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        picture(1)[:-100],
        picture(1, 200, "JPEG")[:-500],
        picture(1, kind="WEBP")[:-50],
        png_that_claims(16, 16),
    ],
    ids=["empty", "no header", "half a PNG", "half a JPEG", "half a WebP", "no pixels"],
)
def test_what_cannot_be_decoded_in_full_is_unreadable(content: bytes) -> None:
    assert reason(content).startswith("unreadable: ")
