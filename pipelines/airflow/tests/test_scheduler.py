"""The DAGs under a real scheduler, with stand-ins for the commands. The runs of all tests go on at the same time."""

import pytest
from conftest import Airflow, StandIn, until

RETRAIN, DRIFT = "headgate_retrain_digits", "headgate_drift_digits"
SIGNS, FACES = "headgate_retrain_signs", "headgate_ingest_faces"


@pytest.fixture(scope="module")
def standin(services: tuple[StandIn, Airflow]) -> StandIn:
    return services[0]


@pytest.fixture(scope="module")
def runs(standin: StandIn, services: tuple[StandIn, Airflow]) -> dict[str, str]:
    """The run of each DAG that a person starts."""
    airflow = services[1]
    standin.exits("digits", "register", 0, 99)
    standin.exits("digits", "check", 99)
    standin.exits("signs", "check", 99, 99, 0)
    standin.exits("faces", "repro", 3, 2)
    return {dag: airflow.trigger(dag) for dag in (DRIFT, SIGNS, FACES)}


@pytest.fixture
def airflow(services: tuple[StandIn, Airflow], runs: dict[str, str]) -> Airflow:
    return services[1]


def test_drift_starts_one_retraining_which_goes_to_production_once_a_person_approves(
    airflow: Airflow, standin: StandIn, runs: dict[str, str]
) -> None:
    airflow.until_state(DRIFT, runs[DRIFT], "success")
    until("retraining", lambda: len(airflow.runs(RETRAIN)) == 1)
    (first,) = airflow.runs(RETRAIN)
    assert first.startswith("asset_triggered")
    airflow.until_state(RETRAIN, first, "awaiting_input", "approve")

    second = airflow.trigger(RETRAIN)
    again = airflow.trigger(DRIFT)
    airflow.until_state(DRIFT, again, "success")
    assert airflow.tasks(DRIFT, again) == {"check": "success", "retrain": "skipped"}
    assert airflow.runs(RETRAIN) == {first: "running", second: "queued"}
    assert [call for call in standin.calls("digits") if call.startswith("dvc")] == ["dvc repro", "dvc push"]

    airflow.answer(RETRAIN, first, "Approve")
    airflow.until_state(RETRAIN, second, "success")
    assert airflow.tasks(RETRAIN, first) == dict.fromkeys(
        ["reproduce", "register", "stage", "approve", "release"], "success"
    )
    assert airflow.tasks(RETRAIN, second) == {
        "reproduce": "success",
        **dict.fromkeys(["register", "stage", "approve", "release"], "skipped"),
    }
    assert [call for call in standin.calls("digits") if call != "headgate-pipelines drift --trigger"] == [
        *("dvc repro", "dvc push"),
        "headgate-pipelines register --stage",
        "headgate-pipelines stage",
        "headgate-pipelines release --version 3 --check",
        "headgate-pipelines release --approved --version 3 --why approve by admin in Airflow",
        *("dvc repro", "dvc push"),
        "headgate-pipelines register --stage",
    ]


def test_an_approval_in_the_console_ends_the_wait(airflow: Airflow, standin: StandIn, runs: dict[str, str]) -> None:
    airflow.until_state(SIGNS, runs[SIGNS], "success")
    assert standin.calls("signs")[-4:] == [
        *["headgate-pipelines release --version 3 --check"] * 3,
        "headgate-pipelines release --approved --version 3 --why ",
    ]


def test_an_unavailable_service_is_tried_again_and_a_refusal_fails_at_once_with_an_alert(
    airflow: Airflow, standin: StandIn, runs: dict[str, str]
) -> None:
    airflow.until_state(FACES, runs[FACES], "failed")
    assert standin.calls("faces") == ["dvc repro ingest", "dvc repro ingest"]
    (alert,) = standin.alerts()
    assert alert.startswith(f"{FACES}: ingest failed\nrun {runs[FACES]}, try 2: http://127.0.0.1:")
    assert "\ndvc repro ingest: exit code 2\nrepro was called\n" in alert
