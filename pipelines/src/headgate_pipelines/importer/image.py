"""An image classifier: which input, which output, which preprocessing, and what its answers tell."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import (
    GOLDEN_TOLERANCE,
    MAX_BATCH_SIZE,
    PREPROCESSING_VERSION,
    TOP_K,
    labels_json,
    top_classes,
)
from headgate_pipelines.convert.photos import SAMPLES
from headgate_pipelines.convert.reference import best
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer import check, pixels
from headgate_pipelines.importer.fold import INPUT, Plan, fold
from headgate_pipelines.importer.graph import Graph, Tensor, open_session
from headgate_pipelines.importer.labels import check_count
from headgate_pipelines.importer.presets import Layout, Preset
from headgate_pipelines.importer.write import MODEL, write_model

USE_TENSOR = "import it with --kind tensor, and send it tensors"
MAX_SAMPLES = 16
GOLDEN_SAMPLES = 5
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
FLOATS = ("FP16", "FP32", "FP64")
LABELS = "labels.json"


@dataclass(frozen=True)
class Asked:
    """The caller's choices."""

    preset: Preset
    preset_name: str
    layout: Layout | None
    size: tuple[int, int] | None
    activation: check.Activation | None
    output: str | None
    labels: Sequence[str] | None
    top_k: int | None
    samples: Path | None


@dataclass(frozen=True)
class Classifier:
    """An imported classifier, in the sections of its manifest and in words."""

    sections: dict[str, Any]
    seen: dict[str, str]
    tops: list[tuple[str, list[tuple[str, float]]]]
    """Best labels with scores of each sample."""
    notes: list[str]


def sample_files(root: Path, folder: Path | None) -> list[Path]:
    """The caller's pictures, or the project's sample photos.

    Raises:
        PipelineError: there are none.
    """
    if folder is None:
        files = [path for photo in SAMPLES if (path := root / "samples" / photo.file).is_file()]
    else:
        files = sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS)[:MAX_SAMPLES]
    if not files:
        where = folder or root / "samples"
        raise PipelineError(
            f"{where} has no sample pictures", "name a folder with JPEG, PNG or WebP files by --samples"
        )
    return files


def image_input(graph: Graph, asked: Asked) -> tuple[Tensor, Preset, pixels.Shape]:
    """The input, the preset with its layout, and the size.

    Raises:
        PipelineError: the graph does not take one picture.
    """
    if len(graph.inputs) != 1:
        names = "; ".join(map(str, graph.inputs))
        raise PipelineError(
            f"an image classifier has one input, this graph has {len(graph.inputs)}: {names}", USE_TENSOR
        )
    (tensor,) = graph.inputs
    if tensor.shape is None or len(tensor.shape) != 4 or tensor.datatype == "BYTES":
        raise PipelineError(f"the input {tensor} is no picture: expected [N, 3, H, W] or [N, H, W, 3]", USE_TENSOR)
    planar, packed = (tensor.shape[axis] in (1, 3) for axis in (1, 3))
    by_graph: Layout = ("nchw" if planar else "nhwc") if planar != packed else asked.preset.layout
    layout = asked.layout or by_graph
    batch, *sides = tensor.shape
    channels, height, width = sides if layout == "nchw" else (sides[2], *sides[:2])
    if channels not in (1, 3, -1):
        raise PipelineError(
            f"the input {tensor} has {channels} channels as {layout}", "choose the other --layout, or " + USE_TENSOR
        )
    if batch > 1:
        raise PipelineError(
            f"the input {tensor} takes exactly {batch} pictures", "export it with a batch of 1 or a variable one"
        )
    size = asked.size or asked.preset.size
    if asked.size and any(side not in (-1, wanted) for side, wanted in zip((width, height), size, strict=True)):
        raise PipelineError(f"the graph takes {width}x{height}, not {size[0]}x{size[1]}", "leave --size out")
    width, height = (side if side > 0 else wanted for side, wanted in zip((width, height), size, strict=True))
    preset = replace(asked.preset, layout=layout)
    return tensor, preset, pixels.Shape(width, height, 1 if channels == 1 else 3)


def class_output(graph: Graph, asked: Asked) -> Tensor:
    """The output with one score a class.

    Raises:
        PipelineError: there is none, or several could be meant.
    """
    names = "; ".join(map(str, graph.outputs))
    if asked.output is not None:
        found = [one for one in graph.outputs if one.name == asked.output]
        if not found:
            raise PipelineError(f"there is no output {asked.output}", f"choose one of: {names}")
    else:
        found = [one for one in graph.outputs if one.datatype in FLOATS]
        if len(found) > 1 and asked.labels is not None:
            fitting = [one for one in found if one.shape is not None and len(asked.labels) in one.shape[1:]]
            found = fitting or found
    if len(found) > 1:
        raise PipelineError(f"several outputs could hold the scores: {names}", "choose one with --output")
    if not found or found[0].datatype not in FLOATS:
        raise PipelineError(
            f"no output holds one score a class: {names}", "choose another with --output, or " + USE_TENSOR
        )
    return found[0]


def classifier(graph: Graph, asked: Asked, root: Path, folder: Path) -> Classifier:
    """Folds, checks and describes a graph; writes its files into `folder`.

    Raises:
        PipelineError: it is no image classifier, the folded graph answers otherwise, or the labels do not fit.
    """
    source, preset, shape = image_input(graph, asked)
    target = class_output(graph, asked)
    files = sample_files(root, asked.samples)
    pictures = [pixels.preprocess(pixels.read(path), preset, shape) for path in files]
    original = check.Original(open_session(graph.path), source, target.name)
    first = original.run(pictures[0], preset)
    if first.size < 2 or (first.ndim > 1 and first.shape[0] != 1) or sum(side > 1 for side in first.shape) != 1:
        raise PipelineError(
            f"the output {target.name} is {list(first.shape)} for one picture, not one score a class", USE_TENSOR
        )
    if asked.labels is not None:
        check_count(list(asked.labels), first.size)
    raw = original.scores(pictures, preset)
    activation = asked.activation or check.activation_of(graph, target.name, raw)
    scores = check.activated(raw, activation)

    plan = Plan(source, target, first.ndim, first.size, shape, preset)
    limit = check.LIMIT_FP16 if source.datatype == "FP16" else check.LIMIT
    session, max_batch, nodes = _folded(graph, plan, pictures, limit, folder)
    difference = check.difference(session, pictures, raw)
    if not difference <= limit:
        message = (
            f"the folded graph differs from the original by {difference:.1e} of the largest score (limit {limit:.0e})"
        )
        raise PipelineError(message, "report it with the model; --kind tensor serves it as it is")

    labels = list(asked.labels or (f"class {i}" for i in range(first.size)))
    (folder / LABELS).write_bytes(labels_json(labels))
    tops = [
        (path.name, [(labels[i], score) for i, score in best(row, 3)]) for path, row in zip(files, scores, strict=True)
    ]
    notes = _notes(graph, original, asked, plan, (pictures, scores, activation), max_batch, labels)
    sections = _sections(session, plan, activation, labels, asked.top_k, max_batch)
    sections["golden"] = {"tolerance": GOLDEN_TOLERANCE, "samples": _golden(files, scores, folder, asked.samples)}
    return Classifier(
        sections, _seen(graph, plan, asked, (nodes, difference, limit), activation, max_batch), tops, notes
    )


def _folded(graph: Graph, plan: Plan, pictures: list[np.ndarray], limit: float, folder: Path) -> tuple[Any, int, int]:
    """A session of the folded graph, written into `folder`; the largest batch it answers item by item; nodes added."""
    for dynamic in (True, False):
        model = fold(graph, plan, dynamic=dynamic)
        nodes = len(model.graph.node) - len(graph.model.graph.node)
        write_model(folder, model.SerializeToString(deterministic=True), graph)
        try:
            session = open_session(folder / MODEL, f"the folded {graph.path.name}")
        except PipelineError:
            if not dynamic:
                raise
            continue
        if dynamic and check.answers_item_by_item(session, pictures, limit):
            return session, MAX_BATCH_SIZE, nodes
    return session, 1, nodes


def _sections(
    session: Any, plan: Plan, activation: str, labels: list[str], top_k: int | None, max_batch: int
) -> dict[str, Any]:
    batch, shape = -1 if max_batch > 1 else 1, plan.shape
    output = session.get_outputs()[0].name
    return {
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [batch, shape.height, shape.width, shape.channels]}],
        "outputs": [{"name": output, "datatype": "FP32", "shape": [batch, plan.classes]}],
        "image": {
            "input": INPUT,
            "output": output,
            "activation": activation,
            "preprocessing": pixels.manifest_of(plan.preset, shape, PREPROCESSING_VERSION),
            "labels": LABELS,
            "labels_sha256": sha256(labels_json(labels)),
            "top_k": min(top_k or TOP_K, plan.classes),
        },
        "max_batch_size": max_batch,
    }


def _golden(files: Sequence[Path], scores: np.ndarray, folder: Path, own: Path | None) -> list[dict[str, Any]]:
    """The first samples with their classes. Every engine finds the project's photos; others lie with the version."""
    samples = []
    for number, (path, row) in enumerate(zip(files[:GOLDEN_SAMPLES], scores, strict=False), start=1):
        data, name = path.read_bytes(), path.name
        if own is not None:
            name = f"samples/{number}-" + re.sub(r"[^\w.-]", "_", path.name)
            (folder / "samples").mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        samples.append({"file": name, "sha256": sha256(data), "top": top_classes(row)})
    return samples


def _notes(
    graph: Graph,
    original: check.Original,
    asked: Asked,
    plan: Plan,
    seen: tuple[list[np.ndarray], np.ndarray, check.Activation],
    max_batch: int,
    labels: Sequence[str],
) -> list[str]:
    pictures, scores, activation = seen
    notes = []
    if plan.input.datatype == "UINT8":
        notes.append("the graph takes bytes already: scale, mean and deviation of the preset are not used")
    else:
        found = check.first_arithmetic(graph.model.graph, plan.input.name)
        if found and plan.preset.scale != 1:
            notes.append(
                f"the graph begins with {', '.join(found)}: if that normalises, import it with --preset custom"
            )
        better = check.better_preset(original, pictures, plan.preset, activation)
        if better is not None:
            notes.append(f"with --preset {better} the answers for the samples are clearly more confident")
    if asked.layout is None and asked.preset_name != "custom" and asked.preset.layout != plan.preset.layout:
        notes.append(f"the layout is {plan.preset.layout}, as the graph says, and not that of the preset")
    if max_batch == 1:
        notes.append("the graph answers one picture at a time only (max_batch_size 1): export it with a variable batch")
    if asked.labels is None:
        notes.append("without --labels the classes are called `class 0`, `class 1` and so on")
    elif len(set(asked.labels)) < len(asked.labels):
        twice = next(one for one in asked.labels if list(asked.labels).count(one) > 1)
        notes.append(f"several classes are called {twice!r}: feedback cannot tell them apart")
    if asked.samples is not None:
        notes.append(
            f"{min(GOLDEN_SAMPLES, len(pictures))} of the samples are copied into the version as golden samples"
        )
    sigmoid = check.ends_with(graph.model.graph, plan.output.name, "Sigmoid")
    return [*check.doubts(scores, activation, sigmoid, labels), *notes]


def _seen(graph: Graph, plan: Plan, asked: Asked, folded: Any, activation: str, max_batch: int) -> dict[str, str]:
    preset, shape = plan.preset, plan.shape
    nodes, difference, limit = folded
    mean, std = preset.constants(shape.channels)
    order = preset.order.upper() if shape.channels == 3 else "grey"
    fit = f"{preset.fit} {preset.crop_fraction:g}" if preset.fit == "crop" else preset.fit
    arithmetic = (
        "bytes as they are"
        if plan.input.datatype == "UINT8"
        else f"scale {preset.scale:.6g}, mean {_list(mean)}, std {_list(std)}"
    )
    return {
        "graph": f"opset {graph.opset}; input {plan.input}, output {plan.output}",
        "preset": f"{asked.preset_name}: {shape.width}x{shape.height} by {fit}, {preset.resample}; "
        f"{order} {preset.layout}, {arithmetic}",
        "folded": f"{nodes} nodes; largest difference {difference:.1e} of the largest score (limit {limit:.0e})",
        "classes": f"{plan.classes}, activation {activation}",
        "batch": f"up to {max_batch}",
    }


def _list(values: Sequence[float]) -> str:
    return (
        "/".join(f"{one:g}" for one in dict.fromkeys(values))
        if len(set(values)) == 1
        else "/".join(f"{one:g}" for one in values)
    )
