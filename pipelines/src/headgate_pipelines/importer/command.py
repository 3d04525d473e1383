"""`headgate-pipelines import`: any ONNX file becomes a version of a model that inference serves."""

import argparse
import json
from pathlib import Path
from typing import Any

from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer import image, labels, write
from headgate_pipelines.importer.graph import Graph, read
from headgate_pipelines.importer.presets import chosen
from headgate_pipelines.importer.tensors import tensor_model
from headgate_pipelines.progress import waiting
from headgate_pipelines.settings import read_settings


def run(given: argparse.Namespace) -> int:
    """0 after the version is in its place. Raises PipelineError."""
    settings = read_settings()
    models: Path = (given.models or settings.root / "models").resolve()
    graph = read(given.file)
    name, version = write.new_version(models, given.name)
    description = given.description or f"Imported from {graph.path.name}."
    about = write.About(name, version, description, given.licence)
    with write.staged(models, about) as folder, waiting(f"import: folding and checking {graph.path.name}"):
        report = (
            _image(given, graph, settings.root, folder) if given.kind == "image" else _tensors(given, graph, folder)
        )
        kind = "image-classifier" if given.kind == "image" else "tensor"
        how = f", preset {given.preset}" if given.kind == "image" else ""
        document = write.manifest(folder, about, graph, kind, report.pop("sections"), f"headgate-pipelines import{how}")
        loaded = write.publish(models, about, folder, document, settings)
    engine = f"loaded; {loaded.compared} golden samples, largest difference {loaded.largest_difference:.1e}"
    if given.licence == "unknown":
        report["notes"].append("the licence is recorded as unknown: say it with --licence")
    report = {"model": name, "version": version, "folder": str(models / name / version), **report}
    report["seen"]["engine"] = engine
    print(json.dumps({**report, "text": in_words(report)}) if given.json else in_words(report))
    return 0


def _image(given: argparse.Namespace, graph: Graph, root: Path, folder: Path) -> dict[str, Any]:
    preset = chosen(
        given.preset,
        layout=given.layout,
        order=given.channel_order,
        scale=given.scale,
        mean=given.mean,
        std=given.std,
        fit=given.resize,
        crop_fraction=given.crop_fraction,
        border=given.border,
        resample=given.resample,
    )
    asked = image.Asked(
        preset=preset,
        preset_name=given.preset,
        layout=given.layout,
        size=given.size,
        activation=given.activation,
        output=given.output,
        labels=labels.read(given.labels) if given.labels else None,
        top_k=given.top_k,
        samples=given.samples,
    )
    found = image.classifier(graph, asked, root, folder)
    samples = [
        {"file": name, "top": [{"label": label, "score": round(score, 6)} for label, score in top]}
        for name, top in found.tops
    ]
    return {"sections": found.sections, "seen": found.seen, "samples": samples, "notes": found.notes}


def _tensors(given: argparse.Namespace, graph: Graph, folder: Path) -> dict[str, Any]:
    for option in ("labels", "samples", "activation", "output", "size", "mean", "std"):
        if getattr(given, option) is not None:
            raise PipelineError(f"--{option} is for image classifiers", f"leave it out with --kind {given.kind}")
    found = tensor_model(graph, dict(given.shape or []), folder)
    return {"sections": found.sections, "seen": found.seen, "samples": [], "notes": found.notes}


def in_words(report: dict[str, Any]) -> str:
    """What was seen, the best classes of the samples, and what to look at."""
    lines = [f"{report['model']} version {report['version']}: {report['folder']}"]
    lines += [f"  {name:<9} {text}" for name, text in report["seen"].items()]
    if report["samples"]:
        rows = [
            [one["file"], *(f"{top['label']} {top['score']:.3f}" for top in one["top"]), *[""] * (3 - len(one["top"]))]
            for one in report["samples"]
        ]
        lines += ["", write.table(["SAMPLE", "1ST", "2ND", "3RD"], rows)]
    return "\n".join([*lines, *([""] if report["notes"] else []), *(f"note: {one}" for one in report["notes"])])
