"""The DAGs as text, and what it takes to import them."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException
from conftest import HERE, StandIn
from headgate.approval import Approval
from headgate.drift import drift
from headgate.ingest import ingest
from headgate.retrain import retrain

EXPECTED = """\
headgate_ingest_digits, 0 2 * * *, 1 run at a time
  ingest: dvc repro ingest, within 3:00:00, alone
headgate_retrain_digits, 0 4 * * 0, headgate://drift/digits, 1 run at a time
  reproduce: dvc repro, then dvc push, within 15:00:00, alone
  register: headgate-pipelines register --stage, within 0:15:00
  stage: headgate-pipelines stage, within 0:30:00
  approve: asks every 0:05:00, within 3 days, 0:00:00
  release: headgate-pipelines release --approved --version VERSION --why WHY, within 8 days, 0:00:00
headgate_drift_digits, 0 * * * *, 1 run at a time
  check: headgate-pipelines drift --trigger, within 0:30:00
  retrain: announces headgate://drift/digits
"""


@pytest.fixture
def dags(standin: StandIn) -> list[DAG]:
    workspace = standin.workspace("digits", remote=True)
    return [build(workspace) for build in (ingest, retrain, drift)]


def in_words(dag: DAG) -> str:
    """A DAG in lines; its tasks in order, each after the one before."""
    schedule = getattr(dag.timetable, "timetable", dag.timetable)
    assets = dag.timetable.asset_condition
    triggers = [asset.uri for asset in assets.objects] if assets else []
    lines = [", ".join([dag.dag_id, schedule.expression, *triggers, f"{dag.max_active_runs} run at a time"])]
    before: set[str] = set()
    for task in dag.topological_sort():
        assert task.upstream_task_ids == before
        before = {task.task_id}
        if isinstance(task, Approval):
            words = f"asks every {task.response_timeout}, within {task.wait}"
            assert task.execution_timeout is None
        elif task.outlets:
            words = f"announces {task.outlets[0].uri}"
        else:
            then = f", then {' '.join(task.then)}" if task.then else ""
            alone = ", alone" if task.alone else ""
            words = f"{' '.join(task.arguments)}{then}, within {task.execution_timeout}{alone}"
        lines.append(f"  {task.task_id}: {words}")
    text = "\n".join(lines) + "\n"
    for name in ("version", "why"):
        text = text.replace(f"{{{{ ti.xcom_pull(task_ids='approve')['{name}'] }}}}", name.upper())
    return text


def test_tasks_their_order_schedules_and_time_limits(dags: list[DAG]) -> None:
    assert "".join(map(in_words, dags)) == EXPECTED


def test_nothing_is_pushed_without_a_remote(standin: StandIn) -> None:
    assert retrain(standin.workspace("digits")).get_task("reproduce").then is None


def test_each_trigger_of_a_drift_check_starts_one_retraining(standin: StandIn) -> None:
    workspace = standin.workspace("digits")
    retrain = drift(workspace).get_task("retrain").python_callable
    (workspace / ".state").mkdir()
    (workspace / ".state/retrain").touch()
    retrain()
    with pytest.raises(AirflowSkipException):
        retrain()


def test_every_task_is_retried_with_backoff_and_alerts_when_it_fails(dags: list[DAG]) -> None:
    for dag in dags:
        assert not dag.catchup
        assert dag.is_paused_upon_creation is False
        assert dag.doc_md
        assert dag.tags == {"headgate", "digits"}
        for task in dag.tasks:
            retries = (task.retries, task.retry_delay, task.retry_exponential_backoff, task.max_retry_delay)
            assert retries == (3, timedelta(minutes=1), 2, timedelta(minutes=30))
            assert [callback.__name__ for callback in task.on_failure_callback] == ["alert"]
            assert task.owner == "headgate"


def test_the_import_loads_nothing_but_airflow(standin: StandIn) -> None:
    """The DAG processor imports the file every half minute."""
    standin.workspace("digits")
    program = """
import sys, airflow.sdk, airflow.providers.standard.operators.hitl
before = set(sys.modules)
import headgate_dags
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - sys.stdlib_module_names))
"""
    env = {**os.environ, **standin.environment(), "PYTHONPATH": str(HERE.parent / "dags")}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    # Airflow reads cron expressions by croniter.
    assert done.stdout.splitlines()[-1] == "airflow croniter headgate headgate_dags packaging"


def test_without_workspaces_there_are_no_dags(standin: StandIn) -> None:
    from headgate.workspace import workspaces

    assert workspaces() == []
    (standin.workspaces / "no-workspace").mkdir(parents=True)
    assert workspaces() == []
