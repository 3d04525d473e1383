"""Versions of a models folder in a real MLflow."""

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mlflow.exceptions import RestException

from headgate_pipelines.cli import main
from headgate_pipelines.errors import Refused
from headgate_pipelines.registry.adopt import adopt, numbered_folders
from headgate_pipelines.registry.client import ARTIFACTS, MANIFEST_TAG, STAGE_TAG, Registry
from tests.registry.version_files import MODELS, write_version

pytestmark = pytest.mark.services


def test_the_committed_digits_model_becomes_version_1_and_champion(
    mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    command = ["adopt", "digits", "--models", str(MODELS), "--champion", "1"]
    assert main(command) == 0
    assert main(command) == 0
    registry = Registry(mlflow_server)
    champion = registry.by_alias("digits", "champion")
    assert champion is not None
    assert [one.version for one in registry.versions("digits")] == ["1"]
    manifest = (MODELS / "digits" / "1" / "manifest.yaml").read_bytes()
    assert champion.tags[MANIFEST_TAG] == hashlib.sha256(manifest).hexdigest()


def test_the_champion_before_is_archived(mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    for version in ("1", "2"):
        write_version(tmp_path / "models" / "followed", "followed", version, model=version.encode())
    for version in ("1", "2", "2"):
        assert main(["adopt", "followed", "--models", str(tmp_path / "models"), "--champion", version]) == 0
    assert [one.tags[STAGE_TAG] for one in Registry(mlflow_server).versions("followed")] == ["Archived", "Production"]


def test_the_key_of_the_settings_signs(mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, file = Ed25519PrivateKey.generate(), tmp_path / "key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("HEADGATE_PIPELINES_SIGN_KEY_FILE", str(file))
    folder = write_version(tmp_path / "models" / "sealed", "sealed", "1")
    assert main(["adopt", "sealed", "--models", str(tmp_path / "models")]) == 0
    registry = Registry(mlflow_server)
    [version] = registry.versions("sealed")
    signature = Path(
        registry.client.download_artifacts(version.run_id, f"{ARTIFACTS}/manifest.yaml.sig", str(tmp_path))
    )
    key.public_key().verify(base64.b64decode(signature.read_bytes()), (folder / "manifest.yaml").read_bytes())


def test_the_files_are_served_by_mlflows_route_for_a_model_version(mlflow_server: str, tmp_path: Path) -> None:
    write_version(tmp_path / "routed", "routed", "1")
    adopt(Registry(mlflow_server), "routed", numbered_folders(tmp_path / "routed", None))
    query = {"name": "routed", "version": "1", "path": "manifest.yaml"}
    answer = httpx.get(f"{mlflow_server}/model-versions/get-artifact", params=query)
    assert yaml.safe_load(answer.content)["version"] == "1"


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    write_version(tmp_path / "gap", "gap", "1")
    write_version(tmp_path / "gap", "gap", "3")
    with pytest.raises(Refused, match="no version 2"):
        numbered_folders(tmp_path / "gap", None)


def test_another_content_under_the_same_number_is_refused(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    write_version(tmp_path / "taken", "taken", "1")
    adopt(registry, "taken", numbered_folders(tmp_path / "taken", None))
    shutil.rmtree(tmp_path / "taken")
    write_version(tmp_path / "taken", "taken", "1", model=b"other weights")
    with pytest.raises(Refused, match="another content as taken 1"):
        adopt(registry, "taken", numbered_folders(tmp_path / "taken", None))


def test_a_number_that_another_writer_takes_meanwhile_leaves_no_version(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(mlflow_server)
    write_version(tmp_path / "late", "late", "1")
    create = registry.client.create_model_version

    def second(model: str, *arguments: Any, **more: Any) -> Any:
        create(model, "s3://elsewhere/version")
        return create(model, *arguments, **more)

    monkeypatch.setattr(registry.client, "create_model_version", second)
    with pytest.raises(Refused, match="another writer took late 1 meanwhile; the incomplete version 2 is deleted"):
        adopt(registry, "late", numbered_folders(tmp_path / "late", None))
    assert [one.version for one in registry.versions("late")] == ["1"]


def test_a_number_that_mlflow_has_passed_is_refused_before_anything_is_written(
    mlflow_server: str, tmp_path: Path
) -> None:
    registry = Registry(mlflow_server)
    write_version(tmp_path / "passed", "passed", "1")
    write_version(tmp_path / "passed", "passed", "2")
    one, two = numbered_folders(tmp_path / "passed", None)
    adopt(registry, "passed", [one])
    for _ in range(2):
        registry.client.create_model_version("passed", "s3://elsewhere/version")
    registry.client.delete_model_version("passed", "2")
    with pytest.raises(Refused, match="MLflow has passed number 2; its next is 4"):
        adopt(registry, "passed", [one, two])
    assert [one.version for one in registry.versions("passed")] == ["1", "3"]


def test_the_loser_of_two_writers_of_an_alias_tries_again(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(mlflow_server)
    write_version(tmp_path / "raced", "raced", "1")
    adopt(registry, "raced", numbered_folders(tmp_path / "raced", None))
    write = registry.client.set_registered_model_alias
    refusals = [RestException({"error_code": "BAD_REQUEST", "message": "UNIQUE constraint failed"})]  # type: ignore[no-untyped-call]

    def refused_once(name: str, alias: str, version: str) -> None:
        if refusals:
            raise refusals.pop()
        write(name, alias, version)

    monkeypatch.setattr(registry.client, "set_registered_model_alias", refused_once)
    registry.set_alias("raced", "champion", "1")
    assert registry.by_alias("raced", "champion") is not None
