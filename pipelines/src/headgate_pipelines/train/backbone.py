"""The pre-trained network under the head: a version of the models folder, cut before its classifier."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx.utils
import onnxruntime as ort
import PIL

from headgate_pipelines.convert.reference import Preprocessing
from headgate_pipelines.documents import read_yaml
from headgate_pipelines.errors import PipelineError, Refused

INPUT = "image"
AFTER_CLASSIFIER = ("Softmax", "QuantizeLinear", "DequantizeLinear", "Identity")
"""Nodes between the classifier and the output."""


@dataclass(frozen=True)
class Backbone:
    """`graph` maps `image` uint8 [N,H,W,C] to `features` float32 [N,width]."""

    name: str
    """model/version"""
    graph: onnx.ModelProto
    features: str
    """Name of the tensor."""
    width: int
    preprocessing: Preprocessing
    sha256: str
    """Of the whole model file."""
    licence: str

    def cache_key(self) -> str:
        """Equal keys mean equal features for equal image bytes: 16 hex digits."""
        versions = {"onnxruntime": ort.__version__, "pillow": PIL.__version__}
        about = [self.sha256, self.features, self.preprocessing.__dict__, versions]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def open_backbone(models: Path, name: str) -> Backbone:
    """Reads `<models>/<name>` and cuts its classifier off.

    Args:
        name: model/version, such as `efficientnet-lite0/1`.

    Raises:
        PipelineError: there is no such version.
        Refused: it is not an image classifier that ends in one fully connected layer, or its file is damaged.
    """
    folder = models / name
    manifest = _manifest(folder)
    image, file = manifest.get("image"), manifest["file"]
    if not image or file.get("external_data"):
        raise Refused(f"{folder} cannot be a backbone", "name an image classifier whose model is one file")
    data = (folder / file["path"]).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != file["sha256"]:
        raise Refused(f"{folder / file['path']} is not the file of its manifest", "run npm run setup, or restore it")
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(data))
    features, width = _classifier_input(model, image["output"], name)
    return Backbone(
        name=name,
        graph=_cut(model, image["input"], features),
        features=features,
        width=width,
        preprocessing=Preprocessing.of(image["preprocessing"]),
        sha256=digest,
        licence=manifest["licence"],
    )


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        manifest: Mapping[str, Any] = read_yaml((folder / "manifest.yaml").read_bytes())
    except OSError as error:
        remedy = "correct train.backbone in params.yaml; npm start makes the sample models"
        raise PipelineError(f"there is no backbone {folder}", remedy) from error
    return manifest


def _classifier_input(model: onnx.ModelProto, output: str, name: str) -> tuple[str, int]:
    """(tensor that the last fully connected layer reads, its width)."""
    makers = {made: node for node in model.graph.node for made in node.output}
    node = makers[output]
    while node.op_type in AFTER_CLASSIFIER:
        node = makers[node.input[0]]
    if node.op_type != "Gemm":
        raise Refused(
            f"the backbone {name} ends in {node.op_type}, not in a fully connected layer (Gemm)",
            "name another backbone in train.backbone",
        )
    shapes = {info.name: info.type.tensor_type.shape.dim for info in model.graph.value_info}
    return node.input[0], shapes[node.input[0]][-1].dim_value


def _cut(model: onnx.ModelProto, image: str, features: str) -> onnx.ModelProto:
    """The nodes that `features` needs, with the image's input renamed to INPUT where it has another name."""
    cut = onnx.utils.Extractor(model).extract_model([image], [features])
    for node in cut.graph.node:
        node.input[:] = [INPUT if name == image else name for name in node.input]
    cut.graph.input[0].name = INPUT
    del cut.graph.value_info[:]
    return cut
