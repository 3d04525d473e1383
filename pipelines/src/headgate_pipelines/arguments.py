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
