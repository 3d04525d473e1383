"""A version that passes becomes the candidate; one that fails is rejected."""

import json
from functools import partial

import pytest

from headgate_pipelines.deadline import Deadline
from headgate_pipelines.deploy import stage as subject
from tests.deploy.site import Site

pytestmark = pytest.mark.services


def names_of_tests(site: Site) -> list[str]:
    report = json.loads((site.workspace / "reports/staging.json").read_text("utf-8"))
    assert report["version"] == "2"
    return [test["name"] for test in report["tests"]]


def test_a_version_that_passes_becomes_the_candidate_and_the_team_is_told_once(site: Site) -> None:
    site.aliases(champion="1", staging="2")
    assert site.run("stage") == 0
    assert (site.alias("candidate"), site.rejected) == ("2", [])
    assert "gets_no_traffic" in names_of_tests(site)
    assert site.run("stage") == 0
    assert site.told == ["cats/2 waits for approval"]


def test_a_failed_test_rejects_the_version_and_leaves_the_message_to_airflow(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.aliases(champion="1", staging="2")
    site.score = 0.5
    assert site.run("stage") == 2
    assert (site.alias("candidate"), [one["version"] for one in site.rejected]) == (None, ["2"])
    assert "answers_as_recorded: golden image 0" in site.rejected[0]["why"]
    assert "rejected in staging: answers_as_recorded" in capsys.readouterr().err
    assert site.told == []


def test_a_version_that_never_gets_ready_is_rejected(site: Site) -> None:
    site.aliases(champion="1", staging="2")
    site.versions[1]["ready_pods"] = 1
    assert site.run("stage", "--within-s", "0") == 2
    assert "not ready in staging" in site.rejected[0]["why"]


def test_nothing_is_rejected_while_control_is_away(site: Site) -> None:
    site.aliases(champion="1", staging="2")
    asked: list[str] = []

    def away(path: str) -> bool:
        asked.append(path)
        return len(asked) > 1

    site.away = away
    assert site.run("stage", "--within-s", "0") == 3
    assert site.rejected == []


def test_nothing_is_rejected_while_the_gateway_is_away(site: Site) -> None:
    site.aliases(champion="1", staging="2")
    site.away = lambda path: path.startswith("/v2/")
    assert site.run("stage", "--within-s", "0") == 3
    assert site.rejected == []


def test_a_version_that_the_gateway_does_not_find_ready_is_rejected(site: Site) -> None:
    site.aliases(champion="1", staging="2")
    site.away = lambda path: path.endswith("/ready")
    assert site.run("stage", "--within-s", "0") == 2
    assert "not ready in staging" in site.rejected[0]["why"]


def test_one_unanswered_question_is_no_reason_to_reject(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "Deadline", partial(Deadline, interval_s=0))
    site.aliases(champion="1", staging="2")
    asked: list[str] = []

    def away(path: str) -> bool:
        asked.append(path)
        return path == "/models" and asked.count("/models") == 1

    site.away = away
    assert site.run("stage") == 0
    assert (site.rejected, site.alias("candidate")) == ([], "2")


def test_traffic_is_looked_for_only_where_there_should_be_none(site: Site) -> None:
    site.aliases(staging="2")
    # With `control.staged: serve`.
    site.versions[1]["role"] = "control"
    assert site.run("stage") == 0
    assert "gets_no_traffic" not in names_of_tests(site)


@pytest.mark.parametrize("aliases", [{}, {"staging": "2", "champion": "2"}])
def test_nothing_is_staged_without_a_new_version(site: Site, aliases: dict[str, str]) -> None:
    site.aliases(**aliases)
    assert site.run("stage") == 99


def test_a_model_that_is_not_served_yet_is_not_rejected(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.aliases(staging="2")
    site.models = []
    assert site.run("stage") == 2
    assert "The first version" in capsys.readouterr().err
    assert site.rejected == []
