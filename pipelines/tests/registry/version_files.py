"""Version folders for tests of the registry, which never loads the model: its bytes may be anything."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import to_yaml

MODELS = Path(__file__).parents[3] / "models"
LABELS = ("cat", "dog")


def write_version(
    parent: Path, name: str, version: str, *, model: bytes = b"weights", labels: Sequence[str] = LABELS, **extra: Any
) -> Path:
    """Writes `<parent>/<version>` with one golden image; `extra` replaces keys of the manifest."""
    folder = parent / version
    folder.mkdir(parents=True)
    labels_json, golden = json.dumps(list(labels)).encode(), b"a picture"
    image = {
        "input": "image",
        "output": "probabilities",
        "activation": "none",
        "preprocessing": {
            "version": 1, "width": 8, "height": 8, "channels": 3, "crop_fraction": 1.0, "resample": "cubic",
        },
        "labels": "labels.json",
        "labels_sha256": sha256(labels_json),
    }  # fmt: skip
    manifest = {
        "schema": 1,
        "name": name,
        "version": version,
        "kind": "image-classifier",
        "licence": "Apache-2.0",
        "file": {"path": "model.onnx", "sha256": sha256(model), "bytes": len(model)},
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 8, 8, 3]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, len(labels)]}],
        "image": image,
        "golden": {"tolerance": 0.05, "samples": [{"file": "golden.png", "sha256": sha256(golden)}]},
        "provenance": {"source": "a test", "converter": "a test", "data_version": "d" * 32},
        **extra,
    }
    (folder / "model.onnx").write_bytes(model)
    (folder / "labels.json").write_bytes(labels_json)
    (folder / "golden.png").write_bytes(golden)
    (folder / "manifest.yaml").write_bytes(to_yaml(manifest))
    return folder
