"""A wrong preset is said where it can be seen; nothing stops the import."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from headgate_pipelines.importer import check, graph, image, pixels
from headgate_pipelines.importer.presets import PRESETS
from tests.importer.conftest import CHECKOUT, Import
from tests.importer.graphs import STYLES, convnet, save


def with_output(op: str, factor: float) -> onnx.ModelProto:
    """The torchvision network with its scores multiplied, then through an operator."""
    model = convnet(STYLES["torchvision"])
    model.graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), "factor"))
    model.graph.node.append(helper.make_node("Mul", ["output", "factor"], ["larger"]))
    model.graph.node.append(helper.make_node(op, ["larger"], ["end"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("end", TensorProto.FLOAT, ["N", 5]))
    return model


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (with_output("Identity", 0), [], "almost uniform"),
        (with_output("Identity", 1), [], ""),
        (with_output("Sigmoid", 1), [], ""),
        (with_output("HardSigmoid", 1), ["--activation=none"], "do not sum to 1"),
        (with_output("Identity", 100), ["--mean=-1000"], "all samples are"),
    ],
)
def test_scores(model: onnx.ModelProto, options: list[str], said: str, tmp_path: Path, importing: Import) -> None:
    report = importing(save(model, tmp_path / "net.onnx"), "net", "--licence=x", *options)
    doubts = ["almost uniform", "do not sum to 1"] if said == "" else [said]
    assert any(doubt in note for note in report["notes"] for doubt in doubts) is (said != "")


def test_a_sigmoid_in_the_graph_needs_no_other(tmp_path: Path, importing: Import) -> None:
    report = importing(save(with_output("Sigmoid", 1), tmp_path / "net.onnx"), "net")
    assert report["manifest"]["image"]["activation"] == "none"


def test_a_graph_that_normalises(tmp_path: Path, importing: Import) -> None:
    model = convnet(STYLES["keras"])
    model.graph.node[0].input[0] = "scaled"
    scale = helper.make_node("Mul", ["input_1", "factor"], ["scaled"])
    model.graph.node.insert(0, scale)
    model.graph.initializer.append(numpy_helper.from_array(np.array(1 / 255, np.float32), "factor"))
    file = save(model, tmp_path / "net.onnx")
    assert any("begins with Mul" in note for note in importing(file, "net", "--preset=keras")["notes"])
    assert not any("begins with" in note for note in importing(file, "net", "--preset=custom")["notes"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 as PyTorch had it: pixels of -1 to 1 go in."""
    path = CHECKOUT / "models/efficientnet-lite0/1/model.onnx"
    if not path.is_file():
        pytest.skip("setup has not built the default model")
    model = onnx.load(str(path))
    front = {"image.nchw", "image.float", "image.centred"}
    nodes = [node for node in model.graph.node if node.name not in front]
    nodes.insert(0, helper.make_node("Mul", ["x", "side"], ["image.centred"]))
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.array(128, np.float32), "side"))
    model.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 224, 224]))
    return save(model, tmp_path_factory.mktemp("trained") / "lite0.onnx")


@pytest.mark.parametrize(("preset", "better"), [("custom", "keras"), ("keras", None), ("torchvision", None)])
def test_a_preset_that_is_clearly_better_on_a_trained_network(
    trained: Path, photos: Path, preset: str, better: str | None
) -> None:
    read = graph.read(trained)
    asked = image.Asked(PRESETS[preset], preset, None, None, None, None, None, None, photos)
    tensor, used, shape = image.image_input(read, asked)
    pictures = [pixels.preprocess(pixels.read(path), used, shape) for path in image.sample_files(CHECKOUT, photos)]
    original = check.Original(graph.open_session(trained), tensor, "logits")
    assert check.better_preset(original, pictures, used, "softmax") == better
