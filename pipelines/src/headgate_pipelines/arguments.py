"""The arguments of each command. This module imports nothing that takes time."""

import argparse
from pathlib import Path


def init(parser: argparse.ArgumentParser) -> None:
    """The workspace to make."""
    parser.add_argument("folder", type=Path, nargs="?", help="the workspace to make; default: --workspace")
    parser.add_argument("--model", required=True, help="name of the model in Headgate")
    parser.add_argument("--source", required=True, help="folder, s3://bucket/prefix, or captures:<folder of an export>")
    parser.add_argument("--remote", help="where DVC pushes data and models to: a folder, or s3://bucket/prefix")


def ingest(_: argparse.ArgumentParser) -> None:
    """None: params.yaml has them."""


def train(parser: argparse.ArgumentParser) -> None:
    """What is trained on; params.yaml has the rest."""
    where = "ingest DIR/<label>/<picture> first; makes the workspace, by default ./workspace"
    parser.add_argument("--data", type=Path, metavar="DIR", help=where)
    control = "negative control: a model that every evaluation has to refuse"
    parser.add_argument("--shuffle-labels", action="store_true", help=control)


def evaluate(parser: argparse.ArgumentParser) -> None:
    """What is compared with."""
    which = "version folder to compare with, or none (default: what the alias champion names in MLflow)"
    parser.add_argument("--champion", metavar="DIR|none", help=which)


def register(parser: argparse.ArgumentParser) -> None:
    """What is done beside the registration."""
    parser.add_argument("--stage", action="store_true", help="point the alias `staging` at the version afterwards")


def adopt(parser: argparse.ArgumentParser) -> None:
    """Which versions."""
    parser.add_argument("model", help="name of the model, as in the models folder")
    parser.add_argument("--models", type=Path, metavar="DIR", required=True, help="folder with MODEL/VERSION folders")
    parser.add_argument("--champion", metavar="VERSION", help="version that production serves now")


def stage(parser: argparse.ArgumentParser) -> None:
    """How long it waits."""
    wait = "longest wait for the version to be ready (default: 300)"
    parser.add_argument("--within-s", type=float, metavar="S", default=300, help=wait)


def release(parser: argparse.ArgumentParser) -> None:
    """What was decided, on which version."""
    decision = parser.add_mutually_exclusive_group(required=True)
    decision.add_argument("--approved", action="store_true", help="start the rollout, or follow the one in progress")
    decision.add_argument("--rejected", action="store_true", help="take the candidate back; needs --why")
    decision.add_argument("--check", action="store_true", help="only say by exit code whether somebody has decided")
    parser.add_argument("--version", help="version that was seen and decided on (default: the candidate)")
    parser.add_argument("--policy", help="name of a rollout policy, or a JSON file with one (default: `default`)")
    parser.add_argument("--why", default="", help="reason, for the timeline and the audit log")
    # A rollout may have steps of hours, and a person in between.
    wait = "longest time that the rollout is followed (default: seven days)"
    parser.add_argument("--within-s", type=float, metavar="S", default=7 * 86_400, help=wait)


def drift(parser: argparse.ArgumentParser) -> None:
    """What is shown, and what follows."""
    captures = "folder of captured photos, to show them in the report"
    parser.add_argument("--captures", type=Path, metavar="DIR", help=captures)
    parser.add_argument("--trigger", action="store_true", help="ask for retraining if there is drift")


def alert(parser: argparse.ArgumentParser) -> None:
    """The message."""
    parser.add_argument("--title", required=True)
    parser.add_argument("--text", required=True)


def import_(parser: argparse.ArgumentParser) -> None:
    """The file, what it is, and how pictures become its input. docs/models.md has the presets."""
    parser.add_argument("file", type=Path, help="ONNX file; its external weights lie beside it")
    parser.add_argument("--name", required=True, metavar="NAME[/VERSION]", help="default version: the next number")
    parser.add_argument("--models", type=Path, metavar="DIR", help="models folder; default: that of the checkout")
    parser.add_argument("--kind", choices=["image", "tensor"], default="image")
    presets = ["torchvision", "timm", "keras", "tensorflow", "paddle", "custom"]
    parser.add_argument("--preset", choices=presets, default="torchvision", help="how pictures become the input")
    parser.add_argument("--labels", type=Path, metavar="FILE", help=".txt, .json or .csv, one label for each class")
    parser.add_argument("--scale", type=_ratio, metavar="X", help="factor for pixels of 0 to 255, such as 1/255")
    parser.add_argument("--mean", type=_numbers, metavar="A,B,C", help="subtracted after the scale")
    parser.add_argument("--std", type=_numbers, metavar="A,B,C", help="divided by, after the mean")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of the input, where the graph takes any")
    parser.add_argument("--resize", choices=["crop", "stretch", "letterbox"])
    parser.add_argument(
        "--crop-fraction", type=_fraction, metavar="X", help="share of the sides that --resize crop keeps"
    )
    parser.add_argument(
        "--border", type=int, choices=range(256), metavar="GREY", help="of --resize letterbox: 0 to 255"
    )
    parser.add_argument("--resample", choices=["cubic", "linear", "nearest"])
    parser.add_argument("--layout", choices=["nchw", "nhwc"], help="default: as the graph says")
    parser.add_argument("--channel-order", choices=["rgb", "bgr"])
    parser.add_argument("--activation", choices=["softmax", "sigmoid", "none"], help="default: as the output looks")
    parser.add_argument("--output", help="output with one score a class")
    parser.add_argument(
        "--top-k", type=int, choices=range(1, 1001), metavar="N", help="classes in an answer (default: 5)"
    )
    parser.add_argument("--samples", type=Path, metavar="DIR", help="your pictures, instead of the sample photos")
    shape = "of an input with variable dimensions, for the recorded run; of --kind tensor"
    parser.add_argument("--shape", type=_shape, action="append", metavar="NAME=1,3,64,64", help=shape)
    parser.add_argument("--description")
    parser.add_argument("--licence", default="unknown", help="such as Apache-2.0")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_ratio(one) for one in text.split(","))


def _ratio(text: str) -> float:
    """A number, or a fraction such as 1/255."""
    above, _, below = text.partition("/")
    if not float(below or 1) or not -1e9 < (value := float(above) / float(below or 1)) < 1e9:
        raise ValueError
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError
    return value


def _size(text: str) -> tuple[int, int]:
    """224, or 192x48: width and height."""
    width, _, height = text.lower().partition("x")
    sides = int(width), int(height or width)
    if not all(0 < side <= 4096 for side in sides):
        raise ValueError
    return sides


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    """NAME=1,3,64,64; of a scalar, NAME= alone."""
    name, is_given, sides = text.rpartition("=")
    shape = tuple(int(side) for side in sides.split(",") if side)
    if not is_given or not all(side > 0 for side in shape):
        raise ValueError
    return name, shape
