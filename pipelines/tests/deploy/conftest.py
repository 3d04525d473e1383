"""Fixtures of the deployment's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.registry.adopt import adopt, numbered_folders
from headgate_pipelines.registry.client import Registry
from tests.deploy.site import Site
from tests.http_server import answering
from tests.registry.version_files import write_version

GOLDEN = {"file": "golden.png", "sha256": sha256(b"a picture"), "top": [{"class_id": 1, "score": 0.88}]}


@pytest.fixture(scope="session")
def registry(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """MLflow with versions 1 and 2 of `cats`."""
    root, golden = tmp_path_factory.mktemp("site"), {"tolerance": 0.05, "samples": [GOLDEN]}
    for version in ("1", "2"):
        write_version(root / "cats", "cats", version, model=version.encode(), golden=golden)
    registry = Registry(mlflow_server)
    adopt(registry, "cats", numbered_folders(root / "cats", None))
    return registry


@pytest.fixture
def site(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Version 1 is the champion."""
    (tmp_path / "params.yaml").write_text("model: cats\nsource: photos\n", "utf-8")
    (tmp_path / "key").write_text("hg_key", "utf-8")
    made = Site(registry, tmp_path)
    made.aliases(champion="1")
    with answering(made.answer) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.url)
        for name in ("CONTROL_URL", "GATEWAY_URL"):
            monkeypatch.setenv(f"HEADGATE_PIPELINES_{name}", url)
        for name in ("ADMIN_KEY_FILE", "TESTER_KEY_FILE"):
            monkeypatch.setenv(f"HEADGATE_PIPELINES_{name}", str(tmp_path / "key"))
        monkeypatch.setenv("HEADGATE_PIPELINES_ALERT_WEBHOOK", f"{url}/hook")
        yield made
