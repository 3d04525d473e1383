"""The converted graph: equal to an independent forward run, any batch, the same bytes every time."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from headgate_pipelines.convert.efficientnet_lite0 import build, convert, same_padding
from headgate_pipelines.convert.photos import SAMPLES, Photo
from headgate_pipelines.convert.reference import EFFICIENTNET, open_session, preprocess, softmax
from tests.convert.forward import forward

# float32 sums in another order: measured 6e-6 at most, of logits that span about 20.
LOGIT_TOLERANCE = 1e-4
SCORE_TOLERANCE = 1e-5


def pixels(built: Path, file: str) -> np.ndarray:
    with Image.open(built / "samples" / file) as image:
        return preprocess(image, EFFICIENTNET)


@pytest.mark.parametrize("photo", SAMPLES, ids=lambda photo: photo.file)
def test_agrees_with_an_independent_forward_run(
    built: Path, weights: dict[str, np.ndarray], fp32: ort.InferenceSession, photo: Photo
) -> None:
    batch = pixels(built, photo.file)
    expected = forward(batch[0], weights)
    logits = fp32.run(["logits"], {"image": batch})[0][0]
    np.testing.assert_allclose(logits, expected, atol=LOGIT_TOLERANCE, rtol=0)
    np.testing.assert_allclose(softmax(logits), softmax(expected), atol=SCORE_TOLERANCE, rtol=0)


def test_folding_the_division_changes_no_bit(built: Path, weights: dict[str, np.ndarray]) -> None:
    batch = np.concatenate([pixels(built, photo.file) for photo in SAMPLES])
    folded = build(weights)
    plain = onnx.ModelProto()
    plain.CopyFrom(folded)
    stem = next(tensor for tensor in plain.graph.initializer if tensor.name == "stem.weight")
    stem.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stem) * np.float32(128), stem.name))
    plain.graph.initializer.append(numpy_helper.from_array(np.array(128, np.float32), "image.scale"))
    at = next(i for i, node in enumerate(plain.graph.node) if node.name == "stem")
    plain.graph.node[at].input[0] = "image.normalised"
    divide = helper.make_node("Div", ["image.centred", "image.scale"], ["image.normalised"])
    plain.graph.node.insert(at, divide)
    answers = [open_session(m.SerializeToString()).run(None, {"image": batch})[0] for m in (folded, plain)]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("version", ["fp32", "int8"])
def test_a_batch_gives_what_its_members_give_alone(built: Path, version: str, request: pytest.FixtureRequest) -> None:
    session: ort.InferenceSession = request.getfixturevalue(version)
    members = [pixels(built, photo.file) for photo in SAMPLES]
    alone = np.concatenate([session.run(None, {"image": member})[0] for member in members])
    together = session.run(None, {"image": np.concatenate(members)})[0]
    np.testing.assert_allclose(softmax(together), softmax(alone), atol=1e-4, rtol=0)


@pytest.mark.parametrize("version", ["fp32", "int8"])
def test_takes_uint8_pixels_and_gives_float32_logits(version: str, request: pytest.FixtureRequest) -> None:
    session: ort.InferenceSession = request.getfixturevalue(version)
    (image,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["N", 224, 224, 3])
    assert (logits.name, logits.type, logits.shape) == ("logits", "tensor(float)", ["N", 1000])


def test_converts_to_the_same_bytes_every_time(built: Path) -> None:
    assert convert() == (built / "models/efficientnet-lite0/1/model.onnx").read_bytes()


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (112, 0, 1)),
        (112, 3, 1, (112, 1, 1)),
        (56, 5, 2, (28, 1, 2)),
        (7, 5, 1, (7, 2, 2)),
        (7, 1, 1, (7, 0, 0)),
    ],
)
def test_pads_as_tensorflow_does(size: int, kernel: int, stride: int, expected: tuple[int, int, int]) -> None:
    assert same_padding(size, kernel, stride) == expected
