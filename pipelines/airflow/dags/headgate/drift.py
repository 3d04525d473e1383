"""Every hour: compare what the champion sees with what it was evaluated on."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException

from headgate.command import Command
from headgate.workspace import USUAL, Pace, at, common, drifted

DOC = """
`check` writes `reports/drift.json` and `reports/drift.html`; it is skipped while there are too few photos. `retrain`
starts the retraining of this model if a check asks for it, which happens once per cooldown, and is skipped if not.
"""


def drift(workspace: Path, pace: Pace = USUAL) -> DAG:
    """The DAG of one workspace."""
    with DAG(
        f"headgate_drift_{workspace.name}",
        description=f"Look for drift of {workspace.name}",
        doc_md=DOC,
        schedule=at("0 * * * *"),
        **common(workspace, pace),
    ) as dag:
        check = Command(
            task_id="check",
            workspace=workspace,
            arguments=["headgate-pipelines", "drift", "--trigger"],
            execution_timeout=timedelta(minutes=30),
        )

        @task(task_id="retrain", outlets=[drifted(workspace)])
        def ask_for_retraining() -> None:
            try:
                (workspace / ".state/retrain").unlink()
            except FileNotFoundError as error:
                raise AirflowSkipException("no check asks for it") from error

        check >> ask_for_retraining()
    return dag
