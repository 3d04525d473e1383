"""A new version of a model on disk: complete and proven, or not at all."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate_pipelines import engine
from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import MAX_QUEUE_SIZE, SCHEMA, to_yaml
from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.importer.graph import Graph
from headgate_pipelines.settings import Settings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MODEL = "model.onnx"
MANIFEST = "manifest.yaml"
OVERDRIVEN = (
    "serving decodes a JPEG by some grey levels otherwise than Pillow, and this graph multiplies them: "
    "check scale, mean and deviation, or name other pictures by --samples"
)


@dataclass(frozen=True)
class About:
    """What the caller says of the version."""

    name: str
    version: str
    description: str
    licence: str


def new_version(models: Path, asked: str) -> tuple[str, str]:
    """Name and version to write, of NAME/VERSION; of NAME alone, the next number.

    Raises:
        PipelineError: a name that is not allowed, or a version that is there.
    """
    name, slash, version = asked.partition("/")
    for text in (name, *([version] if slash else [])):
        if not NAME.fullmatch(text):
            remedy = "use letters, digits, . _ - (at most 64), and / before a version"
            raise PipelineError(f"--name: {text!r} is not allowed", remedy)
    folder = models / name
    if not slash:
        numbers = [int(one.name) for one in folder.glob("*") if one.name.isascii() and one.name.isdigit()]
        return name, str(max(numbers, default=0) + 1)
    if (folder / version).exists():
        raise PipelineError(
            f"{folder / version} exists", f"choose another version, or --name {name} for the next number"
        )
    return name, version


@contextmanager
def staged(models: Path, about: About) -> Iterator[Path]:
    """A folder beside the version's place, under a name that servers ignore; removed in the end unless published."""
    parent = models / about.name
    is_new = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{about.version}-", dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if is_new and not any(parent.iterdir()):
            parent.rmdir()


def write_model(folder: Path, model: bytes, graph: Graph) -> None:
    """The model file and copies of its weights, which its references find beside it."""
    (folder / MODEL).write_bytes(model)
    for path in graph.external:
        target = folder / path
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(graph.path.parent / path, target)


def manifest(
    folder: Path, about: About, graph: Graph, kind: str, sections: Mapping[str, Any], converter: str
) -> dict[str, Any]:
    """The whole manifest. `sections` are inputs, outputs, image, max_batch_size and golden, in the schema's form."""
    image = {"image": sections["image"]} if "image" in sections else {}
    external = [_file(folder, path) for path in graph.external]
    return {
        "schema": SCHEMA,
        "name": about.name,
        "version": about.version,
        "kind": kind,
        "description": about.description,
        "licence": about.licence,
        "file": {**_file(folder, MODEL), **({"external_data": external} if external else {})},
        "inputs": sections["inputs"],
        "outputs": sections["outputs"],
        **image,
        "batching": {"max_batch_size": sections["max_batch_size"], "max_queue_size": MAX_QUEUE_SIZE},
        "golden": sections["golden"],
        "provenance": {"source": graph.path.name, "source_sha256": graph.sha256, "converter": converter},
    }


def _file(folder: Path, path: str) -> dict[str, Any]:
    data = (folder / path).read_bytes()
    return {"path": path, "sha256": sha256(data), "bytes": len(data)}


def publish(models: Path, about: About, folder: Path, document: Mapping[str, Any], settings: Settings) -> engine.Loaded:
    """Writes the manifest, loads the version as for serving, and puts it in its place.

    Raises:
        PipelineError: the engine refuses the version, or another program has written it meanwhile.
    """
    (folder / MANIFEST).write_bytes(to_yaml(document))
    try:
        loaded = engine.load(folder, settings)
    except Refused as error:
        remedy = OVERDRIVEN if "golden sample" in error.message else "correct what the engine says; nothing was written"
        raise PipelineError(error.message, remedy) from error
    target = models / about.name / about.version
    try:
        folder.rename(target)
    except OSError as error:
        raise PipelineError(f"{target} cannot be written: {error.strerror}", "run the command again") from error
    return loaded


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under their headings."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
