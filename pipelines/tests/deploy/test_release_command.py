"""Which exit code `release` gives for where a version stands."""

import pytest

from headgate_pipelines.deploy import release as subject
from tests.deploy.site import Site, rollout

pytestmark = pytest.mark.services


@pytest.fixture
def site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Version 2 waits for approval."""
    monkeypatch.setattr(subject, "LOOK_EVERY_S", 0)
    site.aliases(champion="1", candidate="2")
    return site


def test_an_approved_version_is_rolled_out_once_and_the_team_is_told(site: Site) -> None:
    assert site.run("release", "--approved", "--why", "better", "--policy", "careful") == 0
    assert site.approved == [{"version": "2", "why": "better", "policy": "careful"}]
    assert site.told == ["cats/2 is the champion"]
    assert site.run("release", "--approved", "--version", "2") == 0
    site.aliases(champion="2")
    site.rollouts = []
    assert site.run("release", "--approved", "--version", "2") == 0
    assert len(site.approved) == 1


def test_a_rollout_that_is_rolled_back_is_refused_and_leaves_the_message_to_airflow(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.ends = "rolled_back"
    assert site.run("release", "--approved") == 2
    assert "cats/2 was rolled back by guardrail: errors rose" in capsys.readouterr().err
    assert site.told == []


def test_a_check_tells_waiting_from_approved_and_from_rejected(site: Site) -> None:
    check = ("release", "--check", "--version", "2")
    assert site.run(*check) == 99
    site.rollouts = [rollout("2", "rolled_back")]
    assert site.run(*check) == 99
    site.rollouts = [rollout("2")]
    assert site.run(*check) == 0
    site.rollouts = []
    site.aliases(champion="1")
    assert site.run(*check) == 2
    site.aliases(champion="2")
    assert site.run(*check) == 0


def test_a_staged_version_that_has_all_traffic_waits_all_the_same(site: Site) -> None:
    # With `control.staged: serve`.
    site.versions[1]["role"] = "control"
    assert site.run("release", "--check") == 99
    assert site.run("release", "--approved") == 0
    assert len(site.approved) == 1


def test_a_promoted_version_is_the_champion_before_it_has_the_alias(site: Site) -> None:
    site.versions[1]["role"], site.rollouts = "control", [rollout("2", "promoted")]
    assert site.run("release", "--check") == 0
    assert site.run("release", "--approved") == 0
    assert site.approved == []
    # An operator has gone back since, and the version is a candidate again.
    site.versions[1]["role"] = "loaded"
    assert site.run("release", "--check") == 99


def test_a_rejection_names_the_version_that_was_seen(site: Site) -> None:
    assert site.run("release", "--rejected", "--version", "1", "--why", "too slow") == 0
    assert site.rejected == [{"version": "1", "why": "too slow"}]


def test_a_rejection_without_a_reason_is_refused(site: Site) -> None:
    assert site.run("release", "--rejected") != 0
    assert site.rejected == []


def test_nothing_happens_without_a_candidate(site: Site) -> None:
    site.aliases(champion="1")
    assert site.run("release", "--approved") == 99
