"""The decisions of the approval task. test_scheduler.py shows it under Airflow."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
)
from conftest import StandIn
from headgate.approval import Approval

TIMEOUT = {"error": "no response", "error_type": "timeout"}


@pytest.fixture
def approve(standin: StandIn) -> Approval:
    with DAG("dag"):
        approve = Approval(
            task_id="approve",
            workspace=standin.workspace("digits"),
            wait=timedelta(days=3),
            poll=timedelta(minutes=5),
        )
        approve >> EmptyOperator(task_id="release")
    return approve


def asked(approve: Approval, ago: timedelta) -> Any:
    """The context of a task that asked for approval that long ago."""
    started = datetime.now(UTC) - ago
    task = SimpleNamespace(
        start_date=started, map_index=-1, xcom_push=lambda **_: None, dag_id="dag", log_url="http://airflow"
    )
    return {"task": approve, "ti": task}


def answer(option: str) -> dict[str, Any]:
    person = {"id": "1", "name": "ada"}
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime.now(UTC),
        "responded_by_user": person,
    }


def test_an_approval_names_the_version_and_the_person(approve: Approval) -> None:
    context = asked(approve, timedelta(hours=1))
    assert approve.execute_complete(context, answer("Approve"), "3") == {
        "version": "3",
        "why": "approve by ada in Airflow",
    }


def test_a_rejection_takes_the_candidate_back_and_skips_the_release(approve: Approval, standin: StandIn) -> None:
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        approve.execute_complete(asked(approve, timedelta(hours=1)), answer("Reject"), "3")
    assert skipped.value.tasks == ["release"]
    assert standin.calls("digits") == [
        "headgate-pipelines release --version 3 --rejected --why reject by ada in Airflow"
    ]


def test_a_rejection_that_does_not_reach_control_fails(approve: Approval, standin: StandIn) -> None:
    standin.exits("digits", "release", 3)
    with pytest.raises(AirflowFailException):
        approve.execute_complete(asked(approve, timedelta(hours=1)), answer("Reject"), "3")


@pytest.mark.parametrize("code", [99, 3])
def test_without_an_answer_it_waits_on(code: int, approve: Approval, standin: StandIn) -> None:
    standin.exits("digits", "check", code)
    with pytest.raises(TaskAwaitingInput) as parked:
        approve.execute_complete(asked(approve, timedelta(days=2)), TIMEOUT, "3")
    assert (parked.value.kwargs, parked.value.timeout) == ({"version": "3"}, timedelta(minutes=5))


def test_without_an_answer_in_time_it_rejects_and_sends_an_alert(approve: Approval, standin: StandIn) -> None:
    standin.exits("digits", "check", 99)
    with pytest.raises(DownstreamTasksSkipped):
        approve.execute_complete(asked(approve, timedelta(days=3)), TIMEOUT, "3")
    assert standin.calls("digits")[-1].endswith("--rejected --why reject by nobody in time in Airflow")
    assert standin.alerts() == ["dag: version 3 was rejected\nreject by nobody in time in Airflow: http://airflow"]


def test_an_answer_of_the_console_counts_before_anyone_is_asked(approve: Approval, standin: StandIn) -> None:
    assert approve.execute(asked(approve, timedelta(0))) == {"version": "3", "why": ""}
    standin.exits("digits", "check", 2)
    with pytest.raises(AirflowSkipException):
        approve.execute(asked(approve, timedelta(0)))
