"""A workspace with digits as its holdout, and versions of the committed digits model that are worse or slower."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import numpy_helper

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import to_yaml
from headgate_pipelines.data.digits import write_digits
from headgate_pipelines.data.index import Item, line_of
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace

DIGITS = read_settings({}).root / "models" / "digits" / "1"
LABELS = [str(digit) for digit in range(10)]


def workspace_with(root: Path, images: dict[str, list[bytes]], params: str = "") -> Workspace:
    """A workspace whose holdout has these encoded images per label."""
    workspace = Workspace(root)
    shard = workspace.data / "shards" / "0.tar"
    shard.parent.mkdir(parents=True)
    lines, offset = [], 0
    with shard.open("wb") as file:
        for label, members in images.items():
            for image in members:
                item = Item(sha256(image), label, "holdout", shard.name, offset, len(image), 128, 128, "0" * 16, label)
                lines.append(line_of(item))
                offset += file.write(image)
    (workspace.data / "index.jsonl").write_text("".join(lines), "utf-8")
    (workspace.data / "labels.json").write_text(json.dumps(sorted(images)), "utf-8")
    workspace.params.write_text(f"model: digits\nsource: digits\n{params}", "utf-8")
    return workspace


def digits_holdout(root: Path, count: int, params: str = "") -> Workspace:
    """The last `count` of scikit-learn's digits, which the committed model has not seen in training."""
    write_digits(root / "pictures", 1797 - count)
    images: dict[str, list[bytes]] = {label: [] for label in LABELS}
    for path in sorted((root / "pictures").rglob("*.png")):
        images[path.parent.name].append(path.read_bytes())
    return workspace_with(root / "workspace", images, params)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Writes the manifest again after `change`."""
    path = folder / "manifest.yaml"
    manifest = yaml.safe_load(path.read_bytes())
    change(manifest)
    path.write_bytes(to_yaml(manifest))
    return folder


def copy_of_digits(folder: Path, *, order: Sequence[int] = range(10), labels: Sequence[str] = LABELS) -> Path:
    """The committed model with its outputs in another order, and these labels.

    Args:
        order: class whose score each output gives; not 0..9: most answers are wrong.
    """
    shutil.copytree(DIGITS, folder)
    graph = onnx.load(folder / "model.onnx")
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape and values.shape[-1] == 10:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[..., list(order)]), tensor.name))
    model = graph.SerializeToString()
    (folder / "model.onnx").write_bytes(model)
    text = json.dumps(list(labels)).encode()
    (folder / "labels.json").write_bytes(text)

    def change(manifest: dict[str, Any]) -> None:
        manifest["version"] = "0"
        manifest["file"].update(sha256=sha256(model), bytes=len(model))
        manifest["image"]["labels_sha256"] = sha256(text)
        manifest["golden"]["samples"] = []

    return change_manifest(folder, change)
