"""The folded graph computes what the original computes for normalised pixels, whatever the graph looks like."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from headgate_pipelines.importer import check, fold, graph, pixels
from headgate_pipelines.importer.presets import Preset
from tests.importer.conftest import Import
from tests.importer.graphs import CLASSES, STYLES, Style, convnet, save

small = st.floats(0.01, 300).map(lambda x: round(x, 3))
presets = st.builds(
    Preset,
    layout=st.sampled_from(["nchw", "nhwc"]),
    order=st.sampled_from(["rgb", "bgr"]),
    scale=st.sampled_from([1.0, 1 / 255, 1 / 127.5, 1 / 128]),
    mean=st.lists(small, min_size=3, max_size=3).map(tuple) | st.just((0.0,)),
    std=st.lists(small, min_size=3, max_size=3).map(tuple) | st.just((1.0,)),
)


@given(
    preset=presets,
    opset=st.sampled_from([7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 20, 21, 22]),
    name=st.sampled_from(["x", "image", "image.float", "image.mean"]),
    tail=st.sampled_from([[], [1], [1, 1]]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_is_the_original_behind_normalised_pixels(
    tmp_path_factory: pytest.TempPathFactory, preset: Preset, opset: int, name: str, tail: list[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("fold")
    style = Style(name, "y", nhwc=preset.layout == "nhwc", opset=opset, softmax=False)
    read = graph.read(save(convnet(style, tail=tail, seed=seed), folder / "net.onnx"))
    shape = pixels.Shape(24, 24, 3)
    plan = fold.Plan(read.inputs[0], read.outputs[0], 2 + len(tail), CLASSES, shape, preset)
    onnx.checker.check_model(folded := fold.fold(read, plan, dynamic=True))
    assert [(one.domain, one.version) for one in folded.opset_import] == [("", opset)]
    pictures = list(np.random.default_rng(seed).integers(0, 256, (3, 1, 24, 24, 3), np.uint8))
    original = check.Original(graph.open_session(read.path), read.inputs[0], "y")
    session = graph.open_session(save(folded, folder / "folded.onnx"))
    assert check.difference(session, pictures, original.scores(pictures, preset)) < check.LIMIT
    assert check.answers_item_by_item(session, pictures, check.LIMIT)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"batch": 1}, "up to 8"),
        ({"channels": 1}, "grey"),
        ({"dtype": TensorProto.FLOAT16}, "FP16"),
        ({"dtype": TensorProto.UINT8}, "bytes as they are"),
    ],
)
@pytest.mark.parametrize("style", ["torchvision", "keras"])
def test_takes(style: str, what: dict[str, Any], said: str, tmp_path: Path, importing: Import) -> None:
    report = importing(save(convnet(STYLES[style], **what), tmp_path / "net.onnx"), "net", f"--preset={style}")
    assert said in " ".join(report["seen"].values()), report


def test_a_batch_of_1_stays_where_the_graph_mixes_its_items(tmp_path: Path, importing: Import) -> None:
    model = convnet(STYLES["torchvision"], batch=1)
    for node in model.graph.node:
        if node.op_type == "GlobalAveragePool":  # the mean of the whole batch
            node.op_type = "ReduceMean"
            node.attribute.append(onnx.helper.make_attribute("axes", [0, 2, 3]))
            node.attribute.append(onnx.helper.make_attribute("keepdims", 1))
    report = importing(save(model, tmp_path / "net.onnx"), "net")
    assert report["manifest"]["batching"]["max_batch_size"] == 1
    assert report["manifest"]["inputs"][0]["shape"] == [1, 24, 24, 3]
    assert any("one picture at a time" in note for note in report["notes"])


def test_weights_in_a_file_beside_stay_there(tmp_path: Path, importing: Import) -> None:
    file = save(convnet(STYLES["timm"]), tmp_path / "net.onnx", external=True)
    report = importing(file, "net", "--preset=timm")
    (weights,) = report["manifest"]["file"]["external_data"]
    assert weights["path"] == "net.weights"
    assert (Path(report["folder"]) / "net.weights").read_bytes() == (tmp_path / "net.weights").read_bytes()


def test_other_outputs_stay_out(tmp_path: Path, importing: Import) -> None:
    model = convnet(STYLES["torchvision"])
    model.graph.output.append(onnx.helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["N", 6]))
    file = save(model, tmp_path / "net.onnx")
    assert "choose one with --output" in importing(file, "net")["error"]
    report = importing(file, "net", "--output=output")
    assert [one["name"] for one in report["manifest"]["outputs"]] == ["output"]
    labels = tmp_path / "five.txt"
    labels.write_text("a\nb\nc\nd\ne\n")
    assert importing(file, "net", f"--labels={labels}")["manifest"]["outputs"][0]["shape"] == [-1, CLASSES]
