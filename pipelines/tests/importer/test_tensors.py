"""Everything else: fixed and variable shapes, scalars, several inputs, weights beside the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.importer.conftest import Import
from tests.importer.graphs import STYLES, convnet, save, tensor_net, value

F, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
node = helper.make_node

GRAPHS = {
    "rows": tensor_net([value("x", F, ["N", 4])], [value("y", F, ["N", 4])], [node("Relu", ["x"], ["y"])]),
    "a fixed shape": tensor_net([value("x", F, [2, 3])], [value("y", F, [3, 2])], [node("Transpose", ["x"], ["y"])]),
    "scalars": tensor_net(
        [value("x", F, [2, "W"]), value("by", F, [])],
        [value("y", F, [2, "W"]), value("sum", F, [])],
        [node("Mul", ["x", "by"], ["y"]), node("ReduceSum", ["y"], ["sum"], keepdims=0)],
    ),
    "rows that depend on each other": tensor_net(
        [value("x", F, ["N", 4])], [value("y", F, ["N", 4])], [node("Softmax", ["x"], ["y"], axis=0)]
    ),
    "indices and text": tensor_net(
        [value("at", INT, ["N"]), value("words", TEXT, ["N"])],
        [value("row", F, ["N", 3]), value("again", TEXT, ["N"])],
        [node("Gather", ["table", "at"], ["row"]), node("Identity", ["words"], ["again"])],
        [numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "table")],
    ),
    "pictures of any size": convnet(STYLES["paddle"]),
    "half precision": convnet(STYLES["timm"], dtype=TensorProto.FLOAT16),
    "no shape of an output": tensor_net([value("x", F, ["N", 4])], [value("y", F, None)], [node("Relu", ["x"], ["y"])]),
    "sixteen at least": tensor_net(
        [value("x", F, [1, 1, "length"])],
        [value("y", F, [1, 1, "out"])],
        [node("Conv", ["x", "k"], ["y"], kernel_shape=[16])],
        [numpy_helper.from_array(np.ones((1, 1, 16), np.float32), "k")],
    ),
}
JOINED = {"rows", "indices and text", "pictures of any size", "half precision"}


@pytest.mark.parametrize("what", GRAPHS)
def test_a_graph_with(what: str, tmp_path: Path, importing: Import) -> None:
    file = save(GRAPHS[what], tmp_path / "net.onnx")
    report = importing(file, "net", "--kind=tensor")
    manifest = report["manifest"]
    assert manifest["kind"] == "tensor"
    assert manifest["batching"]["max_batch_size"] == (8 if what in JOINED else 1)
    assert (Path(report["folder"]) / "model.onnx").read_bytes() == file.read_bytes()
    record = json.loads((Path(report["folder"]) / "golden.json").read_text())
    session = ort.InferenceSession(str(file))
    kinds = {one.name: one.type for one in session.get_inputs()}
    answers = session.run(None, {one["name"]: array(one, kinds[one["name"]]) for one in record["inputs"]})
    for recorded, answer in zip(record["outputs"], answers, strict=True):
        assert recorded["shape"] == list(np.shape(answer))
        if np.asarray(answer).dtype.kind == "f":
            np.testing.assert_allclose(recorded["data"], np.ravel(answer), rtol=1e-3)
        else:
            assert [str(one) for one in recorded["data"]] == [str(one) for one in np.ravel(answer)]
    assert "1 golden samples" in report["seen"]["engine"]


def array(recorded: dict[str, Any], kind: str) -> np.ndarray:
    types: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64}
    return np.array(recorded["data"], types.get(kind, object)).reshape(recorded["shape"])


def test_weights_beside_the_file_are_listed(tmp_path: Path, importing: Import) -> None:
    report = importing(save(convnet(STYLES["timm"]), tmp_path / "net.onnx", external=True), "net", "--kind=tensor")
    assert [one["path"] for one in report["manifest"]["file"]["external_data"]] == ["net.weights"]


def test_sizes_are_those_that_are_asked_for(tmp_path: Path, importing: Import) -> None:
    file = save(GRAPHS["pictures of any size"], tmp_path / "net.onnx")
    report = importing(file, "net", "--kind=tensor", "--shape=x=1,3,24,40")
    assert report["seen"]["ran with"] == "x [1, 3, 24, 40]"


def test_a_size_that_the_graph_or_its_owner_fixes_is_taken_however_large(tmp_path: Path, importing: Import) -> None:
    fixed: list[Any] = [1, 1, 2048, 2048]
    for number, (shape, options) in enumerate([(fixed, []), (["N", 4], ["--shape=x=1048577,4"])], start=1):
        model = tensor_net([value("x", F, shape)], [value("y", F, shape)], [node("Relu", ["x"], ["y"])])
        report = importing(save(model, tmp_path / "net.onnx"), "net", "--kind=tensor", *options)
        assert report["version"] == str(number)
        assert any("more than 4000000 values" in note for note in report["notes"])


def test_a_graph_that_runs_with_nothing_says_how_to_give_sizes(tmp_path: Path, importing: Import) -> None:
    wanted = numpy_helper.from_array(np.array([7, 11], np.int64), "sides")
    model = tensor_net(
        [value("x", F, ["a", "b"])], [value("y", F, [7, 11])], [node("Reshape", ["x", "sides"], ["y"])], [wanted]
    )
    file = save(model, tmp_path / "net.onnx")
    assert "--shape x=1," in importing(file, "net", "--kind=tensor")["error"]
    assert importing(file, "net", "--kind=tensor", "--shape=x=7,11")["version"] == "1"


@pytest.mark.parametrize(
    ("ops", "said"),
    [(["RandomNormalLike"], "two runs answer differently"), (["Relu", "Neg", "Log"], "NaN or an infinity")],
)
def test_what_cannot_be_recorded_is_said(ops: list[str], said: str, tmp_path: Path, importing: Import) -> None:
    nodes = [node(op, [f"x{i}"], [f"x{i + 1}"]) for i, op in enumerate(ops)]
    model = tensor_net([value("x0", F, ["N", 4])], [value(f"x{len(ops)}", F, ["N", 4])], nodes)
    report = importing(save(model, tmp_path / "net.onnx"), "net", "--kind=tensor")
    assert any(said in note for note in report["notes"])
    assert report["manifest"]["golden"]["samples"] == []
