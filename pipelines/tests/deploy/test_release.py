"""A release starts one rollout, or follows the one that somebody else started."""

import argparse
from pathlib import Path
from typing import Any, cast

import pytest

from headgate_pipelines.control_client import Control
from headgate_pipelines.deploy.release import follow, policy_of, release
from headgate_pipelines.errors import PipelineError, Unavailable


def rollout(kind: str, version: str = "2", weight: float = 10) -> dict[str, Any]:
    return {"id": "r", "candidate": {"version": version}, "state": {"kind": kind}, "weight": weight}


class Rollouts:
    """Control with these rollouts; the states of `later` follow, one at each look."""

    def __init__(self, now: list[dict[str, Any]], later: list[dict[str, Any]] | None = None) -> None:
        self.now = now
        self.later = iter(later or [])
        self.approved: list[tuple[Any, ...]] = []

    def rollouts(self, _: str) -> list[dict[str, Any]]:
        return self.now

    def rollout(self, _: str) -> dict[str, Any]:
        return next(self.later)

    def approve(self, *asked: Any) -> dict[str, Any]:
        self.approved.append(asked)
        return rollout("preparing")


def started(control: Rollouts) -> dict[str, Any]:
    args = argparse.Namespace(policy="careful", why="better")
    return release(cast(Control, control), "digits", "2", args)


@pytest.mark.parametrize("kind", ["preparing", "running", "paused", "awaiting_approval"])
def test_the_rollout_in_progress_is_followed(kind: str) -> None:
    control = Rollouts([rollout(kind)])
    assert started(control)["state"]["kind"] == kind
    assert control.approved == []


@pytest.mark.parametrize("other", [rollout("promoted"), rollout("rolled_back"), rollout("running", version="3")])
def test_an_ended_rollout_or_one_of_another_version_is_not(other: dict[str, Any]) -> None:
    control = Rollouts([other])
    assert started(control)["state"]["kind"] == "preparing"
    assert control.approved == [("digits", "2", "careful", "better")]


def test_each_new_state_is_said_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate_pipelines.deploy.release.LOOK_EVERY_S", 0)
    later = [rollout("running"), rollout("running"), rollout("running", weight=50), rollout("promoted", weight=100)]
    ended = follow(cast(Control, Rollouts([], later)), rollout("preparing"), 60)
    assert ended["state"]["kind"] == "promoted"
    assert capsys.readouterr().err.splitlines() == [
        "rollout r: running at 10 %",
        "rollout r: running at 50 %",
        "rollout r: promoted at 100 %",
    ]


def test_control_may_be_away_while_a_rollout_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate_pipelines.deploy.release.LOOK_EVERY_S", 0)
    control = Rollouts([], [rollout("promoted")])
    answers: list[Any] = [Unavailable("away"), rollout("promoted")]

    def look(_: str) -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return dict(answer)

    monkeypatch.setattr(control, "rollout", look)
    assert follow(cast(Control, control), rollout("running"), 60)["state"]["kind"] == "promoted"


def test_a_rollout_that_does_not_end_in_time_goes_on() -> None:
    with pytest.raises(Unavailable, match="the end of the rollout r"):
        follow(cast(Control, Rollouts([], [rollout("running")])), rollout("running"), 0)


def test_a_policy_is_a_name_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"steps": []}', "utf-8")
    assert policy_of(None) is None
    assert policy_of("careful") == "careful"
    assert policy_of(str(file)) == {"steps": []}
    with pytest.raises(PipelineError, match="is no policy"):
        policy_of(str(tmp_path / "absent.json"))
