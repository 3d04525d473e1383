"""What a task makes of a program's exit code."""

import os
import select
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from conftest import HERE, StandIn
from headgate import command
from headgate.command import Command


@pytest.fixture
def task(standin: StandIn) -> Callable[[str], Command]:
    """A task that runs a shell script in a workspace."""
    workspace = standin.workspace("digits")
    (standin.bin / "sh").symlink_to("/bin/sh")
    return lambda script: Command(task_id="task", workspace=workspace, arguments=["sh", "-c", script], alone=True)


def outcome(task: Command) -> Exception:
    with pytest.raises(AirflowException) as raised:
        task.execute({})
    return raised.value


def test_0_succeeds_with_the_last_line(task: Callable[[str], Command]) -> None:
    assert task("echo one; echo two").execute({}) == "two"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("exit 99", AirflowSkipException),
        ("exit 3", AirflowException),
        ("kill -9 $$", AirflowException),
        ("exit 2", AirflowFailException),
        ("exit 1", AirflowFailException),
        ("exit 255", AirflowFailException),
    ],
)
def test_other_codes_skip_try_again_or_fail(
    script: str, error: type[Exception], task: Callable[[str], Command]
) -> None:
    assert type(outcome(task(script))) is error


def test_the_last_lines_of_both_outputs_are_in_the_error(task: Callable[[str], Command]) -> None:
    words = str(outcome(task("seq 1 30; echo 'error: no data' >&2; exit 2"))).splitlines()
    assert words[0] == "sh -c seq 1 30; echo 'error: no data' >&2; exit 2: exit code 2"
    assert words[1:] == [*map(str, range(12, 31)), "error: no data"]


def test_a_killed_task_ends_the_programs_that_its_program_started(
    task: Callable[[str], Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "held")
    end = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    killed = task(f"exec 3> {tmp_path}/held; sleep 600 & echo started; wait")
    # As Airflow does from a signal handler, here once the program has printed its line.
    monkeypatch.setattr(killed.log, "info", lambda _: killed.on_kill())
    assert "exit code -15" in str(outcome(killed))
    # End of file: nobody holds the other end, so `sleep` has ended.
    assert select.select([end], [], [], 10) == ([end], [], [])
    assert os.read(end, 1) == b""
    os.close(end)


def test_the_end_of_its_time_ends_a_program_that_says_nothing(
    task: Callable[[str], Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = task("trap '' TERM; while :; do sleep 60; done")
    monkeypatch.setattr(command, "GRACE_S", 0.1)

    def time_is_over(*_: object) -> None:
        raise AirflowException("timeout")

    before = signal.signal(signal.SIGALRM, time_is_over)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        assert str(outcome(silent)) == "timeout"
    finally:
        signal.signal(signal.SIGALRM, before)
    assert silent.process is not None
    assert silent.process.returncode == -signal.SIGKILL


def test_tasks_of_one_workspace_take_turns(task: Callable[[str], Command]) -> None:
    # Fails where the other one is between its two programs.
    tasks = [task("mkdir busy && sleep 0.3") for _ in range(2)]
    for one in tasks:
        one.then = ["sh", "-c", "rmdir busy && echo done"]
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda one: one.execute({}), tasks)) == ["done", "done"]


def test_the_second_program_does_not_start_after_a_failure_of_the_first(task: Callable[[str], Command]) -> None:
    failing = task("exit 2")
    failing.then = ["sh", "-c", "touch started"]
    assert type(outcome(failing)) is AirflowFailException
    assert not (failing.workspace / "started").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["repro", "refused"], AirflowFailException, "dvc repro refused: exit code 2\n"),
        (["repro", "unavailable"], AirflowException, "dvc repro unavailable: exit code 3\n"),
        (["push"], AirflowException, "dvc push: exit code 3\n"),
    ],
)
def test_real_dvc_passes_the_code_of_a_stage_on_and_is_tried_again_when_it_fails_itself(
    arguments: list[str], error: type[Exception], words: str, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = HERE.parents[1] / ".venv/bin"
    assert (programs / "dvc").exists(), "run `uv sync --frozen --extra lifecycle` in pipelines first"
    monkeypatch.setenv("HEADGATE_PIPELINES_BIN", str(programs))
    workspace = standin.workspace("digits")
    (workspace / "dvc.yaml").write_text("stages: {refused: {cmd: exit 2}, unavailable: {cmd: exit 3}}", "utf-8")
    subprocess.run([programs / "dvc", "init", "--no-scm", "--quiet"], cwd=workspace, check=True)
    raised = outcome(Command(task_id="task", workspace=workspace, arguments=["dvc", *arguments]))
    assert type(raised) is error
    assert str(raised).startswith(words)


def test_an_alert_that_cannot_be_sent_raises_nothing(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Task:
        dag_id, task_id, run_id, try_number, log_url = "dag", "task", "run", 1, "http://airflow"

    context: Any = {"ti": Task, "exception": ValueError("no data")}
    command.alert(context)
    assert standin.alerts() == ["dag: task failed\nrun run, try 1: http://airflow\nno data"]
    monkeypatch.setenv("HEADGATE_PIPELINES_BIN", "/nowhere")
    command.alert(context)
    assert "no alert was sent" in caplog.text
