"""A classifier of each framework answers as its original does with the preprocessing written by hand."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from tests.importer.conftest import Import
from tests.importer.graphs import STYLES, convnet, save

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def by_hand(style: str, photo: Image.Image) -> np.ndarray:
    """What a script of this framework feeds, with Pillow and NumPy alone."""
    if style in ("torchvision", "timm", "custom"):
        side = int(min(photo.size) * (1 if style == "custom" else 0.875))
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        how = Image.Resampling.BICUBIC if style == "timm" else Image.Resampling.BILINEAR
        square = photo.crop((left, top, left + side, top + side)).resize((24, 24), how)
        pixels = np.asarray(square, np.float32)
        if style == "custom":  # Caffe: BGR, less a mean of each channel
            return (pixels[..., ::-1] - np.array([104, 117, 123], np.float32)).transpose(2, 0, 1)[None]
        mean, std = (np.array(one, np.float32) for one in IMAGENET)
        return ((pixels / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
    if style == "keras":
        return (np.asarray(photo.resize((32, 20), Image.Resampling.BILINEAR), np.float32) / 127.5 - 1)[None]
    if style == "tensorflow":
        return (np.asarray(photo.resize((24, 24), Image.Resampling.BILINEAR), np.float32) / 255)[None]
    # PaddleOCR's direction of text: 48 pixels high, BGR, to -1 … 1
    pixels = np.asarray(photo.resize((96, 48), Image.Resampling.BILINEAR), np.float32)[..., ::-1]
    return ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]


OPTIONS = {
    "paddle": ["--resize=stretch", "--size=96x48", "--mean=0.5", "--std=0.5", "--channel-order=bgr"],
    "custom": ["--mean=104,117,123", "--channel-order=bgr"],
}


@pytest.mark.parametrize("style", STYLES)
def test_answers_are_those_of_the_original(style: str, tmp_path: Path, photos: Path, importing: Import) -> None:
    file = save(convnet(STYLES[style]), tmp_path / f"{style}.onnx")
    (tmp_path / "labels.txt").write_text("one\ntwo\nthree\nfour\nfive\n")
    report = importing(file, style, f"--preset={style}", f"--labels={tmp_path}/labels.txt", *OPTIONS.get(style, []))
    session = ort.InferenceSession(str(file))
    for sample in report["samples"]:
        with Image.open(photos / sample["file"]) as photo:
            (answer,) = session.run(None, {session.get_inputs()[0].name: by_hand(style, photo.convert("RGB"))})
        scores = answer[0].astype(np.float64)
        if not STYLES[style].softmax:
            scores = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        best = np.argsort(-scores)[:3]
        assert sample["top"][0]["label"] == ["one", "two", "three", "four", "five"][best[0]]
        np.testing.assert_allclose([top["score"] for top in sample["top"]], scores[best], atol=2e-4)
    image = report["manifest"]["image"]
    assert image["activation"] == ("none" if STYLES[style].softmax else "softmax")
    assert report["manifest"]["batching"]["max_batch_size"] == 8
    assert "5 golden samples" in report["seen"]["engine"]
    folded = ort.InferenceSession(str(Path(report["folder"]) / "model.onnx"))
    assert [(one.name, one.type) for one in folded.get_inputs()] == [("image", "tensor(uint8)")]
