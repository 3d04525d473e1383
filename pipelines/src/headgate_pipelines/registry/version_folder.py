"""The folder of a model version: model.onnx, manifest.yaml, labels.json, golden images. Digests tie them together."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headgate_pipelines.documents import read_yaml
from headgate_pipelines.errors import PipelineError, Refused


@dataclass(frozen=True)
class VersionFolder:
    """A version whose manifest has been read. `check` says whether its files are those of the manifest."""

    path: Path
    manifest: dict[str, Any]
    manifest_sha256: str
    """Covers the whole version: the manifest holds the digests of the model, the labels, and the golden images."""
    samples: Path | None = None
    """Where golden images are that do not lie beside the manifest."""

    def file(self, name: str) -> Path:
        """Where a file of the version is."""
        beside = self.path / name
        return beside if self.samples is None or beside.exists() else self.samples / name

    @property
    def labels(self) -> list[str]:
        """Index = class id; empty for a `tensor` model."""
        image = self.manifest.get("image")
        return json.loads((self.path / image["labels"]).read_text("utf-8-sig")) if image else []

    @property
    def files(self) -> list[tuple[str, str | None]]:
        """Path and SHA-256 of each file that the manifest names, itself not; None where it holds no digest."""
        model = self.manifest["file"]
        named = [model, *model.get("external_data", [])]
        files = [(entry["path"], entry["sha256"]) for entry in named]
        image = self.manifest.get("image")
        if image:
            files.append((image["labels"], image.get("labels_sha256")))
        return files + [(sample["file"], sample["sha256"]) for sample in self.manifest["golden"]["samples"]]

    def check(self) -> None:
        """Compares each file with its digest.

        Raises:
            Refused: a file is missing, differs, or lies outside the folder.
        """
        for name, expected in self.files:
            file = self.file(name)
            if not is_plain(name) or not file.is_file():
                raise Refused(f"{file} is named by the manifest and is not there", "write the version again")
            with file.open("rb") as opened:
                actual = hashlib.file_digest(opened, "sha256").hexdigest()
            if expected is not None and actual != expected:
                raise Refused(f"digest of {file} differs: sha256 {actual}, the manifest says {expected}")


def numbers_in(model: Path) -> list[int]:
    """Versions in the folder of a model, 1 first."""
    return sorted(int(path.name) for path in model.glob("[0-9]*") if path.name.isdecimal())


def is_plain(name: str) -> bool:
    """Whether the path stays in its folder."""
    return bool(name) and not Path(name).is_absolute() and ".." not in Path(name).parts


def read_version(path: Path, samples: Path | None = None) -> VersionFolder:
    """Reads `manifest.yaml` of the folder.

    Raises:
        PipelineError: it is not there, or it is not a manifest.
    """
    try:
        data = (path / "manifest.yaml").read_bytes()
    except OSError as error:
        raise PipelineError(f"{path}/manifest.yaml cannot be read", "run headgate-pipelines train first") from error
    return VersionFolder(path, _parsed(data, path), hashlib.sha256(data).hexdigest(), samples)


def _parsed(data: bytes, where: Path) -> dict[str, Any]:
    """The manifest as plain data. The serving engine checks it in full."""
    try:
        manifest: dict[str, Any] = read_yaml(data)
        needed = ["name", "version", "kind", "file", "golden"]
        missing = [key for key in needed if key not in manifest]
    except (yaml.YAMLError, TypeError) as error:
        raise PipelineError(f"manifest.yaml of {where} is not a manifest") from error
    if missing:
        raise PipelineError(f"manifest.yaml of {where} lacks {', '.join(missing)}")
    return manifest
