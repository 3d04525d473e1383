"""Fixtures of all tests."""

from tests.services import mlflow_server

__all__ = ["mlflow_server"]
