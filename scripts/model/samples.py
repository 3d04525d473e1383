"""Sample photos: copies in samples/, and JPEG versions for benchmarks in samples/bench/."""

import argparse
import io
from pathlib import Path

from artefacts import inputs_digest, is_current, publish, write_file
from photos import BENCH, SAMPLES, wheel_photo


def copy_samples(root: Path) -> int:
    """Copies the photos byte by byte into samples/; the number of files that changed."""
    return sum(
        write_file(root / "samples" / photo.file, wheel_photo(photo.wheel_file).read_bytes()) for photo in SAMPLES
    )


def encode_jpeg(source: Path, quality: int) -> bytes:
    """The photo as a baseline RGB JPEG with 4:2:0 chroma, what phones and browsers send most."""
    from PIL import Image  # only when there is something to encode: the import takes 50 ms

    buffer = io.BytesIO()
    with Image.open(source) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def write_samples(root: Path, inputs: str) -> bool:
    """Makes samples/ complete; False when it already was."""
    changed = copy_samples(root) > 0
    bench = root / "samples" / "bench"
    if is_current(bench, inputs):
        return changed
    publish(bench, {f"{name}.jpg": encode_jpeg(wheel_photo(file), quality) for name, file, quality in BENCH}, inputs)
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Copy the sample photos and encode the benchmark JPEGs.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="checkout (default: current folder)")
    print("written" if write_samples(parser.parse_args().root, inputs_digest()) else "unchanged")
