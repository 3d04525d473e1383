"""Small labelled pictures for tests."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from headgate_pipelines.params import Ingest, Params


def picture(seed: int, side: int = 32, kind: str = "PNG") -> bytes:
    """An encoded image of soft blobs; each seed gives another one, and none looks like another."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


def write_classes(root: Path, classes: int = 2, each: int = 12, first: int = 0) -> None:
    """`class0/000.png` and so on."""
    for label in range(classes):
        (root / f"class{label}").mkdir(parents=True, exist_ok=True)
        for number in range(first, first + each):
            (root / f"class{label}" / f"{number:03d}.png").write_bytes(picture(1000 * label + number))


def params_of(source: str, **ingest: object) -> Params:
    """Parameters of a model `shapes`."""
    return Params(model="shapes", source=source, ingest=Ingest.model_validate(ingest))
