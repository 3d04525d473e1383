"""Registration in a real MLflow, which dies at each step."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from headgate_pipelines.cli import main
from headgate_pipelines.errors import NOTHING_TO_DO, Refused, Unavailable
from headgate_pipelines.evaluate.command import judge
from headgate_pipelines.evaluate.record import FILE, Evaluation
from headgate_pipelines.params import Evaluate, Params
from headgate_pipelines.registry import client
from headgate_pipelines.registry.adopt import set_champion
from headgate_pipelines.registry.client import ARTIFACTS, DATA_TAG, MANIFEST_TAG, REJECTED_TAG, STAGE_TAG, Registry
from headgate_pipelines.registry.command import check_numbers, register, stage
from headgate_pipelines.registry.version_folder import read_version
from headgate_pipelines.workspace import Workspace
from tests.evaluate.answers import answers_of
from tests.registry.version_files import write_version
from tests.services import Mlflow

pytestmark = pytest.mark.services


def trained(
    root: Path, model: str, *, weights: bytes = b"weights", wrong: int = 10, champion: Path | None = None
) -> Workspace:
    """A workspace after `train` and `evaluate`, which found `wrong` mistakes in 100 images and 50 of the champion."""
    workspace = Workspace(root)
    write_version(root, model, "0", model=weights).rename(workspace.version)
    workspace.params.write_text(f"model: {model}\nsource: pictures\n")
    truth = [0, 1] * 50
    mistakes = [1 - true if row < wrong else true for row, true in enumerate(truth)]
    theirs = (
        None
        if champion is None
        else answers_of(champion, truth, [1 - true if row < 50 else true for row, true in enumerate(truth)])
    )
    params = Params(model=model, source="pictures", evaluate=Evaluate(max_calibration_error=0.2))
    evaluation = judge(params, answers_of(workspace.version, truth, mistakes), theirs)
    workspace.evaluation.mkdir()
    (workspace.evaluation / FILE).write_text(evaluation.model_dump_json())
    (workspace.evaluation / "report.html").write_text("<p>a report")
    return workspace


def test_one_complete_version_with_everything_however_often_the_command_runs(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    workspace = trained(tmp_path / "w", "pets")
    assert [main(["register", "--workspace", str(workspace.root), "--stage"]) for _ in range(2)] == [0, 0]
    registry = Registry(mlflow_server)
    [version] = registry.versions("pets")
    assert version.tags[DATA_TAG] == "d" * 32
    assert version.tags[STAGE_TAG] == "Staging"
    staging = registry.by_alias("pets", "staging")
    assert staging is not None
    assert staging.version == "1"
    run = registry.client.get_run(version.run_id)
    assert run.data.metrics["accuracy"] == 0.9
    assert run.data.params["train.seed"] == "20261130"
    assert run.data.tags["headgate.code_revision"]
    assert run.inputs is not None
    assert [one.dataset.digest for one in run.inputs.dataset_inputs] == ["d" * 32]
    assert {one.path for one in registry.client.list_artifacts(version.run_id, "evaluation")} == {
        "evaluation/metrics.json",
        "evaluation/report.html",
    }


def test_the_manifest_has_mlflows_number_and_run_and_the_download_is_the_version(
    mlflow_server: str, tmp_path: Path
) -> None:
    registry = Registry(mlflow_server)
    workspace = trained(tmp_path / "w", "numbered")
    version = register(registry, workspace)
    folder = registry.download(version, tmp_path / "cache")
    manifest = folder.path.joinpath("manifest.yaml").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == version.tags[MANIFEST_TAG]
    assert yaml.safe_load(manifest)["version"] == "1"
    assert yaml.safe_load(manifest)["provenance"]["mlflow_run"] == version.run_id
    assert (folder.path / "model.onnx").read_bytes() == b"weights"
    assert read_version(workspace.version).manifest["version"] == "0"


class Dying:
    """MLflow's client; the server is killed just before or just after the first call of `step`."""

    def __init__(self, client: Any, step: str, kill: Callable[[], None], *, after: bool) -> None:
        self._client, self._step, self._kill, self._after = client, step, kill, after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if name != self._step:
            return call

        def last(*args: Any, **kwargs: Any) -> Any:
            if self._after:
                call(*args, **kwargs)
            self._kill()
            return call(*args, **kwargs)

        return last


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("log_artifact", False),
        ("create_model_version", True),
        ("set_model_version_tag", False),
    ],
)
def test_mlflow_that_dies_in_the_middle_leaves_no_complete_version_and_the_next_run_makes_one(
    own_mlflow: Mlflow, tmp_path: Path, step: str, after: bool
) -> None:
    model = f"{step}-{after}"
    workspace = trained(tmp_path / "w", model)
    registry = Registry(own_mlflow.url)
    dying: Any = Dying(registry.client, step, own_mlflow.service.kill, after=after)
    registry.client = dying
    with pytest.raises(Unavailable):
        register(registry, workspace)
    own_mlflow.service.start()
    again = Registry(own_mlflow.url)
    assert not any(one.complete for one in again.versions(model))
    version = register(again, workspace)
    assert [(one.version, one.complete) for one in again.versions(model)] == [("1", True)]
    assert again.download(version, tmp_path / "cache").manifest["version"] == "1"
    experiment = again.client.get_experiment_by_name(model)
    assert experiment is not None
    assert len(again.client.search_runs([experiment.experiment_id])) == 1


def test_an_incomplete_version_is_neither_downloaded_nor_made_champion(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    version = register(registry, trained(tmp_path / "w", "half"))
    registry.client.delete_model_version_tag("half", version.version, MANIFEST_TAG)
    half = registry.version("half", version.version)
    with pytest.raises(Refused, match="not completely registered"):
        registry.download(half, tmp_path / "cache")
    with pytest.raises(Refused, match="not completely registered"):
        set_champion(registry, "half", version.version)


def test_an_artifact_that_was_changed_is_refused(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    version = register(registry, trained(tmp_path / "w", "poisoned"))
    (tmp_path / "model.onnx").write_bytes(b"poison")
    registry.client.log_artifact(version.run_id, str(tmp_path / "model.onnx"), "version")
    with pytest.raises(Refused, match=r"model\.onnx differs"):
        registry.download(version, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("model.onnx"))


def test_registering_again_repairs_an_artifact_that_was_changed(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    workspace = trained(tmp_path / "w", "mended")
    version = register(registry, workspace)
    changed = tmp_path / "model.onnx"
    changed.write_bytes(b"poison")
    registry.client.log_artifact(version.run_id, str(changed), ARTIFACTS)
    with pytest.raises(Refused, match="differs"):
        registry.download(version, tmp_path / "before")
    assert register(registry, workspace).version == version.version
    registry.download(version, tmp_path / "after")
    assert len(registry.versions("mended")) == 1


def test_a_damaged_cache_is_fetched_again(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    version = register(registry, trained(tmp_path / "w", "cached"))
    model = registry.download(version, tmp_path / "cache").path / "model.onnx"
    model.write_bytes(b"torn")
    registry.download(version, tmp_path / "cache")
    assert model.read_bytes() == b"weights"


def test_the_cache_keeps_the_versions_that_were_used_last(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CACHED", 2)
    registry = Registry(mlflow_server)
    made = [register(registry, trained(tmp_path / one, "kept", weights=one.encode())) for one in ("a", "b", "c")]
    for version in (made[0], made[1], made[0], made[2]):
        registry.download(version, tmp_path / "cache")
    assert sorted(path.name[:6] for path in (tmp_path / "cache").iterdir()) == ["kept-1", "kept-3"]


def test_a_version_that_is_not_better_is_refused_with_its_numbers(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    champion = write_version(tmp_path, "worse", "1")
    workspace = trained(tmp_path / "w", "worse", weights=b"shuffled", wrong=90, champion=champion)
    assert main(["register", "--workspace", str(workspace.root)]) == 2
    assert "worse: accuracy -0.4000 on the same images" in capfd.readouterr().err
    assert Registry(mlflow_server).versions("worse") == []


def test_a_comparison_with_a_champion_of_the_past_is_refused(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    first = trained(tmp_path / "a", "moved")
    set_champion(registry, "moved", register(registry, first).version)
    with pytest.raises(Refused, match="compares with no champion; the champion of moved is now version 1"):
        register(registry, trained(tmp_path / "b", "moved", weights=b"other"))
    champion = registry.by_alias("moved", "champion")
    assert champion is not None
    folder = registry.download(champion, tmp_path / "cache").path
    assert register(registry, trained(tmp_path / "c", "moved", weights=b"other", champion=folder)).version == "2"


def test_a_folder_that_changed_since_its_evaluation_is_refused(mlflow_server: str, tmp_path: Path) -> None:
    workspace = trained(tmp_path / "w", "changed")
    path = workspace.evaluation / FILE
    evaluation = Evaluation.model_validate_json(path.read_text())
    path.write_text(json.dumps(evaluation.model_dump() | {"folder_sha256": "0" * 64}))
    with pytest.raises(Refused, match="has changed since its evaluation"):
        register(Registry(mlflow_server), workspace)


@pytest.mark.parametrize(("tag", "value"), [(REJECTED_TAG, "it mistakes cats for dogs"), (STAGE_TAG, "Production")])
def test_a_version_that_was_rejected_or_is_in_production_is_nothing_new_for_staging(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str, value: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    model = tag.replace("headgate.", "old-")
    workspace = trained(tmp_path / "w", model)
    registry = Registry(mlflow_server)
    registry.tag(model, register(registry, workspace).version, tag, value)
    (workspace.evaluation / FILE).unlink()
    assert main(["register", "--workspace", str(workspace.root), "--stage"]) == NOTHING_TO_DO
    assert registry.by_alias(model, "staging") is None


def test_the_key_of_the_settings_signs(mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, file = Ed25519PrivateKey.generate(), tmp_path / "key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("HEADGATE_PIPELINES_SIGN_KEY_FILE", str(file))
    assert main(["register", "--workspace", str(trained(tmp_path / "w", "signed").root)]) == 0
    registry = Registry(mlflow_server)
    [version] = registry.versions("signed")
    folder = Path(registry.client.download_artifacts(version.run_id, ARTIFACTS, str(tmp_path)))
    signature = base64.b64decode((folder / "manifest.yaml.sig").read_bytes())
    key.public_key().verify(signature, (folder / "manifest.yaml").read_bytes())


def test_the_version_that_staging_had_is_archived(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    for weights in (b"one", b"two"):
        stage(registry, register(registry, trained(tmp_path / weights.decode(), "staged", weights=weights)))
    assert [one.tags[STAGE_TAG] for one in registry.versions("staged")] == ["Archived", "Staging"]


def test_a_number_of_the_models_folder_is_not_given_to_another_version(mlflow_server: str, tmp_path: Path) -> None:
    registry = Registry(mlflow_server)
    (tmp_path / "birds" / "1.bak").mkdir(parents=True)
    check_numbers(registry, "birds", tmp_path)
    (tmp_path / "birds" / "1").mkdir()
    with pytest.raises(Refused, match=r"has version 1, whose number") as raised:
        check_numbers(registry, "birds", tmp_path)
    assert "adopt birds" in raised.value.remedy
    check_numbers(registry, "fish", tmp_path)
