"""The reference of the engine's preprocessing: Pillow, image by image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from headgate_pipelines.convert.reference import flatten
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer.presets import Preset

RESAMPLE = {
    "cubic": Image.Resampling.BICUBIC,
    "linear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Shape:
    """Of the network's input: pixels, and 3 channels or 1."""

    width: int
    height: int
    channels: int


def manifest_of(preset: Preset, shape: Shape, version: int) -> dict[str, Any]:
    """The manifest's section `preprocessing`."""
    return {
        "version": version,
        "width": shape.width,
        "height": shape.height,
        "channels": shape.channels,
        "fit": preset.fit,
        **({"crop_fraction": preset.crop_fraction} if preset.fit == "crop" else {}),
        **({"border": preset.border} if preset.fit == "letterbox" else {}),
        "resample": preset.resample,
    }


def read(path: Path) -> Image.Image:
    """An image file, turned as its EXIF orientation says.

    Raises:
        PipelineError: it is no image that Pillow reads.
    """
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise PipelineError(
            f"{path} cannot be read as an image: {error}", "take it out of the folder of samples"
        ) from error


def preprocess(image: Image.Image, preset: Preset, shape: Shape) -> np.ndarray:
    """uint8 [1,H,W,C]: what the engine hands to the folded graph."""
    flat = flatten(image, shape.channels)
    size = (shape.width, shape.height)
    if preset.fit == "letterbox":
        pixels = _letterbox(flat, preset, size)
    else:
        part = _crop(flat, preset.crop_fraction, size) if preset.fit == "crop" else flat
        pixels = part.resize(size, RESAMPLE[preset.resample])
    return np.asarray(pixels, np.uint8).reshape(1, shape.height, shape.width, shape.channels)


def _crop(image: Image.Image, fraction: float, size: tuple[int, int]) -> Image.Image:
    """The largest centred part with the proportions of `size`, less what `fraction` takes away."""
    width = max(1, int(min(image.width, image.height * size[0] / size[1]) * fraction))
    height = max(1, int(min(image.height, image.width * size[1] / size[0]) * fraction))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _letterbox(image: Image.Image, preset: Preset, size: tuple[int, int]) -> Image.Image:
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = Image.new(image.mode, size, (preset.border,) * len(image.getbands()))
    inner = image.resize((width, height), RESAMPLE[preset.resample])
    canvas.paste(inner, ((size[0] - width) // 2, (size[1] - height) // 2))
    return canvas


def network_input(pixels: np.ndarray, preset: Preset, dtype: np.dtype) -> np.ndarray:
    """What the original graph takes for `pixels`: the preset's arithmetic, written out."""
    mean, std = preset.constants(pixels.shape[-1])
    ordered = pixels[..., ::-1] if preset.order == "bgr" else pixels
    values = ordered if dtype == np.uint8 else ((ordered * preset.scale - np.array(mean)) / np.array(std)).astype(dtype)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if preset.layout == "nchw" else values)
