"""The committed digits model: small, intact, and as good as its manifest says."""

import re
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.reference import Preprocessing, classify, open_session, preprocess, scores
from tests.convert.conftest import CHECKOUT

FOLDER = CHECKOUT / "models/digits/1"
SAMPLE = CHECKOUT / "samples/digit-7.png"
SPEC = Preprocessing(width=8, height=8, channels=1, crop_fraction=1.0)
MANIFEST: Any = yaml.safe_load((FOLDER / "manifest.yaml").read_text("utf-8"))
MODEL = (FOLDER / "model.onnx").read_bytes()


def test_is_small_and_what_its_manifest_says() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 200_000
    assert MANIFEST["file"] == {"path": "model.onnx", "sha256": sha256(MODEL), "bytes": len(MODEL)}
    assert MANIFEST["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 8, 8, 1]}]
    (golden,) = MANIFEST["golden"]["samples"]
    assert golden["sha256"] == sha256(SAMPLE.read_bytes())


def test_the_sample_is_a_seven() -> None:
    probabilities = classify(open_session(MODEL), SAMPLE, SPEC)
    assert int(probabilities.argmax()) == 7
    assert probabilities[7] > 0.9


@pytest.mark.parametrize("kernel", ["BICUBIC", "BILINEAR", "NEAREST"])
@pytest.mark.parametrize("side", [8, 32, 128, 500])
def test_the_sample_is_a_seven_at_any_size_and_filter(side: int, kernel: str) -> None:
    with Image.open(SAMPLE) as image:
        pixels = preprocess(image.resize((side, side), Image.Resampling[kernel]), SPEC)
    assert int(scores(open_session(MODEL), pixels).argmax()) == 7


def test_is_as_accurate_on_held_out_digits_as_the_manifest_says() -> None:

    from headgate_pipelines.convert import digits

    stated = re.search(r"Right on ([\d.]+)%.*?on ([\d.]+)% at worst", MANIFEST["description"])
    assert stated is not None
    _, held_out = digits.load()
    measured = (digits.accuracy(MODEL, held_out), digits.resized_accuracy(MODEL, held_out))
    np.testing.assert_allclose(measured, [float(share) / 100 for share in stated.groups()], atol=0.0006)
