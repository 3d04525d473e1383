"""Every day: look for new images, validate them, and pack them."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from headgate.command import Command
from headgate.workspace import USUAL, Pace, at, common

DOC = """
Runs `dvc repro ingest` in the workspace. Nothing happens where the source has not changed. When a rule refuses the
data, the last good data stay, the run fails, and the team gets an alert; `reports/ingest.html` shows what was refused.
"""


def ingest(workspace: Path, pace: Pace = USUAL) -> DAG:
    """The DAG of one workspace."""
    with DAG(
        f"headgate_ingest_{workspace.name}",
        description=f"Ingest new images of {workspace.name}",
        doc_md=DOC,
        schedule=at("0 2 * * *"),
        **common(workspace, pace),
    ) as dag:
        Command(
            task_id="ingest",
            workspace=workspace,
            arguments=["dvc", "repro", "ingest"],
            alone=True,
            execution_timeout=timedelta(hours=3),
        )
    return dag
