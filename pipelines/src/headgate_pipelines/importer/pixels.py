"""The reference of the engine's preprocessing: Pillow, image by image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from headgate_pipelines.convert import reference
from headgate_pipelines.convert.orientation import upright
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer.presets import Preset


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
            return upright(image)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise PipelineError(
            f"{path} cannot be read as an image: {error}", "take it out of the folder of samples"
        ) from error


def preprocess(image: Image.Image, preset: Preset, shape: Shape) -> np.ndarray:
    """uint8 [1,H,W,C]: what the engine hands to the folded graph."""
    spec = reference.Preprocessing(
        width=shape.width,
        height=shape.height,
        channels=shape.channels,
        crop_fraction=preset.crop_fraction,
        fit=preset.fit,
        border=preset.border,
        orientation="ignore",  # `read` has applied it
        resample=preset.resample,
    )
    return reference.preprocess(image, spec)


def network_input(pixels: np.ndarray, preset: Preset, dtype: np.dtype) -> np.ndarray:
    """What the original graph takes for `pixels`: the preset's arithmetic, written out."""
    mean, std = preset.constants(pixels.shape[-1])
    ordered = pixels[..., ::-1] if preset.order == "bgr" else pixels
    values = ordered if dtype == np.uint8 else ((ordered * preset.scale - np.array(mean)) / np.array(std)).astype(dtype)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if preset.layout == "nchw" else values)
