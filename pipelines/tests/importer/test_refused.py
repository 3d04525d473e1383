"""What cannot be imported is told why, and what to do; nothing of it stays in the models folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.importer.conftest import Import
from tests.importer.graphs import CLASSES, STYLES, convnet, save, tensor_net, value

F = TensorProto.FLOAT


def relu(
    inputs: list[Any], outputs: list[Any], op: str = "Relu", opset: int = 17, **attributes: Any
) -> onnx.ModelProto:
    node = helper.make_node(op, [one.name for one in inputs], [one.name for one in outputs], **attributes)
    return tensor_net(inputs, outputs, [node], opset=opset)


def custom_operator() -> onnx.ModelProto:
    model = relu([value("x", F, ["N", 3, 8, 8])], [value("y", F, ["N", 3, 8, 8])], "Swirl", domain="org.example")
    model.opset_import.append(helper.make_opsetid("org.example", 1))
    return model


def zip_map() -> onnx.ModelProto:
    """As skl2onnx writes the probabilities of a classifier."""
    scores = helper.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", classlabels_strings=["a", "b"])
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(F, None))
    output = helper.make_value_info("probabilities", helper.make_sequence_type_proto(kind))
    model = tensor_net([value("x", F, ["N", 2])], [output], [scores])
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    return model


def class_numbers() -> onnx.ModelProto:
    model = convnet(STYLES["torchvision"])
    model.graph.node.append(helper.make_node("ArgMax", ["output"], ["class"], axis=1))
    del model.graph.output[:]
    model.graph.output.append(value("class", TensorProto.INT64, ["N", 1]))
    return model


def overflowing() -> onnx.ModelProto:
    model = convnet(STYLES["torchvision"])
    for tensor in model.graph.initializer:
        if tensor.name == "matrix":
            tensor.CopyFrom(numpy_helper.from_array(np.full((6, CLASSES), np.inf, np.float32), "matrix"))
    return model


IMAGES: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "an opset of tomorrow": (
        lambda: relu([value("x", F, ["N", 3, 8, 8])], [value("y", F, None)], opset=99),
        "lower opset",
    ),
    "an opset of 2017": (
        lambda: relu([value("x", F, ["N", 3, 8, 8])], [value("y", F, None)], opset=6),
        "version_converter",
    ),
    "an operator of its own": (custom_operator, "standard ONNX operators"),
    "double precision, for which there is no convolution": (
        lambda: convnet(STYLES["keras"], dtype=TensorProto.DOUBLE),
        "float32",
    ),
    "two inputs": (
        lambda: relu([value("x", F, ["N", 3, 8, 8]), value("m", F, ["N", 3, 8, 8])], [value("y", F, None)], "Add"),
        "--kind tensor",
    ),
    "an input of rank 2": (lambda: relu([value("x", F, ["N", 64])], [value("y", F, ["N", 64])]), "--kind tensor"),
    "ten channels": (lambda: relu([value("x", F, ["N", 10, 8, 8])], [value("y", F, None)]), "--kind tensor"),
    "a batch of exactly 4": (lambda: convnet(STYLES["torchvision"], batch=4), "batch of 1 or a variable one"),
    "a picture as its output": (lambda: relu([value("x", F, ["N", 3, 8, 8])], [value("y", F, None)]), "--kind tensor"),
    "class numbers as its output": (class_numbers, "--output"),
    "infinite scores": (overflowing, "mean, deviation and scale"),
    "a map as its output": (zip_map, "'zipmap': False"),
    "text as its input": (
        lambda: relu(
            [value("x", TensorProto.STRING, ["N", 3, 8, 8])], [value("y", TensorProto.STRING, None)], "Identity"
        ),
        "--kind tensor",
    ),
}


@pytest.mark.parametrize("what", IMAGES)
def test_a_graph_with(what: str, tmp_path: Path, importing: Import) -> None:
    make, remedy = IMAGES[what]
    model = make()
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    answer = importing(tmp_path / "net.onnx", "net")
    assert remedy in answer["error"].split("remedy:")[1], answer["error"]
    assert answer["left"] == []


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("net.onnx", b"", "is no ONNX model"),
        ("net.onnx", b"\x08\x07hello", "is no ONNX model"),
        ("net.pt", b"PK\x03\x04....", "torch.onnx.export"),
        ("net.h5", b"\x89HDF\r\n", "tf2onnx"),
        ("net.tflite", b"\x1c\x00\x00\x00TFL3", "--tflite"),
        ("net.pkl", b"\x80\x04\x95", "skl2onnx"),
        ("net.onnx", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("net.onnx", None, "not there"),
    ],
)
def test_a_file_that_is_no_model(name: str, data: bytes | None, said: str, tmp_path: Path, importing: Import) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert said in importing(tmp_path / name, "net")["error"]


@pytest.mark.parametrize("location", ["../net.weights", "/etc/passwd", "a\\b", "gone.weights"])
def test_weights_anywhere_else_than_beside_the_file(location: str, tmp_path: Path, importing: Import) -> None:
    file = save(convnet(STYLES["timm"]), tmp_path / "net.onnx", external=True)
    model = onnx.load(str(file), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    file.write_bytes(model.SerializeToString())
    assert "beside the model file" in importing(file, "net")["error"]


@pytest.mark.parametrize("name", ["", "a b", "../net", "net/..", "net/", "n" * 65, "net/1/2", ".net"])
def test_a_name_that_is_not_allowed(name: str, tmp_path: Path, importing: Import) -> None:
    file = save(convnet(STYLES["timm"]), tmp_path / "net.onnx")
    assert "letters, digits" in importing(file, name)["error"]


def test_a_version_that_is_there_is_never_replaced(tmp_path: Path, importing: Import) -> None:
    file = save(convnet(STYLES["timm"]), tmp_path / "net.onnx")
    assert [importing(file, "net")["version"] for _ in range(2)] == ["1", "2"]
    assert "models/net/2 exists" in importing(file, "net/2")["error"]
    assert importing(file, "net/beta")["version"] == "beta"
    assert importing(file, "net")["version"] == "3"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size=48"], "the graph takes 24x24"),
        (["--mean=1,2"], "--mean has 2 values"),
        (["--activation=none"], "not between 0 and 1"),
        (["--output=nothing"], "there is no output nothing"),
        (["--layout=nhwc"], "24 channels as nhwc"),
        (["--mean=x"], "--mean"),
        (["--crop-fraction=0"], "--crop-fraction"),
        (["--scale=1/0"], "--scale"),
        (["--samples=/nowhere"], "--samples"),
        (["--kind=tensor", "--mean=1"], "--mean is for image classifiers"),
        (["--kind=tensor", "--shape=z=1"], "there is no input z"),
        (["--kind=tensor", "--shape=input=1,3,24"], "cannot be"),
    ],
)
def test_an_option(options: list[str], said: str, tmp_path: Path, importing: Import) -> None:
    answer = importing(save(convnet(STYLES["torchvision"]), tmp_path / "net.onnx"), "net", *options)
    assert said in answer["error"]
    assert answer["left"] == []


def test_a_size_is_compared_with_the_side_that_the_graph_fixes(tmp_path: Path, importing: Import) -> None:
    model = convnet(STYLES["torchvision"])
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 24
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "width"
    file = save(model, tmp_path / "net.onnx")
    assert "the graph takes -1x24" in importing(file, "net", "--size=24x32")["error"]
    preprocessing = importing(file, "net", "--size=40x24")["manifest"]["image"]["preprocessing"]
    assert (preprocessing["width"], preprocessing["height"]) == (40, 24)
