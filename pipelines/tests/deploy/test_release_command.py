"""Which exit code `release` gives for where a version stands."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headgate_pipelines.cli import main
from headgate_pipelines.deploy import release


class Services:
    """Control and registry of one model."""

    def __init__(self) -> None:
        self.candidate: str | None = "3"
        self.champion = "2"
        self.control = "2"
        self.started: list[dict[str, Any]] = []
        self.rejected: list[str] = []

    def by_alias(self, _: str, alias: str) -> SimpleNamespace | None:
        version = self.candidate if alias == "candidate" else self.champion
        return SimpleNamespace(version=version) if version else None

    def versions(self, _: str) -> list[dict[str, str]]:
        return [{"version": one, "role": "control" if one == self.control else "loaded"} for one in ("2", "3")]

    def rollouts(self, _: str) -> list[dict[str, Any]]:
        return self.started

    def rollout(self, _: str) -> dict[str, Any]:
        return self.started[0] | {"state": {"kind": "promoted"}}

    def approve(self, _model: str, version: str, _policy: Any, _why: str) -> dict[str, Any]:
        self.started.insert(0, rollout(version))
        return self.started[0]

    def reject(self, _model: str, version: str, why: str) -> None:
        self.rejected.append(f"{version}: {why}")


def rollout(version: str, state: str = "running") -> dict[str, Any]:
    return {"id": "r1", "weight": 10, "candidate": {"version": version}, "state": {"kind": state}}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()
    monkeypatch.setattr(release, "Control", lambda _: services)
    monkeypatch.setattr(release, "Registry", lambda _: services)
    return services


@pytest.fixture
def run(tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> Any:
    # Control and MLflow are stand-ins.
    monkeypatch.setattr("headgate_pipelines.cli.check", lambda *_: None)
    (tmp_path / "params.yaml").write_text("model: digits\nsource: photos\n", "utf-8")
    return lambda *arguments: main(["release", "--workspace", str(tmp_path), *arguments])


def test_a_check_tells_waiting_from_approved_and_from_rejected(run: Any, services: Services) -> None:
    assert run("--check", "--version", "3") == 99
    services.started = [rollout("3", "rolled_back")]
    assert run("--check", "--version", "3") == 99
    services.started = [rollout("3")]
    assert run("--check", "--version", "3") == 0
    services.started, services.candidate = [], None
    assert run("--check", "--version", "3") == 2
    services.champion = "3"
    assert run("--check", "--version", "3") == 0


def test_a_staged_version_that_has_all_traffic_waits_all_the_same(run: Any, services: Services) -> None:
    # With `control.staged: serve`.
    services.control = "3"
    assert run("--check") == 99
    assert run("--approved") == 0
    assert len(services.started) == 1


def test_a_promoted_version_is_the_champion_before_it_has_the_alias(run: Any, services: Services) -> None:
    services.control, services.started = "3", [rollout("3", "promoted")]
    assert run("--check") == 0
    assert run("--approved") == 0
    assert len(services.started) == 1
    # An operator has gone back since, and the version is a candidate again.
    services.control = "2"
    assert run("--check") == 99


def test_an_approved_version_is_rolled_out_once(run: Any, services: Services) -> None:
    assert run("--approved") == 0
    assert run("--approved", "--version", "3") == 0
    assert len(services.started) == 1
    services.champion, services.candidate, services.started = "3", None, []
    assert run("--approved", "--version", "3") == 0
    assert services.started == []


def test_a_rejection_names_the_version_that_was_seen(run: Any, services: Services) -> None:
    services.candidate = "4"
    assert run("--rejected", "--version", "3", "--why", "too slow") == 0
    assert services.rejected == ["3: too slow"]


def test_a_rejection_without_a_reason_is_refused(run: Any, services: Services) -> None:
    assert run("--rejected") != 0
    assert services.rejected == []


def test_nothing_happens_without_a_candidate(run: Any, services: Services) -> None:
    services.candidate = None
    assert run("--approved") == 99
