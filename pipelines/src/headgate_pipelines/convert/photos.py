"""The photos that setup uses: files of scikit-image's wheel, read in place, nothing downloaded.

`shows` and `class_ids` are what a person sees, written down without asking a model. Tests judge by them.
"""

from dataclasses import dataclass
from pathlib import Path

from headgate_pipelines.convert.packages import package_folder


@dataclass(frozen=True)
class Photo:
    """A sample photo: its names under samples/ and in the wheel, and the ImageNet classes that fit it."""

    file: str
    wheel_file: str
    shows: str
    class_ids: tuple[int, ...]


SAMPLES = (
    Photo("chelsea.png", "chelsea.png", "the face of a cat", (281, 282, 283, 285)),
    Photo("coffee.png", "coffee.png", "an espresso in a cup", (504, 967, 968)),
    Photo("camera.png", "camera.png", "a man behind a camera on a tripod", (759, 872)),
    Photo("rocket.jpg", "rocket.jpg", "a rocket that lifts off", (657, 744)),
    Photo("motorcycle.png", "motorcycle_left.png", "a motorcycle in a garage", (665, 670)),
)

# Benchmarks measure on JPEG: nine photos of mixed size, about 30 to 200 kB at these qualities.
BENCH = (
    ("chelsea", "chelsea.png", 92),
    ("coffee", "coffee.png", 92),
    ("camera", "camera.png", 88),
    ("astronaut", "astronaut.png", 90),
    ("rocket", "rocket.jpg", 88),
    ("rocket-small", "rocket.jpg", 79),
    ("motorcycle", "motorcycle_left.png", 90),
    ("motorcycle-large", "motorcycle_right.png", 96),
    ("hubble", "hubble_deep_field.jpg", 70),
)

# Ranges for the int8 model: objects, textures, faces, dark and light pictures.
CALIBRATION = (
    "chelsea.png",
    "coffee.png",
    "astronaut.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "camera.png",
    "coins.png",
    "horse.png",
    "grass.png",
    "gravel.png",
    "brick.png",
    "retina.jpg",
    "hubble_deep_field.jpg",
)


def wheel_photo(name: str) -> Path:
    """Path of a photo inside the installed scikit-image, found without importing it."""
    return package_folder("skimage") / "data" / name
