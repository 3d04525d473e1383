"""Runs a command of the pipelines as an Airflow task, and sends an alert when a task fails."""

import fcntl
import logging
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

# Exit codes, see headgate_pipelines.errors.
REFUSED, UNAVAILABLE, NOTHING_TO_DO = 2, 3, 99

OF_A_STAGE = re.compile(r"exited with (\d+)$")
"""DVC has codes of its own; when a stage fails, it prints the stage's in its last lines."""

TAIL_LINES = 20
"""What an alert shows of a log."""

ALERT_TIMEOUT_S = 60

# Between SIGTERM and SIGKILL.
GRACE_S = 10

log = logging.getLogger(__name__)


def programs() -> Path:
    """Folder of `headgate-pipelines` and of `dvc`: HEADGATE_PIPELINES_BIN."""
    return Path(os.environ.get("HEADGATE_PIPELINES_BIN", "/opt/pipelines/bin"))


class Command(BaseOperator):
    """Runs a program in the folder of a workspace.

    Exit code 99 skips the task and those after it. 3, and death by a signal, fail this try: Airflow tries again.
    Any other code fails the task at once, since the same input gives the same answer. `execution_timeout` ends the
    program and those that it started.

    Args:
        workspace: current folder of the program.
        arguments: program and arguments; Jinja templates.
        then: a second program, started when the first has succeeded.
        alone: waits for other tasks with `alone` in this workspace, of any DAG.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(
        self,
        *,
        workspace: Path,
        arguments: list[str],
        then: list[str] | None = None,
        alone: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.workspace = workspace
        self.arguments = arguments
        self.then = then
        self.alone = alone
        self.process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> str:
        """Returns the last line that the last program printed."""
        with one_at_a_time(self.workspace) if self.alone else nullcontext():
            line = self.run_program(self.arguments)
            return self.run_program(self.then) if self.then else line

    def run_program(self, arguments: list[str]) -> str:
        """Returns the last line that the program printed. Raises what its exit code means for the task."""
        self.process = start(self.workspace, arguments)
        code, tail = follow(self.process, self.log.info)
        if arguments[0] == "dvc" and code > 0:
            code = code_of_stage(tail)
        if code == 0:
            return tail[-1] if tail else ""
        if code == NOTHING_TO_DO:
            raise AirflowSkipException("nothing to do")
        words = "\n".join([f"{' '.join(arguments)}: exit code {code}", *tail])
        if code == UNAVAILABLE or code < 0:
            raise AirflowException(words)
        raise AirflowFailException(words)

    def on_kill(self) -> None:
        """Called when a person or the scheduler stops the task."""
        if self.process:
            end(self.process)


@contextmanager
def one_at_a_time(workspace: Path) -> Iterator[None]:
    """Waits for the workspace; the task's `execution_timeout` ends the wait. Commands refuse where this waits."""
    path = workspace / ".state/airflow.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start(workspace: Path, arguments: list[str]) -> subprocess.Popen[str]:
    """Starts a program of `programs()` in a process group of its own; DVC finds the commands there by PATH."""
    return subprocess.Popen(
        [str(programs() / arguments[0]), *arguments[1:]],
        cwd=workspace,
        env={**os.environ, "PATH": f"{programs()}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def follow(process: subprocess.Popen[str], say: Callable[[str], object]) -> tuple[int, list[str]]:
    """Says each line until the program has ended.

    Returns:
        The exit code, negative for a signal, and the last lines.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with process:
        try:
            for line in process.stdout or []:
                say(line.rstrip())
                tail.append(line.rstrip())
        except BaseException:
            # `execution_timeout` raises here; without this, the end of the block would wait for the program.
            end(process)
            raise
    return process.returncode, list(tail)


def code_of_stage(tail: list[str]) -> int:
    """Of the stage that failed. Without one DVC itself failed: its remote is away, or its lock is taken."""
    stages = [found for line in tail if (found := OF_A_STAGE.search(line))]
    return int(stages[-1][1]) if stages else UNAVAILABLE


def end(process: subprocess.Popen[str]) -> None:
    """Ends the program and those that it started; by force after a while."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            return
        os.killpg(process.pid, signal.SIGKILL)


def alert(context: Context) -> None:
    """Sends an alert for a task that failed for good. Never raises."""
    task = context["ti"]
    text = f"run {task.run_id}, try {task.try_number}: {task.log_url}\n{context.get('exception') or ''}"
    send_alert(f"{task.dag_id}: {task.task_id} failed", text)


def send_alert(title: str, text: str) -> None:
    """Sends a message to the team. Never raises."""
    try:
        subprocess.run(
            [str(programs() / "headgate-pipelines"), "alert", "--title", title, "--text", text],
            timeout=ALERT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        log.exception("no alert was sent")
