"""How often the check is right, on real digits through the serving engine: `python -m tests.drift.simulation`.

Prints the rate of false alarms on resamples with its upper limit, and the power on synthetic drift.
"""

import argparse
import io
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import sklearn.datasets
from PIL import Image, ImageEnhance, ImageFilter
from scipy import stats

from headgate_pipelines.drift.check import check
from headgate_pipelines.drift.sample import Sample, sample_of
from headgate_pipelines.engine import probe
from headgate_pipelines.params import Drift
from headgate_pipelines.settings import read_settings
from headgate_pipelines.sketch import SCALARS

SIDE = 128
SIZES = (50, 200)
Change = Callable[[Image.Image], Image.Image]

CHANGES: dict[str, Change] = {
    "brightness 90 %": lambda photo: ImageEnhance.Brightness(photo).enhance(0.9),
    "brightness 70 %": lambda photo: ImageEnhance.Brightness(photo).enhance(0.7),
    "blur of 8 pixels": lambda photo: photo.filter(ImageFilter.GaussianBlur(8)),
    "blur of 14 pixels": lambda photo: photo.filter(ImageFilter.GaussianBlur(14)),
}


@dataclass(frozen=True)
class Digits:
    """Images uint8 [N,8,8], 0 to 255, and their labels int64 [N]."""

    images: np.ndarray
    labels: np.ndarray


def all_digits() -> Digits:
    """The 1,797 digits of scikit-learn in a fixed random order: neighbours in the set have one writer."""
    data = sklearn.datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    # The set counts 0 to 16 inked pixels of 16; a byte has 0 to 255.
    return Digits(np.round(data.images * 255 / 16).astype(np.uint8)[order], data.target[order])


def photo_of(digit: np.ndarray) -> Image.Image:
    """uint8 [8,8] as a photo of 128 x 128."""
    return Image.fromarray(digit).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def png(photo: Image.Image) -> bytes:
    """The encoded photo."""
    encoded = io.BytesIO()
    photo.save(encoded, "PNG")
    return encoded.getvalue()


def seen_by_engine(photos: Iterable[Image.Image]) -> Sample:
    """What the committed digits model sees of the photos."""
    settings = read_settings({})
    named = ((str(number), png(photo)) for number, photo in enumerate(photos))
    answers = list(probe(settings.root / "models" / "digits" / "1", named, settings))
    sketches = [
        [*(sketch[name] for name in SCALARS), *sketch["features"]]
        for sketch in (answer.sketch or {} for answer in answers)
    ]
    return sample_of(sketches, [answer.class_ids[0] for answer in answers])


def split(pool: Sample, size: int, rng: np.random.Generator) -> tuple[Sample, Sample]:
    """Two samples of `size` images without an image in common."""
    rows = rng.permutation(len(pool))
    return pool.take(rows[:size]), pool.take(rows[size : 2 * size])


def false_alarms(pool: Sample, size: int, repetitions: int, alpha: float, seed: int) -> Counter[str]:
    """Alarms by test, and of the whole check under `check`, on samples of one distribution."""
    rng = np.random.default_rng(seed)
    alarms: Counter[str] = Counter(check=0)
    for _ in range(repetitions):
        found = check(*split(pool, size, rng), alpha, rng).drifted
        alarms.update([*(finding.name for finding in found), *(["check"] if found else [])])
    return alarms


def days_with_alarms(pool: Sample, size: int, days: int, level: float, seed: int) -> int:
    """Of days without drift. Each hour has a check of the photos of the last 24, so windows overlap."""
    rng = np.random.default_rng(seed)
    alarmed = 0
    for _ in range(days):
        reference, stream = split(pool, 2 * size, rng)
        reference = reference.take(np.arange(size))
        windows = (stream.take(np.arange(size) + size * hour // 24) for hour in range(1, 25))
        alarmed += any(check(reference, window, level, rng).drifted for window in windows)
    return alarmed


def power(pool: Sample, drifted: Sample, size: int, repetitions: int, seed: int) -> float:
    """Share of the checks at the usual level that find the drift."""
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(repetitions):
        reference, _ = split(pool, size, rng)
        now = drifted.take(rng.choice(len(drifted), size, replace=False))
        found += bool(check(reference, now, Drift().level, rng).drifted)
    return found / repetitions


def with_more_of(pool: Sample, labels: np.ndarray, label: int, share: float) -> Sample:
    """A part of the pool in which a label has this share."""
    chosen, others = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
    return pool.take(np.concatenate([chosen, others[: round(len(chosen) * (1 - share) / share)]]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--power-repetitions", type=int, default=100)
    repetitions = parser.parse_args().repetitions
    power_repetitions = parser.parse_args().power_repetitions
    digits = all_digits()
    photos = [photo_of(digit) for digit in digits.images]
    pool = seen_by_engine(photos)
    for size in SIZES:
        alarms = false_alarms(pool, size, repetitions, 0.05, seed=size)
        limit = stats.beta.ppf(0.999, alarms["check"] + 1, repetitions - alarms["check"])
        rate = alarms["check"] / repetitions
        print(
            f"false alarms, {size} + {size} photos, {repetitions} checks: {rate:.2%}, at most {limit:.2%}",
            alarms,
            flush=True,
        )
    for level in (0.05, Drift().level):
        alarmed = days_with_alarms(pool, SIZES[0], repetitions // 20, level, seed=1)
        print(f"days with a false alarm, each check at {level:.4f}: {alarmed} of {repetitions // 20}", flush=True)
    for name, change in CHANGES.items():
        drifted = seen_by_engine(change(photo) for photo in photos)
        rates = [f"{power(pool, drifted, size, power_repetitions, 1):.0%}" for size in SIZES]
        print(f"found, {name}: {', '.join(rates)} with {SIZES} photos", flush=True)
    for share in (0.2, 0.3):
        drifted = with_more_of(pool, digits.labels, 3, share)
        rates = [f"{power(pool, drifted, size, power_repetitions, 1):.0%}" for size in SIZES]
        print(f"found, {share:.0%} threes: {', '.join(rates)} with {SIZES} photos", flush=True)


if __name__ == "__main__":
    main()
