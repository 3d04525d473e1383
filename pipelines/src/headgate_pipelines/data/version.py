"""The data version: what DVC writes into dvc.lock as the hash of `data`."""

import hashlib
import json

from headgate_pipelines.errors import PipelineError
from headgate_pipelines.workspace import Workspace


def data_version(workspace: Workspace) -> str:
    """Hash of `data/` as DVC computes it, such as `d41d8cd98f00b204e9800998ecf8427e.dir`.

    Computed from the files and not read from dvc.lock, so that it is right too when `ingest` ran without `dvc repro`.
    Takes about two seconds a gigabyte.

    Raises:
        PipelineError: there is no data.
    """
    paths = sorted(path for path in workspace.data.rglob("*") if path.is_file())
    if not paths:
        raise PipelineError(f"{workspace.data} is empty", "run headgate-pipelines ingest first")
    entries = []
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        entries.append({"md5": digest, "relpath": path.relative_to(workspace.data).as_posix()})
    entries.sort(key=lambda entry: entry["relpath"])
    listing = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"
