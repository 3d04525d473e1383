"""Registration in an order in which a crash at any moment leaves nothing that looks finished.

1. Run with parameters, metrics, reports, and every file of the version but its manifest.
2. Model version. MLflow gives the number here.
3. The manifest with that number, and its signature if there is a key.
4. The tag with the manifest's digest. Only now is the version complete.

The version carries the digest of its folder from step 2 on, so that the same command finds what it began and goes on.
"""

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import RestException

from headgate_pipelines.convert.manifest import to_yaml
from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.registry import client as names
from headgate_pipelines.registry import signature
from headgate_pipelines.registry.client import Registered, Registry, reaching
from headgate_pipelines.registry.signature import Sign
from headgate_pipelines.registry.version_folder import VersionFolder

DATASET_DIGEST_LENGTH = 36
"""MLflow's limit."""


@dataclass(frozen=True)
class RunRecord:
    """What the run of a version shows beside its files."""

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data_version: str = ""
    data_source: str = ""
    artifacts: Path | None = None
    """Folder with the report, its plots, and the model card."""


def publish(
    registry: Registry,
    model: str,
    folder: VersionFolder,
    record: RunRecord,
    *,
    number: str | None = None,
    sign: Sign | None = None,
) -> Registered:
    """Registers the folder as one complete version, or finds that it is one already; then it repairs changed files.

    Args:
        number: the manifest already carries this number and stays as it is; None: MLflow's number is written into it.
        sign: signs the manifest; None: servers that require signatures will not serve the version.

    Raises:
        Refused: a digest differs, or MLflow gave another number than `number`.
        Unavailable: MLflow does not answer. The same call later completes the version.
    """
    folder.check()
    _ensure_model(registry, model)
    version = registry.with_folder(model, folder.manifest_sha256)
    if version is None:
        run_id = _logged_run(registry, model, folder, record)
        version = _create(registry, model, run_id, folder, record)
    elif version.complete:
        if _is_whole(registry, version):
            return version
        _logged_run(registry, model, folder, record)
    if number is not None and version.version != number:
        _delete(registry, version)
        raise Refused(
            f"another writer took {model} {number} meanwhile; the incomplete version {version.version} is deleted",
            "MLflow gives no number twice: see its versions, and give the folder the next free number",
        )
    manifest = folder.path.joinpath("manifest.yaml").read_bytes() if number else _numbered(folder, version)
    _log_manifest(registry, version.run_id, manifest, sign)
    registry.tag(model, version.version, names.MANIFEST_TAG, sha256(manifest).hexdigest())
    return registry.version(model, version.version)


def _is_whole(registry: Registry, version: Registered) -> bool:
    """Whether MLflow has the files that were registered."""
    with tempfile.TemporaryDirectory() as temporary:
        try:
            registry.download(version, Path(temporary))
        except Unavailable:
            raise
        except PipelineError:
            return False
    return True


def _ensure_model(registry: Registry, model: str) -> None:
    with reaching(registry.url):
        try:
            registry.client.create_registered_model(model)
        except RestException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _logged_run(registry: Registry, model: str, folder: VersionFolder, record: RunRecord) -> str:
    """Run with everything but the manifest. A run that a crash has left is filled, not doubled."""
    client = registry.client
    with reaching(registry.url):
        run_id = _run_of(registry, model, folder.manifest_sha256)
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, 0, 0) for key, value in record.metrics.items()],
            params=[Param(key, value) for key, value in record.params.items()],
            tags=[RunTag(key, value) for key, value in record.tags.items()],
        )
        if record.data_version:
            digest = record.data_version[:DATASET_DIGEST_LENGTH]
            data = Dataset(f"{model} data", digest, "local", record.data_source)
            client.log_inputs(run_id, [DatasetInput(data)])
        if record.artifacts is not None:
            client.log_artifacts(run_id, str(record.artifacts), "evaluation")
        for name, _ in folder.files:
            parent = Path(name).parent
            client.log_artifact(run_id, str(folder.file(name)), str(Path(names.ARTIFACTS) / parent))
        client.set_terminated(run_id)
    return run_id


def _run_of(registry: Registry, model: str, folder_sha256: str) -> str:
    client = registry.client
    experiment = client.get_experiment_by_name(model)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(model)
    runs = client.search_runs([experiment_id], f"tags.`{names.FOLDER_TAG}` = '{folder_sha256}'", max_results=1)
    if runs:
        return str(runs[0].info.run_id)
    return str(client.create_run(experiment_id, tags={names.FOLDER_TAG: folder_sha256}).info.run_id)


def _create(registry: Registry, model: str, run_id: str, folder: VersionFolder, record: RunRecord) -> Registered:
    tags = {names.FOLDER_TAG: folder.manifest_sha256, names.STAGE_TAG: "None"}
    if record.data_version:
        tags[names.DATA_TAG] = record.data_version
    with reaching(registry.url):
        root = registry.client.get_run(run_id).info.artifact_uri
        made = registry.client.create_model_version(
            model,
            f"{root}/{names.ARTIFACTS}",
            run_id,
            tags,
            description=folder.manifest.get("description"),
            await_creation_for=0,
        )
    return registry.version(model, str(made.version))


def _delete(registry: Registry, version: Registered) -> None:
    with reaching(registry.url):
        registry.client.delete_model_version(version.model, version.version)


def _numbered(folder: VersionFolder, version: Registered) -> bytes:
    manifest: dict[str, Any] = copy.deepcopy(folder.manifest)
    manifest["version"] = version.version
    manifest.setdefault("provenance", {})["mlflow_run"] = version.run_id
    return to_yaml(manifest)


def _log_manifest(registry: Registry, run_id: str, manifest: bytes, sign: Sign | None) -> None:
    files = {"manifest.yaml": manifest} | ({signature.FILE: sign(manifest)} if sign else {})
    with tempfile.TemporaryDirectory() as temporary, reaching(registry.url):
        for name, data in files.items():
            path = Path(temporary) / name
            path.write_bytes(data)
            registry.client.log_artifact(run_id, str(path), names.ARTIFACTS)
