"""The sample photos: the wheel's own bytes, licences listed, and benchmark JPEGs of the promised sizes."""

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from headgate_pipelines.convert import main
from headgate_pipelines.convert.photos import BENCH, SAMPLES, wheel_photo
from tests.convert.conftest import CHECKOUT

KIB = 1024


def test_samples_are_the_wheels_own_bytes(built: Path) -> None:
    for photo in SAMPLES:
        assert (built / "samples" / photo.file).read_bytes() == wheel_photo(photo.wheel_file).read_bytes()


def test_every_sample_has_its_licence_listed() -> None:
    listed = (CHECKOUT / "samples/LICENSES.md").read_text("utf-8")
    names = [photo.file for photo in SAMPLES] + [f"bench/{name}.jpg" for name, _, _ in BENCH] + ["digit-7.png"]
    assert [name for name in names if f"`{name}`" not in listed] == []


def test_bench_photos_are_nine_jpegs_of_mixed_size(built: Path) -> None:
    files = sorted((built / "samples/bench").glob("*.jpg"))
    assert len(files) == 9
    assert all(30 * KIB <= file.stat().st_size <= 200 * KIB for file in files)
    sizes = set()
    for file in files:
        with Image.open(file) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            sizes.add(image.size)
    assert len(sizes) >= 5


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    """An empty home and no import of scikit-image: nothing can fetch a photo."""
    code = (
        "import sys, main, pathlib; main.STEPS = main.STEPS[:2]; main.run(pathlib.Path(sys.argv[1]));"
        "assert not {'skimage', 'pooch'} & set(sys.modules)"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(main.__file__).parent)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples"]
