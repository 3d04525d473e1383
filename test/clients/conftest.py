"""What every client's tests get: where Headgate runs, and the picture of a 7 that its digits model knows."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def context() -> dict:
    """The ready file of `npm start`, and beside it `pythons`, `modelsDir` and a scratch `dir`."""
    return json.loads(Path(os.environ["HEADGATE_CLIENTS_CONTEXT"]).read_text())


@pytest.fixture(scope="session")
def grpc_address(context) -> str:
    """host:port of the inference process, plain text."""
    return context["inferenceGrpc"]


@pytest.fixture(scope="session")
def seven() -> bytes:
    """A PNG file."""
    return (ROOT / "samples/digit-7.png").read_bytes()
