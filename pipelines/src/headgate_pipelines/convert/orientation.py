"""How a stored picture is turned to be shown."""

import struct

from PIL import Image

PREFIX = b"Exif\0\0"
"""In front of the TIFF data in JPEG; some writers put it into PNG and WebP too, or write it twice."""
TAG = 0x112
FORMATS = {1: "B", 3: "H", 4: "I"}
"""Types of TIFF that hold a whole number: BYTE, SHORT, LONG."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF says that it is shown, as contracts/src/image/orientation.ts reads it.

    ImageOps.exif_transpose also asks XMP, which serving and browsers do not, and raises for damaged EXIF.
    """
    image.load()  # the EXIF of a PNG may lie behind its pixels
    exif = image.info.get("exif", b"")
    turn = TURNS.get(orientation_of(exif)) if isinstance(exif, bytes) else None
    return image if turn is None else image.transpose(turn)


def orientation_of(exif: bytes) -> int:
    """1 to 8; 1, as stored, also where the data are damaged. Looks at one directory and follows nothing."""
    while exif.startswith(PREFIX):
        exif = exif[len(PREFIX) :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    value = 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, items, _ = struct.unpack_from(f"{order}HHII", exif, entry)
            if tag == TAG:
                known = items == 1 and kind in FORMATS
                value = struct.unpack_from(order + FORMATS[kind], exif, entry + 8)[0] if known else 1
    except struct.error:  # the data end here
        pass
    return value if 1 <= value <= 8 else 1
