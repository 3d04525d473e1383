"""`train`: a head over a pre-trained backbone, exported as one ONNX graph."""

import argparse
import re
from pathlib import Path

from headgate_pipelines.data import init
from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.errors import Refused
from headgate_pipelines.lock import only_one
from headgate_pipelines.params import read_params
from headgate_pipelines.settings import read_settings
from headgate_pipelines.train.training import train
from headgate_pipelines.workspace import Workspace


def run(given: argparse.Namespace) -> int:
    """Trains; one `train` or `ingest` at a time works on a workspace."""
    workspace = Workspace(given.workspace)
    if given.data is not None:
        if workspace.root == Path.cwd() and not workspace.params.exists():
            workspace = Workspace(workspace.root / "workspace")
        _prepare(workspace, given.data)
    params = read_params(workspace.params)
    with only_one(workspace, "train"):
        if given.data is not None:
            print(ingest(workspace, params))
        print(train(workspace, params, read_settings(), shuffle_labels=given.shuffle_labels))
    return 0


def _prepare(workspace: Workspace, data: Path) -> None:
    """Makes the workspace with `data` as its source, or checks that this is its source.

    Raises:
        Refused: the workspace has another source.
    """
    if not workspace.params.exists():
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", data.resolve().name).strip("-._") or "model"
        init.run(argparse.Namespace(folder=workspace.root, model=name[:64], source=str(data), remote=None))
        return
    source = read_params(workspace.params).source
    if (workspace.root / source).resolve() != data.resolve():
        raise Refused(f"{workspace.root} trains on {source}", "name another --workspace, or change `source` there")
