"""What every scanner gets: where Headgate runs."""

import json
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def context() -> dict:
    """The ready file of `npm start`, and beside it a scratch `dir`."""
    return json.loads(Path(os.environ["HEADGATE_CLIENTS_CONTEXT"]).read_text())
