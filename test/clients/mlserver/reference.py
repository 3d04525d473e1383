"""Starts MLServer, the reference implementation of the protocol, with a model that Headgate serves too."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
READY_WITHIN_S = 60


@dataclass(frozen=True)
class Reference:
    """Where it listens, as host:port."""

    http: str
    grpc: str


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def write_settings(folder: Path, model_file: Path, ports: list[int]) -> None:
    """One folder with the server's settings, the model's, and the code that runs it."""
    http, grpc, metrics = ports
    server = {
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,
        "environments_dir": str(folder / "environments"),
        "metrics_dir": str(folder / "metrics"),
    }
    model = {
        "name": "affine",
        "implementation": "onnx_model.OnnxModel",
        "parameters": {"uri": str(model_file), "version": "1"},
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "ids", "datatype": "INT64", "shape": [-1, 2]},
        ],
        "outputs": [
            {"name": "scaled", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "sum", "datatype": "FP32", "shape": [-1]},
            {"name": "next", "datatype": "INT64", "shape": [-1, 2]},
        ],
    }
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "onnx_model.py").write_text((HERE / "onnx_model.py").read_text())


@contextmanager
def running_reference(python: str, model_file: Path, folder: Path) -> Iterator[Reference]:
    """MLServer until the end of the block; its log lies beside its settings."""
    ports = free_ports(3)
    write_settings(folder, model_file, ports)
    log = folder / "mlserver.log"
    with log.open("wb") as output:
        command = [str(Path(python).parent / "mlserver"), "start", str(folder)]
        server = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(server, f"http://127.0.0.1:{ports[0]}/v2/models/affine/ready", log)
        yield Reference(http=f"127.0.0.1:{ports[0]}", grpc=f"127.0.0.1:{ports[1]}")
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_ready(server: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"MLServer did not get ready:\n{log.read_text()[-4000:]}")
