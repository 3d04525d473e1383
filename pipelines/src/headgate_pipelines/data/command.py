"""`ingest`: validates labelled images and packs them."""

import argparse

from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.lock import only_one
from headgate_pipelines.params import read_params
from headgate_pipelines.workspace import Workspace


def run(given: argparse.Namespace) -> int:
    """Ingests what the source has now."""
    workspace = Workspace(given.workspace)
    params = read_params(workspace.params)
    with only_one(workspace, "ingest"):
        print(ingest(workspace, params))
    return 0
