"""Whether MLflow answers, told before its client is imported."""

import socket
import threading

import pytest

from headgate_pipelines.errors import Unavailable
from headgate_pipelines.registry.reach import reach


def test_a_port_that_does_not_speak_http_is_an_mlflow_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"\x15\x03\x03\x00\x02\x02\x0a")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(Unavailable, match="does not answer"):
            reach(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join(10)
