"""Control's answers, and what becomes of those that say no."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from headgate_pipelines import http
from headgate_pipelines.control_client import Control
from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.settings import read_settings
from tests.http_server import Answer, answering


def control_at(url: str, folder: Path) -> Control:
    (folder / "key").write_text("hg_secret\n", "utf-8")
    names = {"HEADGATE_PIPELINES_CONTROL_URL": url, "HEADGATE_PIPELINES_ADMIN_KEY_FILE": str(folder / "key")}
    return Control(read_settings(names))


def always(status: int, body: Any) -> Answer:
    return lambda *_: (status, body)


def test_a_refusal_carries_the_words_of_control(tmp_path: Path) -> None:
    with answering(always(409, {"detail": "The model is in a rollout."})) as url, pytest.raises(Refused) as caught:
        control_at(url, tmp_path).approve("digits", "2", None, "better")
    assert "The model is in a rollout." in caught.value.message


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_unavailable(tmp_path: Path, status: int) -> None:
    with answering(always(status, {})) as url, pytest.raises(Unavailable):
        control_at(url, tmp_path).live()


def test_a_request_that_a_follower_gets_reaches_the_leader_by_another_connection(tmp_path: Path) -> None:
    answers = iter([(421, {"detail": "Another pod leads."}), (421, {}), (201, {"id": "r"})])
    with answering(lambda *_: next(answers)) as url:
        assert control_at(url, tmp_path).approve("digits", "2", None, "better") == {"id": "r"}


def test_where_nobody_leads_the_same_request_may_succeed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LEADER_WITHIN_S", 0.0)
    with answering(always(421, {})) as url, pytest.raises(Unavailable, match="leader"):
        control_at(url, tmp_path).approve("digits", "2", None, "better")


def test_control_that_is_away_is_unavailable_and_the_key_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        control_at("http://127.0.0.1:9", tmp_path).live()
    assert "hg_secret" not in caught.value.message + caught.value.remedy


def test_sketches_come_page_by_page(tmp_path: Path) -> None:
    pages = {None: ([1, 2], "x"), "x": ([3], None)}

    def answer(_: str, path: str, __: bytes) -> tuple[int, Any]:
        rows, following = pages[parse_qs(urlparse(path).query).get("after", [None])[0]]
        return 200, {"rows": [{"n": n} for n in rows], "next": following}

    with answering(answer) as url:
        rows = control_at(url, tmp_path).sketches("digits", 0, 10)
        assert [row["n"] for row in rows] == [1, 2, 3]


def test_an_approval_names_version_reason_and_policy(tmp_path: Path) -> None:
    seen: list[tuple[str, Any]] = []

    def answer(_: str, path: str, body: bytes) -> tuple[int, Any]:
        seen.append((path, json.loads(body)))
        return 201, {"id": "r"}

    with answering(answer) as url:
        assert control_at(url, tmp_path).approve("digits", "2", "careful", "better") == {"id": "r"}
    assert seen == [("/api/v1/models/digits/approve", {"version": "2", "why": "better", "policy": "careful"})]


def test_a_missing_key_file_is_named() -> None:
    with pytest.raises(PipelineError, match="HEADGATE_PIPELINES_ADMIN_KEY_FILE is not set"):
        Control(read_settings({}))


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_no_answer_to_the_question(tmp_path: Path, status: int) -> None:
    with answering(always(status, {"detail": "no"})) as url, pytest.raises(PipelineError) as caught:
        control_at(url, tmp_path).live()
    assert caught.value.exit_code == PipelineError.exit_code
