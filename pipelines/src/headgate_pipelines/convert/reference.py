"""The reference run: what a model answers when Pillow decodes and resizes, image by image, on the CPU."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image


@dataclass(frozen=True)
class Preprocessing:
    """Centre square of `crop_fraction` times the short side, then bicubic to width x height (pixels)."""

    width: int
    height: int
    channels: int
    crop_fraction: float


EFFICIENTNET = Preprocessing(width=224, height=224, channels=3, crop_fraction=0.875)


def flatten(image: Image.Image, channels: int) -> Image.Image:
    """RGB for 3 channels, grey for 1; transparency is blended over black."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return image.convert("RGB" if channels == 3 else "L")


def preprocess(image: Image.Image, spec: Preprocessing) -> np.ndarray:
    """uint8 [1,H,W,C], the model's input for one image."""
    flat = flatten(image, spec.channels)
    width, height = flat.size
    side = max(1, int(min(width, height) * spec.crop_fraction))
    left, top = (width - side) // 2, (height - side) // 2
    square = flat.crop((left, top, left + side, top + side))
    pixels = np.asarray(square.resize((spec.width, spec.height), Image.Resampling.BICUBIC), np.uint8)
    return pixels.reshape(1, spec.height, spec.width, spec.channels)


def open_session(model: bytes) -> ort.InferenceSession:
    """A session on the CPU provider."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def softmax(logits: np.ndarray) -> np.ndarray:
    """float64 over the last axis."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def scores(session: ort.InferenceSession, batch: np.ndarray) -> np.ndarray:
    """Probabilities float64 [N,classes] for a uint8 batch [N,H,W,C]."""
    return softmax(session.run(["logits"], {"image": batch})[0])


def classify(session: ort.InferenceSession, path: Path, spec: Preprocessing) -> np.ndarray:
    """Probabilities float64 [classes] of one image file."""
    with Image.open(path) as image:
        return scores(session, preprocess(image, spec))[0]


def best(probabilities: np.ndarray, count: int) -> list[tuple[int, float]]:
    """The `count` best (class id, score), best first; equal scores in the order of their ids."""
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [(int(index), float(probabilities[index])) for index in order]
