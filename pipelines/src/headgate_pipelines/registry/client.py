"""Headgate's view of MLflow's registry: which versions exist, which are complete, where the aliases point.

A version is complete once its tag MANIFEST_TAG holds the digest of its manifest; that tag is set last. Nobody serves
or compares with an incomplete one.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow import environment_variables as limits
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException, RestException

from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.files import keep_newest
from headgate_pipelines.progress import waiting
from headgate_pipelines.registry.reach import away, shown
from headgate_pipelines.registry.version_folder import VersionFolder, is_plain, read_version

MANIFEST_TAG = "headgate.manifest_sha256"
FOLDER_TAG = "headgate.folder_sha256"
"""Digest of the manifest as it was before registration gave it a number: finds a version that was begun."""
STAGE_TAG = "headgate.stage"
DATA_TAG = "headgate.data_version"
REJECTED_TAG = "headgate.rejected"
ARTIFACTS = "version"
"""Folder below the artifacts of a run. The source of the model version is this folder."""

TIMEOUT_SECONDS = 10
TRANSFER_TIMEOUT_SECONDS = 120
RETRIES = 1
"""MLflow's own default, 7 with a growing pause, hides an outage for minutes. Airflow retries the command."""
PAGE = 200
CACHED = 3
"""Version folders in a cache: champion, the one in staging, and one before."""
BROKEN = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "BAD_GATEWAY", "DEADLINE_EXCEEDED")
"""Error codes of MLflow for which the same request may succeed later."""


def limit_waits() -> None:
    """Bounds what MLflow's client waits, and silences its bars. It reads these variables at each call."""
    bounds: list[tuple[Any, int | bool]] = [
        (limits.MLFLOW_HTTP_REQUEST_TIMEOUT, TIMEOUT_SECONDS),
        (limits.MLFLOW_HTTP_REQUEST_MAX_RETRIES, RETRIES),
        (limits.MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR, 1),
        (limits.MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT, TRANSFER_TIMEOUT_SECONDS),
        (limits.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR, False),
        (limits.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT, True),
    ]
    for variable, value in bounds:
        variable.set(value)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turns MLflow's exceptions into ours: no answer is Unavailable, a refusal is a PipelineError."""
    try:
        with waiting(f"waiting for MLflow at {shown(url)}"):
            yield
    except RestException as error:
        if error.error_code not in BROKEN:
            raise PipelineError(f"MLflow at {shown(url)} refuses: {error.message}") from error
        raise Unavailable(
            f"MLflow at {shown(url)} fails: {error.message}", "look at its log, then try again"
        ) from error
    except (MlflowException, requests.RequestException) as error:
        # The words of the exception hold the whole URL, a password in it too.
        raise away(url) from error


def _is_missing(error: RestException) -> bool:
    """For a missing alias of a model that exists, MLflow has no error code of its own."""
    no_alias = error.error_code == "INVALID_PARAMETER_VALUE" and "not found" in error.message
    return error.error_code == "RESOURCE_DOES_NOT_EXIST" or no_alias


@dataclass(frozen=True)
class Registered:
    """A version of a model in the registry."""

    model: str
    version: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether its registration went to the end."""
        return MANIFEST_TAG in self.tags


def _registered(found: ModelVersion) -> Registered:
    return Registered(found.name, str(found.version), found.run_id or "", dict(found.tags))


class Registry:
    """Raises Unavailable when MLflow does not answer, PipelineError when it refuses."""

    def __init__(self, url: str) -> None:
        limit_waits()
        self.url = url
        self.client = MlflowClient(tracking_uri=url, registry_uri=url)

    def versions(self, model: str) -> list[Registered]:
        """All versions in the order of their numbers, incomplete ones too; empty when there is no such model."""
        found: list[ModelVersion] = []
        token = None
        with reaching(self.url):
            while True:
                page = self.client.search_model_versions(f"name='{model}'", max_results=PAGE, page_token=token)
                found.extend(page)
                token = page.token
                if not token:
                    return sorted(map(_registered, found), key=lambda one: int(one.version))

    def version(self, model: str, version: str) -> Registered:
        """One version; PipelineError when there is none."""
        with reaching(self.url):
            return _registered(self.client.get_model_version(model, version))

    def with_folder(self, model: str, folder_sha256: str) -> Registered | None:
        """The version that was registered, or begun, from the folder with this digest; a complete one first."""
        same = [one for one in self.versions(model) if one.tags.get(FOLDER_TAG) == folder_sha256]
        return min(same, key=lambda one: not one.complete, default=None)

    def by_alias(self, model: str, alias: str) -> Registered | None:
        """The version that the alias names; None without model or alias."""
        with reaching(self.url):
            try:
                return _registered(self.client.get_model_version_by_alias(model, alias))
            except RestException as error:
                if _is_missing(error):
                    return None
                raise

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Moves the alias to this version. MLflow refuses one of two writers of a new alias; it gets a second try."""
        with reaching(self.url):
            try:
                self.client.set_registered_model_alias(model, alias, version)
            except RestException as error:
                if error.error_code != "BAD_REQUEST":
                    raise
                self.client.set_registered_model_alias(model, alias, version)

    def tag(self, model: str, version: str, key: str, value: str) -> None:
        """Sets a tag of a version."""
        with reaching(self.url):
            self.client.set_model_version_tag(model, version, key, value)

    def move(self, model: str, alias: str, version: str, stage: str) -> None:
        """Points the alias at a complete version, in this stage. The one that had the alias is archived, if it still
        has the stage."""
        before = self.by_alias(model, alias)
        self.set_alias(model, alias, version)
        self.tag(model, version, STAGE_TAG, stage)
        if before and before.version != version and before.tags.get(STAGE_TAG) == stage:
            self.tag(model, before.version, STAGE_TAG, "Archived")

    def download(self, version: Registered, cache: Path) -> VersionFolder:
        """The folder of a complete version, from the cache or from MLflow, every digest checked.

        Raises:
            Refused: the version is incomplete, or a file is not what its digest says.
        """
        expected = version.tags.get(MANIFEST_TAG)
        if expected is None:
            raise Refused(f"{version.model} {version.version} is not completely registered", "register it again")
        folder = cache / f"{version.model}-{version.version}-{expected[:16]}"
        try:
            found = _checked(folder, expected)
        except PipelineError:  # not there yet, or damaged since
            shutil.rmtree(folder, ignore_errors=True)
            self._fetch(version, expected, folder)
            found = read_version(folder)
        folder.touch()
        keep_newest(cache.glob("[!.]*"), CACHED)
        return found

    def _fetch(self, version: Registered, expected: str, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder.parent))
        try:
            fresh = temporary / ARTIFACTS
            self._file(version, "manifest.yaml", fresh)
            manifest = read_version(fresh)
            for name, _ in manifest.files:
                if not is_plain(name):
                    raise Refused(f"{version.model} {version.version} names a file outside its folder: {name}")
                self._file(version, name, fresh)
            _checked(fresh, expected)
            fresh.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _file(self, version: Registered, name: str, folder: Path) -> None:
        # MLflow puts a single file straight into the target.
        target = (folder / name).parent
        target.mkdir(parents=True, exist_ok=True)
        with reaching(self.url):
            self.client.download_artifacts(version.run_id, f"{ARTIFACTS}/{name}", str(target))


def _checked(folder: Path, expected: str) -> VersionFolder:
    found = read_version(folder)
    if found.manifest_sha256 != expected:
        raise Refused(
            f"digest of {folder}/manifest.yaml differs: sha256 {found.manifest_sha256}, the registry says {expected}",
            "somebody changed the artifact; do not serve this version",
        )
    found.check()
    return found
