"""Every week, on drift, and on request: train, evaluate, register, stage, ask, release."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, AssetOrTimeSchedule, chain

from headgate.approval import Approval
from headgate.command import Command
from headgate.workspace import USUAL, Pace, at, common, drifted, has_remote

DOC = """
`reproduce` runs `dvc repro`: ingest, train and evaluate, each only where its inputs changed. Then `dvc push` copies
data and version to the DVC remote, where the workspace has one. `register` skips the rest when there is no new version,
and fails when the version is not good enough. `stage` tests the version in staging. `approve` waits for a person, here
or in Headgate's console; without an answer within three days the version is rejected. `release` starts the rollout and
follows it: it fails when the rollout is rolled back.
"""


def retrain(workspace: Path, pace: Pace = USUAL) -> DAG:
    """The DAG of one workspace."""

    def command(task_id: str, arguments: list[str], timeout: timedelta) -> Command:
        return Command(task_id=task_id, workspace=workspace, arguments=arguments, execution_timeout=timeout)

    with DAG(
        f"headgate_retrain_{workspace.name}",
        description=f"Train {workspace.name} and bring the version to production",
        doc_md=DOC,
        schedule=AssetOrTimeSchedule(timetable=at("0 4 * * 0"), assets=[drifted(workspace)]),
        **common(workspace, pace),
    ) as dag:
        of_approval = "{{ ti.xcom_pull(task_ids='approve')['%s'] }}"
        chain(
            Command(
                task_id="reproduce",
                workspace=workspace,
                arguments=["dvc", "repro"],
                # MLflow names the version of the data, which must be where others can get it: before another `ingest`.
                then=["dvc", "push"] if has_remote(workspace) else None,
                alone=True,
                execution_timeout=timedelta(hours=15),
            ),
            command("register", ["headgate-pipelines", "register", "--stage"], timedelta(minutes=15)),
            command("stage", ["headgate-pipelines", "stage"], timedelta(minutes=30)),
            Approval(task_id="approve", workspace=workspace, wait=pace.approval_wait, poll=pace.approval_poll),
            command(
                "release",
                [
                    *("headgate-pipelines", "release", "--approved"),
                    *("--version", of_approval % "version", "--why", of_approval % "why"),
                ],
                timedelta(days=8),
            ),
        )
    return dag
