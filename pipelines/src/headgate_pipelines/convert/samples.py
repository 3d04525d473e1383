"""Sample photos: copies in samples/, and JPEG versions for benchmarks in samples/bench/."""

import io
from pathlib import Path

from headgate_pipelines.convert.artefacts import publish, write_file
from headgate_pipelines.convert.photos import BENCH, SAMPLES, wheel_photo


def copy_samples(root: Path, _inputs: str) -> bool:
    """Copies the photos byte by byte into samples/; False when all existed."""
    written = [
        write_file(root / "samples" / photo.file, wheel_photo(photo.wheel_file).read_bytes()) for photo in SAMPLES
    ]
    return any(written)


def encode_jpeg(source: Path, quality: int) -> bytes:
    """The photo as a baseline RGB JPEG with 4:2:0 chroma, what phones and browsers send most."""
    from PIL import Image  # here, because copying alone does not need it and its import takes 50 ms

    buffer = io.BytesIO()
    with Image.open(source) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def write_bench(root: Path, inputs: str) -> bool:
    """Writes samples/bench/*.jpg; always True."""
    photos = {f"{name}.jpg": encode_jpeg(wheel_photo(file), quality) for name, file, quality in BENCH}
    publish(root / "samples" / "bench", photos, inputs)
    return True
