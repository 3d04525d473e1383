"""The int8 build: correct labels on the photos, close to fp32 elsewhere, smaller, reproducible."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from headgate_pipelines.convert import quantise
from headgate_pipelines.convert.photos import CALIBRATION, SAMPLES, Photo
from headgate_pipelines.convert.reference import EFFICIENTNET, classify, scores

AGAIN = """
import sys
from pathlib import Path
from headgate_pipelines.convert.quantise import quantise
sys.stdout.buffer.write(quantise(Path(sys.argv[1]).read_bytes()))
"""


@pytest.mark.parametrize("photo", SAMPLES, ids=lambda photo: photo.file)
def test_sees_what_a_person_and_the_fp32_model_see(
    built: Path, fp32: ort.InferenceSession, int8: ort.InferenceSession, photo: Photo
) -> None:
    path = built / "samples" / photo.file
    exact, quantised = (classify(session, path, EFFICIENTNET) for session in (fp32, int8))
    assert int(quantised.argmax()) in photo.class_ids
    assert int(quantised.argmax()) == int(exact.argmax())
    np.testing.assert_allclose(quantised, exact, atol=0.1)


def test_agrees_with_fp32_on_crops_that_calibration_did_not_use(
    fp32: ort.InferenceSession, int8: ort.InferenceSession
) -> None:
    """Measured: 0.95 of all crops, 0.99 of those with an fp32 score above 0.3."""
    batch = np.concatenate(list(quantise.crops(CALIBRATION[:7], 9, seed=99)))
    exact, quantised = scores(fp32, batch), scores(int8, batch)
    same = exact.argmax(axis=1) == quantised.argmax(axis=1)
    sure = exact.max(axis=1) > 0.3
    assert sure.sum() >= 40
    assert same.mean() >= 0.85
    assert same[sure].mean() >= 0.95


def test_is_a_quarter_of_the_size_with_most_convolutions_in_int8(built: Path) -> None:
    versions = [built / f"models/efficientnet-lite0/{version}/model.onnx" for version in (1, 2)]
    small, large = versions[1].stat().st_size, versions[0].stat().st_size
    assert small < 0.3 * large
    graph = onnx.load(str(versions[1])).graph
    dequantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    quantised = [node for node in convolutions if node.input[1] in dequantised]
    assert len(convolutions) == 49
    assert len(quantised) == len(convolutions) - 9, "stem and blocks 0-2 have nine"


def test_weights_are_int8_and_cannot_saturate_a_cpu_without_vnni(built: Path) -> None:
    """Two products of 7-bit weights and 8-bit activations fit in 16 bits; depthwise kernels are exempt."""
    graph = onnx.load(str(built / "models/efficientnet-lite0/2/model.onnx")).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {name: array for name, array in arrays.items() if name.endswith(".weight_quantized")}
    assert len(weights) == 41, "40 convolutions and the classifier"
    assert {array.dtype for array in weights.values()} == {np.dtype(np.int8)}
    full_range = {name for name, array in weights.items() if np.abs(array.astype(np.int16)).max() > 64}
    assert {name.split(".")[1] for name in full_range} == {"depthwise"}


def test_quantises_to_the_same_bytes_in_another_process(built: Path) -> None:
    source = built / "models/efficientnet-lite0/1/model.onnx"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    again = subprocess.run([sys.executable, "-c", AGAIN, source], env=environment, check=True, capture_output=True)
    expected = (built / "models/efficientnet-lite0/2/model.onnx").read_bytes()
    assert again.stdout == expected
