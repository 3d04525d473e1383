"""Small networks as exporters write them, made with onnx.helper."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5


@dataclass(frozen=True)
class Style:
    """What differs from framework to framework."""

    input: str
    output: str
    nhwc: bool
    opset: int
    softmax: bool
    size: tuple[int, int] | None = (24, 24)
    """Width and height; None: the graph takes any."""


STYLES = {
    "torchvision": Style("input", "output", nhwc=False, opset=17, softmax=False),
    "timm": Style("x", "191", nhwc=False, opset=13, softmax=False),
    "keras": Style("input_1", "dense", nhwc=True, opset=15, softmax=True, size=(32, 20)),
    "tensorflow": Style("images:0", "Softmax:0", nhwc=True, opset=9, softmax=True),
    "paddle": Style("x", "save_infer_model/scale_0.tmp_1", nhwc=False, opset=11, softmax=True, size=None),
    "custom": Style("image", "image", nhwc=False, opset=21, softmax=False),
}


def convnet(
    style: Style,
    *,
    batch: int | str = "N",
    channels: int = 3,
    dtype: int = TensorProto.FLOAT,
    tail: Sequence[int] = (),
    seed: int = 1,
) -> onnx.ModelProto:
    """A convolution, a mean, a matrix. `tail`: further sides of 1 of the output. Reshape has a batch of 1."""
    dice = np.random.default_rng(seed)
    real = helper.tensor_dtype_to_np_dtype(dtype) if dtype != TensorProto.UINT8 else np.dtype(np.float32)
    output = "y" if style.output == style.input else style.output
    rows = -1 if isinstance(batch, str) else 1
    kernel = dice.normal(size=(6, channels, 3, 3)) / (255 if dtype == TensorProto.UINT8 else 1)
    constants = [
        numpy_helper.from_array(kernel.astype(real), "kernel"),
        numpy_helper.from_array((2 * dice.normal(size=(6, CLASSES))).astype(real), "matrix"),
        numpy_helper.from_array(np.array([rows, 6], np.int64), "rows"),
        numpy_helper.from_array(np.array([rows, CLASSES, *tail], np.int64), "sides"),
    ]
    attributes: dict[str, Any] = {"axis": 1} if style.softmax else {}
    value, nodes = style.input, []
    if dtype == TensorProto.UINT8:
        nodes.append(helper.make_node("Cast", [value], ["floats"], to=TensorProto.FLOAT))
        value = "floats"
    if style.nhwc:
        nodes.append(helper.make_node("Transpose", [value], ["planar"], perm=[0, 3, 1, 2]))
        value = "planar"
    nodes += [
        helper.make_node("Conv", [value, "kernel"], ["features"], strides=[2, 2]),
        helper.make_node("Relu", ["features"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Reshape", ["means", "rows"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
        helper.make_node("Softmax" if style.softmax else "Identity", ["logits"], ["scores"], **attributes),
        helper.make_node("Reshape", ["scores", "sides"], [output]),
    ]
    width, height = style.size or ("width", "height")
    sides = [batch, height, width, channels] if style.nhwc else [batch, channels, height, width]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(style.input, dtype, sides)],
        [helper.make_tensor_value_info(output, real_type(dtype), [batch, CLASSES, *tail])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", style.opset)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def real_type(dtype: int) -> int:
    return TensorProto.FLOAT if dtype == TensorProto.UINT8 else dtype


def save(model: onnx.ModelProto, path: Path, *, external: bool = False) -> Path:
    """The file; `external`: with its large weights in a file beside it."""
    onnx.save_model(model, str(path), save_as_external_data=external, location="net.weights", size_threshold=100)
    return path


def tensor_net(
    inputs: list[Any], outputs: list[Any], nodes: list[Any], constants: list[Any] | None = None, opset: int = 17
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "net", inputs, outputs, constants or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def value(name: str, dtype: int, shape: list[Any] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)
