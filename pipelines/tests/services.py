"""Real services for tests, each on a free loopback port, each ended by the id of its process group."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

START_SECONDS = 180
STOP_SECONDS = 15


def free_port() -> int:
    """A port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A program with an HTTP address. It may be started again after an end, with the same arguments."""

    command: Sequence[str]
    health: str
    """Answers 200 once the service works."""
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once `health` answers.

        Raises:
            AssertionError: it ended, or did not answer in time; with the end of its log.
        """
        with self.log.open("ab") as log:
            env = {**os.environ, **self.env}
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=env, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.command[0]} does not answer:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        try:
            return httpx.get(self.health, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Asks it to end, and kills it after STOP_SECONDS."""
        if self.process is None:
            return
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends it and its children at once, as a crash of the machine would."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self.process = None


@dataclass
class Mlflow:
    """An MLflow server that can be killed and started again on the same store."""

    url: str
    service: Service


def mlflow_on(root: Path) -> Mlflow:
    """An MLflow server with its database and artifacts under `root`; not started yet."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        str(Path(sys.executable).with_name("mlflow")),
        "server",
        *("--backend-store-uri", f"sqlite:///{root}/mlflow.db"),
        *("--artifacts-destination", str(root / "artifacts")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Mlflow(url, Service(command, f"{url}/health", root / "mlflow.log", env))


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of one MLflow server for the whole run: give each test its own model name."""
    server = mlflow_on(tmp_path_factory.mktemp("mlflow"))
    server.service.start()
    try:
        yield server.url
    finally:
        server.service.stop()
