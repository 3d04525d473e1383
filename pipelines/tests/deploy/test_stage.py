"""A version that passes becomes the candidate; one that fails is rejected and the team told."""

import argparse
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headgate_pipelines.deadline import Deadline
from headgate_pipelines.deploy import stage as subject
from headgate_pipelines.deploy.smoke import Outcome, gets_no_traffic
from headgate_pipelines.deploy.stage import Staging, stage
from headgate_pipelines.errors import Refused, Unavailable
from headgate_pipelines.registry.client import Registered
from headgate_pipelines.workspace import Workspace

VERSION = Registered("digits", "2", "run", {})
READY = {"version": "2", "role": "loaded", "pods": 2, "ready_pods": 2}


class Site:
    """Registry, control and gateway as a test wants them, and what was asked of them."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, versions: list[dict[str, Any]], outcomes: list[Outcome]
    ) -> None:
        self.aliases: list[tuple[str, ...]] = []
        self.rejected: list[str] = []
        self.told: list[str] = []
        self.checks: tuple[Any, ...] = ()
        self.control: Any = SimpleNamespace(
            versions=lambda _: versions, live=dict, reject=lambda *asked: self.rejected.append(asked[2])
        )
        monkeypatch.setattr(subject, "send", lambda _, title, text: self.told.append(title))
        monkeypatch.setattr(subject, "run_checks", lambda gateway, staged, checks: self._ran(checks, outcomes))

    def _ran(self, checks: tuple[Any, ...], outcomes: list[Outcome]) -> list[Outcome]:
        self.checks = checks
        return outcomes

    def run(self, workspace: Path, within_s: float = 5) -> None:
        registry: Any = SimpleNamespace(
            download=lambda version, cache: SimpleNamespace(path=cache),
            set_alias=lambda *asked: self.aliases.append(asked),
        )
        gateway: Any = SimpleNamespace(is_ready=lambda *_: True)
        settings: Any = None
        stage(Staging(registry, self.control, gateway, settings), Workspace(workspace), VERSION, within_s)


def test_a_version_that_passes_becomes_the_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch, [READY], [Outcome("answers", "")])
    site.run(tmp_path)
    assert site.aliases == [("digits", "candidate", "2")]
    assert site.told == ["digits/2 waits for approval"]
    assert json.loads((tmp_path / "reports/staging.json").read_text("utf-8"))["tests"][0]["name"] == "answers"


def test_a_failed_test_rejects_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch, [READY], [Outcome("answers", "wrong"), Outcome("names", "")])
    with pytest.raises(Refused, match="answers: wrong"):
        site.run(tmp_path)
    assert (site.aliases, site.rejected) == ([], ["answers: wrong"])
    assert site.told == ["digits/2 was rejected in staging"]


def test_a_version_that_never_gets_ready_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch, [READY | {"ready_pods": 1}], [])
    with pytest.raises(Refused, match="not ready in staging"):
        site.run(tmp_path, within_s=0)
    assert len(site.rejected) == 1


def test_nothing_is_rejected_while_control_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("control does not answer")

    site = Site(monkeypatch, [READY], [])
    site.control.versions = site.control.live = away
    with pytest.raises(Unavailable):
        site.run(tmp_path, within_s=0)
    assert site.rejected == []


def test_one_unanswered_question_is_no_reason_to_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "Deadline", partial(Deadline, interval_s=0))
    site = Site(monkeypatch, [READY], [Outcome("answers", "")])
    asked: list[str] = []

    def once_away(model: str) -> list[dict[str, Any]]:
        asked.append(model)
        if len(asked) == 1:
            raise Unavailable("control does not answer")
        return [READY]

    site.control.versions = once_away
    site.run(tmp_path)
    assert (site.rejected, len(site.aliases)) == ([], 1)


@pytest.mark.parametrize(("role", "expected"), [("loaded", True), ("control", False)])
def test_traffic_is_looked_for_where_there_should_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, expected: bool
) -> None:
    site = Site(monkeypatch, [READY | {"role": role}], [Outcome("answers", "")])
    site.run(tmp_path)
    assert (gets_no_traffic in site.checks) == expected


@pytest.mark.parametrize(
    ("aliases", "code"),
    [
        ({}, 99),
        ({"staging": "2", "champion": "2"}, 99),
        ({"staging": "2", "candidate": "2"}, 0),
        ({"staging": "2", "candidate": "1"}, 0),
    ],
)
def test_a_version_is_staged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aliases: dict[str, str], code: int
) -> None:
    (tmp_path / "params.yaml").write_text("model: digits\nsource: x\n", "utf-8")
    staged: list[str] = []
    registry = SimpleNamespace(
        by_alias=lambda model, alias: Registered(model, aliases[alias], "run", {}) if alias in aliases else None
    )
    monkeypatch.setattr(subject, "Registry", lambda _: registry)
    monkeypatch.setattr(subject, "Control", lambda _: SimpleNamespace(live=lambda: {"models": [{"model": "digits"}]}))
    monkeypatch.setattr(subject, "Gateway", lambda _: None)
    monkeypatch.setattr(
        subject, "stage", lambda parts, workspace, registered, within_s: staged.append(registered.version)
    )
    assert subject.run(argparse.Namespace(workspace=tmp_path, within_s=1)) == code
    assert staged == (["2"] if aliases.get("candidate") == "1" else [])


def test_a_model_that_is_not_served_yet_is_not_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text("model: birds\nsource: x\n", "utf-8")
    registry = SimpleNamespace(by_alias=lambda model, alias: VERSION if alias == "staging" else None)
    monkeypatch.setattr(subject, "Registry", lambda _: registry)
    monkeypatch.setattr(subject, "Control", lambda _: SimpleNamespace(live=lambda: {"models": []}))
    monkeypatch.setattr(subject, "Gateway", lambda _: None)
    with pytest.raises(Refused, match="the routing table has no model birds") as raised:
        subject.run(argparse.Namespace(workspace=tmp_path, within_s=1))
    assert "The first version" in raised.value.remedy
