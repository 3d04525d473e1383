"""Backbone and head as one ONNX graph: `image` uint8 [N,H,W,C] -> `probabilities` float32 [N,classes]."""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from headgate_pipelines.errors import Refused
from headgate_pipelines.train.backbone import INPUT, Backbone
from headgate_pipelines.train.features import open_session
from headgate_pipelines.train.head import Head

OUTPUT = "probabilities"
PREFIX = "headgate.classifier"
"""Of the names of the head's tensors, which the backbone uses for none of its own."""
PARITY = 1e-4
"""Largest difference of a probability between the graph and scikit-learn. Measured: 1e-6."""


def merge(backbone: Backbone, head: Head) -> bytes:
    """The graph as bytes; the same for the same backbone and head."""
    weight, bias = head.linear()
    cut = backbone.graph.graph
    nodes = [
        helper.make_node(
            "Gemm", [backbone.features, f"{PREFIX}.weight", f"{PREFIX}.bias"], [f"{PREFIX}.logits"], name=PREFIX
        ),
        helper.make_node("Softmax", [f"{PREFIX}.logits"], [OUTPUT], name=f"{PREFIX}.softmax", axis=1),
    ]
    graph = helper.make_graph(
        [*cut.node, *nodes],
        "classifier",
        cut.input,
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", len(bias)])],
        [
            *cut.initializer,
            numpy_helper.from_array(weight, f"{PREFIX}.weight"),
            numpy_helper.from_array(bias, f"{PREFIX}.bias"),
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=backbone.graph.opset_import,
        ir_version=backbone.graph.ir_version,
        producer_name="headgate",
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def run(model: bytes, images: Iterable[np.ndarray]) -> np.ndarray:
    """Probabilities float32 [N,classes] of pixels uint8 [1,H,W,C], image by image."""
    session = open_session(model)
    return np.concatenate([session.run([OUTPUT], {INPUT: pixels})[0] for pixels in images])


def check_parity(answers: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference between probabilities [N,classes] of the graph and of scikit-learn.

    Raises:
        Refused: it is above PARITY, or not a number.
    """
    difference = float(np.abs(answers - expected).max())
    if not difference <= PARITY:
        raise Refused(
            f"the exported graph differs from the trained head by {difference:.1e}; at most {PARITY:.0e} is allowed",
            "this is a defect of the export, or the head's weights are too large: lower train.c",
        )
    return difference
