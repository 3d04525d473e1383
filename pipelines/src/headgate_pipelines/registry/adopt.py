"""`headgate-pipelines adopt MODEL --models DIR`: registers existing versions under their own numbers."""

import argparse
import sys
from pathlib import Path

from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.registry.client import FOLDER_TAG, MANIFEST_TAG, Registered, Registry
from headgate_pipelines.registry.publish import RunRecord, publish
from headgate_pipelines.registry.signature import Sign, signer
from headgate_pipelines.registry.version_folder import VersionFolder, numbers_in, read_version
from headgate_pipelines.settings import read_settings

_RENUMBER = "give the folder the next free number, in its manifest too"


def run(arguments: argparse.Namespace) -> int:
    """Registers the versions in order; 0 also when all of them are there already."""
    # Versions share golden images, which lie beside the models folder.
    folders = numbered_folders(arguments.models / arguments.model, arguments.models.parent / "samples")
    settings = read_settings()
    registry = Registry(settings.mlflow_url)
    sign = signer(settings.sign_key_file) if settings.sign_key_file else None
    for version in adopt(registry, arguments.model, folders, sign):
        print(f"{arguments.model} {version.version} is registered", file=sys.stderr)
    if arguments.champion:
        set_champion(registry, arguments.model, arguments.champion)
    return 0


def numbered_folders(parent: Path, samples: Path | None) -> list[VersionFolder]:
    """The versions of a model, 1 first.

    Raises:
        Refused: the numbers have a gap. MLflow counts from 1 and leaves none out.
        PipelineError: there is no version.
    """
    numbers = numbers_in(parent)
    if not numbers:
        raise PipelineError(f"{parent} has no numbered version", "name the models folder and a model in it")
    missing = sorted(set(range(1, numbers[-1] + 1)) - set(numbers))
    if missing:
        raise Refused(
            f"{parent} has no version {missing[0]}; MLflow would give its number to the next one",
            "put the missing version there, or name the folders 1, 2, 3 in their manifests too",
        )
    return [read_version(parent / str(number), samples) for number in numbers]


def adopt(registry: Registry, model: str, folders: list[VersionFolder], sign: Sign | None = None) -> list[Registered]:
    """Registers each folder under the number of its manifest.

    Raises:
        Refused: the registry has another content under one of these numbers, or a number is taken.
    """
    known = {one.version: one for one in registry.versions(model)}
    for folder in folders:
        number = str(folder.manifest["version"])
        if folder.path.name != number or folder.manifest["name"] != model:
            found = f"{folder.manifest['name']} {number}"
            raise Refused(f"{folder.path} holds {found}: folder and manifest do not agree")
        there = known.get(number)
        if there and not _is_of(there, folder):
            raise Refused(f"MLflow has another content as {model} {number}", _RENUMBER)
    free = max([int(number) for number in known], default=0) + 1
    late = [folder.path for folder in folders if folder.path.name not in known and int(folder.path.name) < free]
    if late:
        raise Refused(f"{late[0]}: MLflow has passed number {late[0].name}; its next is {free}", _RENUMBER)
    return [_adopted(registry, known.get(folder.path.name), folder, sign) for folder in folders]


def _is_of(version: Registered, folder: VersionFolder) -> bool:
    """Whether the version was registered from this folder, or the folder was downloaded from MLflow."""
    return folder.manifest_sha256 in (version.tags.get(FOLDER_TAG), version.tags.get(MANIFEST_TAG))


def _adopted(registry: Registry, there: Registered | None, folder: VersionFolder, sign: Sign | None) -> Registered:
    if there and there.complete:
        return there
    return publish(registry, folder.manifest["name"], folder, RunRecord(), number=folder.path.name, sign=sign)


def set_champion(registry: Registry, model: str, version: str) -> None:
    """Points the alias `champion` at a complete version."""
    if not registry.version(model, version).complete:
        raise Refused(f"{model} {version} is not completely registered", "register it again")
    registry.move(model, "champion", version, "Production")
