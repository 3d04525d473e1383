"""The manifest of a model version, as contracts/src/manifest.ts defines it, and the version's folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from headgate_pipelines.convert.artefacts import publish, sha256
from headgate_pipelines.convert.reference import Preprocessing, best, classify, open_session

SCHEMA = 1
PREPROCESSING_VERSION = 2
TOP_K = 5
MAX_BATCH_SIZE = 8
MAX_QUEUE_SIZE = 64
# Serving may decode and resize faster than the reference; its scores may differ by this much. What differs most is
# libjpeg-turbo's fast DCT on rocket.jpg: 0.052 (fp32) and 0.064 (int8) even when Pillow itself resizes its pixels.
GOLDEN_TOLERANCE = 0.08


@dataclass(frozen=True)
class ImageClassifier:
    """Description of a graph that maps `image` uint8 [N,H,W,C] to `output` float32 [N,classes]."""

    name: str
    version: str
    description: str
    licence: str
    labels: Sequence[str]
    preprocessing: Preprocessing
    source: str
    source_sha256: str | None
    converter: str
    output: Literal["logits", "probabilities"] = "logits"
    data_version: str | None = None
    """Of the training data, where this project trained the model."""


def golden_samples(model: bytes, preprocessing: Preprocessing, samples: Sequence[Path]) -> list[dict[str, Any]]:
    """The reference run on each file: its digest and its best classes, scores rounded to 6 decimals."""
    session = open_session(model)
    return [
        {
            "file": path.name,
            "sha256": sha256(path.read_bytes()),
            "top": top_classes(classify(session, path, preprocessing)),
        }
        for path in samples
    ]


def top_classes(probabilities: np.ndarray) -> list[dict[str, Any]]:
    """The best classes of probabilities [classes], as a golden sample records them."""
    return [{"class_id": index, "score": round(score, 6)} for index, score in best(probabilities, TOP_K)]


def labels_json(labels: Sequence[str]) -> bytes:
    return (json.dumps(list(labels), ensure_ascii=False, indent=0) + "\n").encode()


def _image(about: ImageClassifier) -> dict[str, Any]:
    spec = about.preprocessing
    return {
        "input": "image",
        "output": about.output,
        "activation": "softmax" if about.output == "logits" else "none",
        "preprocessing": {
            "version": PREPROCESSING_VERSION,
            "width": spec.width,
            "height": spec.height,
            "channels": spec.channels,
            "fit": spec.fit,
            "crop_fraction": spec.crop_fraction,
            "border": spec.border,
            "orientation": spec.orientation,
            "resample": spec.resample,
        },
        "labels": "labels.json",
        "labels_sha256": sha256(labels_json(about.labels)),
        "top_k": TOP_K,
    }


def _provenance(about: ImageClassifier) -> dict[str, str]:
    digest = {} if about.source_sha256 is None else {"source_sha256": about.source_sha256}
    data = {} if about.data_version is None else {"data_version": about.data_version}
    return {"source": about.source, **digest, "converter": about.converter, **data}


def manifest(about: ImageClassifier, model: bytes, golden: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The manifest as plain data, keys in the schema's order."""
    spec = about.preprocessing
    shape = [-1, spec.height, spec.width, spec.channels]
    return {
        "schema": SCHEMA,
        "name": about.name,
        "version": about.version,
        "kind": "image-classifier",
        "description": about.description,
        "licence": about.licence,
        "file": {"path": "model.onnx", "sha256": sha256(model), "bytes": len(model)},
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": shape}],
        "outputs": [{"name": about.output, "datatype": "FP32", "shape": [-1, len(about.labels)]}],
        "image": _image(about),
        "batching": {
            "max_batch_size": MAX_BATCH_SIZE,
            "max_queue_delay_ms": 0,
            "max_queue_size": MAX_QUEUE_SIZE,
        },
        "golden": {"tolerance": GOLDEN_TOLERANCE, "samples": list(golden)},
        "provenance": _provenance(about),
    }


class _Dumper(yaml.SafeDumper):
    """Quotes every string that starts with a digit: a YAML 1.2 reader must not see a number in a digest."""


def _represent_str(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if value[:1].isdigit() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_str)


def to_yaml(document: Mapping[str, Any]) -> bytes:
    """UTF-8, keys in the given order, lines of at most 110 columns where words allow."""
    text: str = yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return text.encode()


def publish_version(
    models: Path, about: ImageClassifier, model: bytes, samples: Sequence[Path], inputs: str | None = None
) -> None:
    """Writes `<models>/<name>/<version>/{model.onnx, manifest.yaml, labels.json}` as a whole."""
    golden = golden_samples(model, about.preprocessing, samples)
    files = {
        "model.onnx": model,
        "manifest.yaml": to_yaml(manifest(about, model, golden)),
        "labels.json": labels_json(about.labels),
    }
    publish(models / about.name / about.version, files, inputs)
