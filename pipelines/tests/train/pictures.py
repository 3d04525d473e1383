"""Small workspaces with data that looks as if `ingest` had written it."""

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from headgate_pipelines.data.index import Item, Split, line_of
from headgate_pipelines.params import Params
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace

SETTINGS = read_settings({})
SIDE = 32
BARS = ("top", "middle", "bottom")
"""Labels: where the bright bar is."""


def picture(label: str, seed: int) -> bytes:
    """A PNG with a bright bar on noise."""
    pixels = np.random.default_rng(seed).integers(0, 90, (SIDE, SIDE, 3)).astype(np.uint8)
    row = 3 + 10 * BARS.index(label)
    pixels[row : row + 6] += 150
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_data(data: Path, images: Sequence[tuple[str, Split, bytes]], labels: Sequence[str]) -> None:
    """data/ with these (label, split, encoded image) in one shard."""
    (data / "shards").mkdir(parents=True, exist_ok=True)
    (data / "labels.json").write_text(json.dumps(list(labels)))
    lines, offset = [], 0
    for number, (label, split, image) in enumerate(images):
        digest = hashlib.sha256(image).hexdigest()
        place = f"{label}/{number}.png"
        lines.append(line_of(Item(digest, label, split, "0.tar", offset, len(image), SIDE, SIDE, "0" * 16, place)))
        offset += len(image)
    (data / "index.jsonl").write_text("".join(lines))
    (data / "shards" / "0.tar").write_bytes(b"".join(image for _, _, image in images))


def bars(labels: Sequence[str] = BARS, each: int = 10) -> list[tuple[str, Split, bytes]]:
    """`each` training pictures of each label, and half as many held out."""
    return [
        (label, "train" if number < each else "holdout", picture(label, 1000 * BARS.index(label) + number))
        for number in range(each + each // 2)
        for label in labels
    ]


def workspace_of(root: Path, labels: Sequence[str] = BARS) -> Workspace:
    """A workspace whose data is `bars(labels)`."""
    workspace = Workspace(root)
    write_data(workspace.data, bars(labels), labels)
    return workspace


def params_of(backbone: str = "digits/1") -> Params:
    """The digits network as the backbone: it is small and part of the repository."""
    return Params.model_validate({"model": "bars", "source": "pictures", "train": {"backbone": backbone}})
