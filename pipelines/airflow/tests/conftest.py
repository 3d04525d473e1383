"""Stand-ins for the commands, and one real Airflow for all tests that need it."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Airflow reads its configuration when it is imported, which conftest.py precedes.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="headgate-airflow-")

import httpx
import pytest

atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
HERE = Path(__file__).parent
STAGED = {"version": "3", "tests": [{"name": "answers", "problem": ""}]}


class StandIn:
    """Folder with the stand-in programs, the calls that they got, and the exit codes that they will give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.workspaces = folder / "workspaces"
        self.bin.mkdir()
        for name in ("headgate-pipelines", "dvc"):
            (self.bin / name).symlink_to(HERE / "standin.py")

    def workspace(self, name: str, remote: bool = False) -> Path:
        """A workspace whose version 3 runs in staging."""
        workspace = self.workspaces / name
        (workspace / "reports").mkdir(parents=True)
        if remote:
            (workspace / ".dvc").mkdir()
            (workspace / ".dvc/config").write_text("[core]\n    remote = storage\n", "utf-8")
        (workspace / "params.yaml").touch()
        (workspace / "reports/staging.json").write_text(json.dumps(STAGED), "utf-8")
        return workspace

    def exits(self, workspace: str, command: str, *codes: int) -> None:
        """The exit codes of the next calls; the last one stays."""
        (self.folder / f"{workspace}.{command}").write_text("\n".join(map(str, codes)), "utf-8")

    def calls(self, workspace: str) -> list[str]:
        """The calls in a workspace, each as a command line."""
        path = self.folder / "calls"
        calls = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
        return [" ".join(call["arguments"]) for call in calls if call["workspace"] == workspace]

    def alerts(self) -> list[str]:
        """Title and text of each alert."""
        calls = [json.loads(line)["arguments"] for line in (self.folder / "calls").read_text("utf-8").splitlines()]
        return ["\n".join(call[i] for i in (3, 5)) for call in calls if call[1] == "alert"]

    def environment(self) -> dict[str, str]:
        return {
            "STANDIN": str(self.folder),
            "HEADGATE_PIPELINES_BIN": str(self.bin),
            "HEADGATE_WORKSPACES": str(self.workspaces),
        }


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """In this process's environment."""
    standin = StandIn(tmp_path)
    for name, value in standin.environment().items():
        monkeypatch.setenv(name, value)
    return standin


class Airflow:
    """REST API of a running Airflow."""

    def __init__(self, url: str, password: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=120)
        answer = self.http.post("/auth/token", json={"username": "admin", "password": password})
        self.http.headers["authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.http.request(method, f"/api/v2{path}", json=body).raise_for_status().json()

    def trigger(self, dag: str) -> str:
        """Starts a run by hand; its id."""
        return str(self.call("POST", f"/dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"])

    def runs(self, dag: str) -> dict[str, str]:
        """State of each run, oldest first."""
        runs = self.call("GET", f"/dags/{dag}/dagRuns?order_by=id")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    def tasks(self, dag: str, run: str) -> dict[str, str | None]:
        """State of each task of a run."""
        tasks = self.call("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}

    def answer(self, dag: str, run: str, option: str) -> None:
        """What a person does who presses a button."""
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
        self.call("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def until_state(self, dag: str, run: str, state: str, task: str = "") -> None:
        """Waits for the state of a run, or of one of its tasks."""

        def reached() -> bool:
            return (self.tasks(dag, run).get(task) if task else self.runs(dag)[run]) == state

        until(f"{dag} {task} {state}", reached)


def until(what: str, reached: Callable[[], bool], within_s: float = 240) -> None:
    """Looks twice a second."""
    end = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < end, f"{what}: not within {within_s:g} s"
        time.sleep(0.5)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandIn, Airflow]]:
    """Airflow, started by run.py: the DAGs of `digits`, and two in a hurry."""
    folder = tmp_path_factory.mktemp("airflow")
    standin = StandIn(folder)
    for name in ("digits", "hurried/signs", "hurried/faces"):
        standin.workspace(name, remote=name == "digits")
    dags = folder / "dags"
    shutil.copytree(HERE.parent / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "hurried.py", dags)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / "home"
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        **standin.environment(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
    log = (folder / "log").open("w")
    command = [sys.executable, str(HERE.parent / "run.py"), "--home", str(home), "--port", str(port)]
    running = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield standin, ready(f"http://127.0.0.1:{port}", home / "passwords.json", running)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)
        log.close()


def ready(url: str, passwords: Path, running: subprocess.Popen[bytes]) -> Airflow:
    """Waits for the API server, the scheduler and every DAG."""

    def answers() -> bool:
        assert running.poll() is None, "run.py ended by itself"
        try:
            health = httpx.get(f"{url}/api/v2/monitor/health").json()
        except httpx.HTTPError:
            return False
        return bool(health["scheduler"]["status"] == "healthy")

    until("Airflow ready", answers)
    airflow = Airflow(url, json.loads(passwords.read_text("utf-8"))["admin"])
    until("five DAGs", lambda: len(airflow.call("GET", "/dags")["dags"]) == 5)
    return airflow
