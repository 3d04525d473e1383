"""Fixtures of the registry's tests."""

from collections.abc import Iterator

import pytest

from tests.services import Mlflow, mlflow_on


@pytest.fixture(scope="module")
def own_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """An MLflow server for tests that kill it and start it again."""
    server = mlflow_on(tmp_path_factory.mktemp("own-mlflow"))
    server.service.start()
    try:
        yield server
    finally:
        server.service.stop()
