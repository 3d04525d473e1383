"""Scaling, normalisation, colour order and layout as nodes of the graph: uint8 pixels in, one score a class out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from headgate_pipelines.importer.graph import Graph, Tensor, graphs_in
from headgate_pipelines.importer.pixels import Shape
from headgate_pipelines.importer.presets import Preset

INPUT = "image"
"""The name under which the gateway sends images."""


@dataclass(frozen=True)
class Plan:
    """What the folded graph is made of."""

    input: Tensor
    output: Tensor
    output_rank: int
    """As it was seen in a run."""
    classes: int
    shape: Shape
    preset: Preset


@dataclass
class _Nodes:
    """Nodes under construction, none of whose names the graph has."""

    taken: set[str]
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def name(self, wanted: str) -> str:
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def constant(self, wanted: str, value: np.ndarray) -> str:
        """As a node: old files have to list initializers among the inputs."""
        return self.add("Constant", [], wanted, value=numpy_helper.from_array(value, wanted))

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        name = self.name(output)
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name


def fold(graph: Graph, plan: Plan, *, dynamic: bool) -> onnx.ModelProto:
    """A copy of the model with `image` uint8 [N,H,W,C] as its only input and float32 [N,classes] as its only output.

    Args:
        dynamic: the batch becomes a variable dimension, also where the graph has a batch of 1; whether the graph then
            still answers item by item is for a run to show.
    """
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    proto = model.graph
    if dynamic:
        _free_batch(proto)
    source, target = _without_the_name(proto, plan.input.name), _without_the_name(proto, plan.output.name)
    front = _Nodes(_names(proto))
    _rename(proto, source, _pixels_to_input(front, plan, front.name(INPUT)))
    back = _Nodes(front.taken)
    target = _output_to_scores(back, plan, target, dynamic)
    nodes = [*front.nodes, *proto.node, *back.nodes]
    initial = {one.name for one in proto.initializer}
    others = [one for one in proto.input if one.name in initial]
    del proto.node[:], proto.input[:], proto.output[:], proto.value_info[:]
    proto.node.extend(nodes)
    proto.input.extend(others)
    batch = "N" if dynamic else 1
    shape = plan.shape
    pixels = [batch, shape.height, shape.width, shape.channels]
    proto.input.append(helper.make_tensor_value_info(INPUT, TensorProto.UINT8, pixels))
    proto.output.append(helper.make_tensor_value_info(target, TensorProto.FLOAT, [batch, plan.classes]))
    return model


def _pixels_to_input(front: _Nodes, plan: Plan, value: str) -> str:
    """Transposed and reordered first, while an element is a byte."""
    preset, dtype = plan.preset, plan.input.numpy
    planar = preset.layout == "nchw"
    if planar:
        value = front.add("Transpose", [value], "image.planar", perm=[0, 3, 1, 2])
    if preset.order == "bgr" and plan.shape.channels == 3:
        swapped = front.constant("image.bgr", np.array([2, 1, 0], np.int64))
        value = front.add("Gather", [value, swapped], "image.ordered", axis=1 if planar else 3)
    if dtype == np.uint8:
        return value if front.nodes else front.add("Identity", [value], "image.pixels")
    value = front.add("Cast", [value], "image.float", to=TensorProto.FLOAT)
    mean, std = (np.array(one, np.float64) for one in preset.constants(plan.shape.channels))
    sides = (1, -1, 1, 1) if planar else (1, 1, 1, -1)
    if np.any(mean != 0):
        offset = front.constant("image.mean", (mean / preset.scale).astype(np.float32).reshape(sides))
        value = front.add("Sub", [value, offset], "image.centred")
    if np.any(preset.scale / std != 1):
        factor = front.constant("image.factor", (preset.scale / std).astype(np.float32).reshape(sides))
        value = front.add("Mul", [value, factor], "image.scaled")
    if dtype != np.float32:
        value = front.add("Cast", [value], "image.input", to=plan.input.onnx_type)
    return value


def _output_to_scores(back: _Nodes, plan: Plan, value: str, dynamic: bool) -> str:
    if plan.output.onnx_type != TensorProto.FLOAT:
        value = back.add("Cast", [value], "scores.float", to=TensorProto.FLOAT)
    if plan.output_rank != 2:
        rows = back.constant("scores.shape", np.array([-1 if dynamic else 1, plan.classes], np.int64))
        value = back.add("Reshape", [value, rows], "scores")
    return value


def _free_batch(proto: onnx.GraphProto) -> None:
    """Exporters write a batch of 1 into the shapes of Reshape: 0 there means as many as come in."""
    shapes = {node.input[1] for node in proto.node if node.op_type == "Reshape" and len(node.input) > 1}
    constants = [one for one in proto.initializer if one.name in shapes]
    for node in proto.node:
        if node.op_type == "Constant" and node.output[0] in shapes:
            constants.extend(one.t for one in node.attribute if one.name == "value")
    for tensor in constants:
        sides = numpy_helper.to_array(tensor).copy() if tensor.data_location != TensorProto.EXTERNAL else np.array([])
        if sides.ndim == 1 and sides.size > 1 and sides[0] == 1:
            sides[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(sides, tensor.name))


def _names(proto: onnx.GraphProto) -> set[str]:
    return {
        name
        for graph in graphs_in(proto)
        for names in (
            (one.name for one in [*graph.input, *graph.initializer]),
            (name for node in graph.node for name in [*node.input, *node.output]),
        )
        for name in names
    }


def _without_the_name(proto: onnx.GraphProto, name: str) -> str:
    """Makes the name `image` free, wherever the graph uses it. Returns what `name` is called now."""
    names = _names(proto)
    if INPUT in names:
        other = _Nodes(names).name(f"{INPUT}.original")
        _rename(proto, INPUT, other)
        return other if name == INPUT else name
    return name


def _rename(proto: onnx.GraphProto, old: str, new: str) -> None:
    def other(name: str) -> str:
        return new if name == old else name

    for graph in graphs_in(proto):
        for node in graph.node:
            _each(node.input, other)
            _each(node.output, other)
        for value in [*graph.input, *graph.output, *graph.initializer]:
            value.name = other(value.name)


def _each(names: "list[str]", change: Callable[[str], str]) -> None:
    for i, name in enumerate(names):
        names[i] = change(name)
