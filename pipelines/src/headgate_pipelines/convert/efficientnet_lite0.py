"""EfficientNet-Lite0 as an ONNX graph, from the weights of the published PyTorch checkpoint.

The graph takes pixels as they are, `image` uint8 [N,224,224,3] RGB, and answers `logits` float32 [N,1000].
The network itself was trained on (x - 127) / 128, with zero padding after that. The division is folded into
the first convolution (a power of two: not one bit changes). The subtraction stays a node: folded into the
bias it would be wrong at the border, where the padding is zero and not -127. Together these nodes cost 0.15
of about 8 ms per image.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from headgate_pipelines.convert.checkpoint import Weights, find_checkpoint, read_checkpoint

RESOLUTION = 224
CLASSES = 1000
MEAN = 127.0
SCALE = 128.0
BATCH_NORM_EPSILON = 1e-3
OPSET = 17
IR_VERSION = 8


@dataclass(frozen=True)
class Stage:
    """A row of the EfficientNet table; Lite0 has no squeeze-and-excitation and uses ReLU6."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int


STAGES = (
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
)


@dataclass(frozen=True)
class Block:
    """One inverted residual: expand (unless 1), depthwise, project, and the shortcut where shapes allow."""

    index: int
    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int

    @property
    def residual(self) -> bool:
        return self.stride == 1 and self.inputs == self.outputs


def blocks() -> Iterator[Block]:
    """The blocks of every stage in order; only a stage's first one strides and widens."""
    index = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            first = repeat == 0
            inputs = stage.inputs if first else stage.outputs
            stride = stage.stride if first else 1
            yield Block(index, stage.kernel, stride, stage.expand, inputs, stage.outputs)
            index += 1


@dataclass(frozen=True)
class Convolution:
    """A convolution with its batch normalisation: names in the checkpoint, geometry, and the node's name."""

    node: str
    weight: str
    norm: str
    stride: int = 1
    groups: int = 1
    relu6: bool = True
    weight_scale: float = 1.0


def fold_batch_norm(weights: Weights, conv: Convolution) -> tuple[np.ndarray, np.ndarray]:
    """Kernel float32 [O,I/g,k,k] and bias float32 [O] of the convolution and its normalisation in one."""
    norm = {
        part: weights[f"{conv.norm}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    gain = norm["weight"] / np.sqrt(norm["running_var"] + BATCH_NORM_EPSILON)
    kernel = weights[f"{conv.weight}.weight"].astype(np.float64) * gain[:, None, None, None]
    bias = norm["bias"] - norm["running_mean"] * gain
    return kernel.astype(np.float32) * np.float32(conv.weight_scale), bias.astype(np.float32)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """TensorFlow's SAME: (output size, padding before, padding after); an odd pixel goes after."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return out, total // 2, total - total // 2


@dataclass
class _Graph:
    """The graph under construction. `size` is the current height and width in pixels."""

    weights: Weights
    size: int = RESOLUTION
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def convolve(self, source: str, conv: Convolution) -> str:
        kernel, bias = fold_batch_norm(self.weights, conv)
        width = kernel.shape[-1]
        self.size, before, after = same_padding(self.size, width, conv.stride)
        output = self.node(
            "Conv",
            [source, self.constant(f"{conv.node}.weight", kernel), self.constant(f"{conv.node}.bias", bias)],
            conv.node,
            kernel_shape=[width, width],
            strides=[conv.stride, conv.stride],
            pads=[before, before, after, after],
            group=conv.groups,
        )
        if not conv.relu6:
            return output
        return self.node("Clip", [output, "relu6.min", "relu6.max"], f"{conv.node}.relu6")


def _preprocess(graph: _Graph) -> str:
    """uint8 [N,H,W,3] -> float32 [N,3,H,W] less the mean; transposed first, while an element is a byte."""
    planar = graph.node("Transpose", ["image"], "image.nchw", perm=[0, 3, 1, 2])
    pixels = graph.node("Cast", [planar], "image.float", to=TensorProto.FLOAT)
    return graph.node("Sub", [pixels, graph.constant("image.mean", np.float32(MEAN))], "image.centred")


def _inverted_residual(graph: _Graph, source: str, block: Block) -> str:
    weights, node = f"_blocks.{block.index}", f"block{block.index}"
    middle = block.inputs * block.expand
    x = source
    if block.expand != 1:
        x = graph.convolve(x, Convolution(f"{node}.expand", f"{weights}._expand_conv", f"{weights}._bn0"))
    depthwise = Convolution(
        f"{node}.depthwise",
        f"{weights}._depthwise_conv",
        f"{weights}._bn1",
        stride=block.stride,
        groups=middle,
    )
    x = graph.convolve(x, depthwise)
    x = graph.convolve(x, Convolution(f"{node}.project", f"{weights}._project_conv", f"{weights}._bn2", relu6=False))
    return graph.node("Add", [x, source], f"{node}.add") if block.residual else x


def build(weights: Weights) -> onnx.ModelProto:
    """The network, `image` uint8 [N,224,224,3] -> `logits` float32 [N,1000]. Same weights, same bytes."""
    graph = _Graph(weights)
    graph.constant("relu6.min", np.float32(0))
    graph.constant("relu6.max", np.float32(6))
    stem = Convolution("stem", "_conv_stem", "_bn0", stride=2, weight_scale=1 / SCALE)
    x = graph.convolve(_preprocess(graph), stem)
    for block in blocks():
        x = _inverted_residual(graph, x, block)
    x = graph.convolve(x, Convolution("head", "_conv_head", "_bn1"))
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x], "pool")], "features", axis=1)
    matrix, bias = (
        graph.constant("fc.weight", weights["_fc.weight"]),
        graph.constant("fc.bias", weights["_fc.bias"]),
    )
    graph.node("Gemm", [x, matrix, bias], "logits", transB=1)
    return _model(graph)


def _model(graph: _Graph) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", RESOLUTION, RESOLUTION, 3])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])
    proto = helper.make_graph(graph.nodes, "efficientnet-lite0", [image], [logits], graph.initializers)
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="headgate"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def convert() -> bytes:
    """The published checkpoint as a serialised ONNX model."""
    return build(read_checkpoint(find_checkpoint())).SerializeToString(deterministic=True)
