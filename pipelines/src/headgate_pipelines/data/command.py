"""`ingest`: validates labelled images and packs them."""

import argparse

from headgate_pipelines.alerts import send
from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.lock import only_one
from headgate_pipelines.params import read_params
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace


def run(given: argparse.Namespace) -> int:
    """Ingests; a run that fails sends an alert."""
    workspace = Workspace(given.workspace)
    params = read_params(workspace.params)
    with only_one(workspace, "ingest"):
        try:
            print(ingest(workspace, params))
        except PipelineError as error:
            send(read_settings(), f"ingest of {params.model} failed", f"{error.message}\n{error.remedy}")
            raise
    return 0
