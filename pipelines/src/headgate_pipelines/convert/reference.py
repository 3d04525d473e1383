"""The reference run: what a model answers when Pillow decodes and resizes, image by image, on the CPU."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from PIL import Image

from headgate_pipelines.convert.orientation import upright


@dataclass(frozen=True)
class Preprocessing:
    """How an image file becomes the model's input; contracts/src/manifest.ts says what each field means."""

    width: int
    height: int
    channels: int
    crop_fraction: float = 1
    fit: Literal["crop", "stretch", "letterbox"] = "crop"
    border: int = 0
    orientation: Literal["apply", "ignore"] = "apply"
    resample: Literal["cubic", "linear", "nearest"] = "cubic"

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "Preprocessing":
        """From the section of a manifest; a field that it does not name has its default."""
        return cls(**{field.name: section[field.name] for field in fields(cls) if field.name in section})


EFFICIENTNET = Preprocessing(width=224, height=224, channels=3, crop_fraction=0.875)

RESAMPLE = {
    "cubic": Image.Resampling.BICUBIC,
    "linear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


def flatten(image: Image.Image, channels: int) -> Image.Image:
    """RGB for 3 channels, grey for 1; transparency is blended over black, and of 16 bits the upper 8 count."""
    if image.mode.startswith("I;16"):  # a conversion would cut at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return image.convert("RGB" if channels == 3 else "L")


def preprocess(image: Image.Image, spec: Preprocessing) -> np.ndarray:
    """uint8 [1,H,W,C], the model's input for one image."""
    turned = upright(image) if spec.orientation == "apply" else image
    pixels = np.asarray(_fitted(flatten(turned, spec.channels), spec), np.uint8)
    return pixels.reshape(1, spec.height, spec.width, spec.channels)


def _fitted(flat: Image.Image, spec: Preprocessing) -> Image.Image:
    """Cut out or surrounded as `fit` says; the sides are those that serving computes."""
    width, height = flat.size
    size, resample = (spec.width, spec.height), RESAMPLE[spec.resample]
    if spec.fit == "stretch":
        return flat.resize(size, resample)
    if spec.fit == "letterbox":
        scale = min(spec.width / width, spec.height / height)
        across = max(1, min(spec.width, math.floor(width * scale + 0.5)))
        down = max(1, min(spec.height, math.floor(height * scale + 0.5)))
        out = Image.new(flat.mode, size, (spec.border,) * spec.channels if spec.channels == 3 else spec.border)
        corner = ((spec.width - across) // 2, (spec.height - down) // 2)
        out.paste(flat.resize((across, down), resample), corner)
        return out
    across = max(1, int(min(width, height * spec.width / spec.height) * spec.crop_fraction))
    down = max(1, int(min(height, width * spec.height / spec.width) * spec.crop_fraction))
    left, top = (width - across) // 2, (height - down) // 2
    return flat.crop((left, top, left + across, top + down)).resize(size, resample)


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
