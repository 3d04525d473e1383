"""The folded graph against the original on sample pictures, and what its scores tell about the preset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort

from headgate_pipelines.convert.reference import softmax
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer.fold import INPUT
from headgate_pipelines.importer.graph import Graph, Tensor
from headgate_pipelines.importer.pixels import network_input
from headgate_pipelines.importer.presets import PRESETS, Preset

Activation = Literal["softmax", "sigmoid", "none"]

LIMIT = 1e-4
"""Largest difference of the folded graph, relative to the largest score."""
LIMIT_FP16 = 1e-2
"""Half precision rounds the normalised pixels themselves."""
SUM_WITHIN = 1e-3
PASSES = ("Transpose", "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten")
"""Operators that change no value."""
ARITHMETIC = ("Sub", "Add", "Mul", "Div", "BatchNormalization")


@dataclass(frozen=True)
class Original:
    """The graph as it came."""

    session: ort.InferenceSession
    input: Tensor
    output: str

    def run(self, pixels: np.ndarray, preset: Preset) -> np.ndarray:
        """The output for one picture, uint8 [1,H,W,C]."""
        values = network_input(pixels, preset, self.input.numpy)
        try:
            return np.asarray(self.session.run([self.output], {self.input.name: values})[0])
        except Exception as error:
            # ONNX Runtime has a class for each status and no common one.
            words = str(error).split("\n")[0][:300]
            remedy = "choose another --size, or export the model again and run it once with onnxruntime"
            raise PipelineError(f"the graph fails on a picture of {values.shape}: {words}", remedy) from error

    def scores(self, pictures: Sequence[np.ndarray], preset: Preset) -> np.ndarray:
        """float64 [pictures,classes], before an activation."""
        return np.stack([self.run(one, preset).astype(np.float64).ravel() for one in pictures])


def difference(folded: ort.InferenceSession, pictures: Sequence[np.ndarray], expected: np.ndarray) -> float:
    """Largest difference between the folded graph and `expected`, relative to the largest score of each picture."""
    answers = np.concatenate([folded.run(None, {INPUT: one})[0] for one in pictures]).astype(np.float64)
    scale = np.maximum(np.abs(expected).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return float((np.abs(answers - expected) / scale).max())


def answers_item_by_item(folded: ort.InferenceSession, pictures: Sequence[np.ndarray], limit: float) -> bool:
    """Whether two pictures in a batch get what each gets alone."""
    first, last = pictures[0], pictures[-1][:, ::-1].copy()
    alone = [folded.run(None, {INPUT: one})[0] for one in (first, last)]
    try:
        together = folded.run(None, {INPUT: np.concatenate([first, last])})[0]
    except Exception:
        # ONNX Runtime has a class for each status and no common one.
        return False
    expected = np.concatenate(alone)
    scale = max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
    return together.shape == expected.shape and float(np.abs(together - expected).max()) / scale <= limit


def activation_of(graph: Graph, output: str, scores: np.ndarray) -> Activation:
    """`none` where the graph ends with an activation or the scores are a distribution, else `softmax`."""
    if _last_operator(graph.model.graph, output) in ("Softmax", "Sigmoid") or is_distribution(scores):
        return "none"
    return "softmax"


def is_distribution(scores: np.ndarray) -> bool:
    """Whether each row is not negative and sums to 1."""
    return bool(scores.min() >= -SUM_WITHIN and np.all(np.abs(scores.sum(axis=1) - 1) < SUM_WITHIN))


def activated(scores: np.ndarray, activation: Activation) -> np.ndarray:
    """Scores in [0, 1], as they are answered.

    Raises:
        PipelineError: they are none.
    """
    if not np.isfinite(scores).all():
        remedy = "check mean, deviation and scale, and run the graph once with onnxruntime; float16 may overflow"
        raise PipelineError("the graph answers NaN or an infinity for a sample", remedy)
    if activation == "softmax":
        return softmax(scores)
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
    if scores.min() < -SUM_WITHIN or scores.max() > 1 + SUM_WITHIN:
        lowest, highest = scores.min(), scores.max()
        message = f"the scores lie between {lowest:.4g} and {highest:.4g}, not between 0 and 1"
        raise PipelineError(
            message, "choose --activation softmax, or sigmoid for classes that do not exclude each other"
        )
    return np.clip(scores, 0, 1)


def ends_with(graph: onnx.GraphProto, value: str, operator: str) -> bool:
    """Whether this operator makes the value."""
    return _last_operator(graph, value) == operator


def _last_operator(graph: onnx.GraphProto, value: str) -> str:
    """The operator that makes a value, seen through those that change none."""
    makers = {name: node for node in graph.node for name in node.output}
    while (node := makers.get(value)) is not None and node.op_type in PASSES:
        value = node.input[0]
    return "" if node is None else str(node.op_type)


def first_arithmetic(graph: onnx.GraphProto, value: str) -> list[str]:
    """Operators with constants that a graph applies to its input before anything else."""
    constants = {one.name for one in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    found: list[str] = []
    while True:
        users = [node for node in graph.node if value in node.input]
        if len(users) != 1 or users[0].op_type not in (*PASSES, *ARITHMETIC):
            return found
        (node,) = users
        if node.op_type in ARITHMETIC:
            if any(name not in constants for name in node.input if name != value):
                return found
            found.append(node.op_type)
        value = node.output[0]


def doubts(scores: np.ndarray, activation: Activation, ends_with_sigmoid: bool, labels: Sequence[str]) -> list[str]:
    """What a right preset would not show, in words. `scores` are activated."""
    said = []
    if activation == "none" and not ends_with_sigmoid and not is_distribution(scores):
        said.append("the scores do not sum to 1: choose --activation softmax or sigmoid if they are no scores yet")
    tops = scores.argmax(axis=1)
    if len(scores) > 2 and len(set(tops.tolist())) == 1:
        said.append(
            f"all samples are {labels[tops[0]]!r}: if they are not, scaling or colour order is wrong (--preset); "
            "name pictures of several classes by --samples"
        )
    classes = scores.shape[1]
    if activation != "sigmoid" and float(scores.max()) < 1.5 / classes:
        said.append(
            "the scores are almost uniform: the input may be scaled wrongly, or the graph has a softmax of its own"
        )
    return said


def better_preset(
    original: Original, pictures: Sequence[np.ndarray], preset: Preset, activation: Activation
) -> str | None:
    """Name of the preset whose answers on the samples are clearly more confident, if there is one.

    A picture and its mirror image are the same thing: a score counts as high as it is for the worse of the two, so that
    a network that is only overdriven does not look sure. Answers without variety do not count.
    """
    mine = _confidence(original, pictures, preset, activation)
    others = {
        name: _confidence(
            original,
            pictures,
            replace(preset, scale=other.scale, mean=other.mean, std=other.std, order=other.order),
            activation,
        )
        for name, other in PRESETS.items()
        if _arithmetic(other) != _arithmetic(preset)
    }
    best = max(others, key=lambda name: others[name], default=None)
    return best if best is not None and others[best] > max(1.5 * mine, mine + 0.1) else None


def _arithmetic(preset: Preset) -> tuple[object, ...]:
    return preset.scale, preset.mean, preset.std, preset.order


def _confidence(original: Original, pictures: Sequence[np.ndarray], preset: Preset, activation: Activation) -> float:
    raw = original.scores(pictures, preset)
    mirrored = original.scores([one[:, :, ::-1].copy() for one in pictures], preset)
    if not (np.isfinite(raw).all() and np.isfinite(mirrored).all()):
        return 0.0
    scores, again = (softmax(one) if activation == "softmax" else one for one in (raw, mirrored))
    tops = scores.argmax(axis=1)
    if len(set(tops.tolist())) < min(3, len(pictures)):
        return 0.0
    rows = np.arange(len(tops))
    return float(np.minimum(scores[rows, tops], again[rows, tops]).mean())
