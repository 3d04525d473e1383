"""Everything that is no image classifier: the tensors of a graph, and a recorded run of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import MAX_BATCH_SIZE
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer.check import LIMIT
from headgate_pipelines.importer.graph import Graph, Tensor, open_session
from headgate_pipelines.importer.write import MODEL, write_model

TOLERANCE = 1e-3
GOLDEN = "golden.json"
SIZES = (32, 64, 1, 8, 16, 128, 224, 256, 320, 512, 640, 48)
"""Tried for variable dimensions until the graph runs, small ones first: the record is JSON."""
MAX_ELEMENTS = 4_000_000
"""Of all tensors of the record, whose file may have 64 MiB."""
SEED = 20_300_101

Fill = Literal["random", "zeros"]
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class TensorModel:
    """An imported tensor model, in the sections of its manifest and in words."""

    sections: dict[str, Any]
    seen: dict[str, str]
    notes: list[str]


def tensor_model(graph: Graph, shapes: Mapping[str, tuple[int, ...]], folder: Path) -> TensorModel:
    """Describes a graph and records a run of it; writes its files into `folder`.

    Raises:
        PipelineError: no run succeeds.
    """
    _check_shapes(graph, shapes)
    write_model(folder, graph.data, graph)
    session = open_session(folder / MODEL, graph.path.name)
    inputs, outputs = _first_run(graph, session, shapes)
    max_batch = MAX_BATCH_SIZE if _is_batched(graph, session, inputs, outputs) else 1
    notes = []
    problem = _unrecordable(session, inputs, outputs)
    samples = []
    if problem is None:
        record = {"inputs": _records(inputs), "outputs": _records(outputs)}
        data = (json.dumps(record, separators=(",", ":")) + "\n").encode()
        (folder / GOLDEN).write_bytes(data)
        samples.append({"file": GOLDEN, "sha256": sha256(data)})
    else:
        notes.append(f"no golden sample is recorded: {problem}")
    if max_batch == 1:
        notes.append("requests are not joined (max_batch_size 1): dim 0 is not a batch in every tensor")
    sections = {
        "inputs": _declared(graph.inputs, inputs, session.get_inputs()),
        "outputs": _declared(graph.outputs, outputs, session.get_outputs()),
        "max_batch_size": max_batch,
        "golden": {"tolerance": TOLERANCE, "samples": samples},
    }
    seen = {
        "graph": f"opset {graph.opset}",
        "inputs": "; ".join(map(str, graph.inputs)),
        "outputs": "; ".join(map(str, graph.outputs)),
        "ran with": ", ".join(f"{name} [{', '.join(map(str, one.shape))}]" for name, one in inputs.items()),
        "batch": f"up to {max_batch}",
    }
    return TensorModel(sections, seen, notes)


def _check_shapes(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> None:
    tensors = {one.name: one for one in graph.inputs}
    for name, shape in shapes.items():
        if name not in tensors:
            raise PipelineError(f"--shape: there is no input {name}", f"choose one of {', '.join(tensors)}")
        known = tensors[name].shape
        if known is not None and (
            len(known) != len(shape) or any(k not in (-1, s) for k, s in zip(known, shape, strict=True))
        ):
            raise PipelineError(
                f"--shape: {tensors[name]} cannot be {list(shape)}", "give each dimension, fixed ones as they are"
            )
    unknown = [one.name for one in graph.inputs if one.shape is None and one.name not in shapes]
    if unknown:
        raise PipelineError(f"the graph does not say the shape of {unknown[0]}", f"give one: --shape {unknown[0]}=1,16")


def _first_run(
    graph: Graph, session: ort.InferenceSession, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Values, Values]:
    words = ""
    for inputs in _attempts(graph, shapes):
        try:
            return inputs, run(graph, session, inputs)
        except Exception as error:
            # ONNX Runtime has a class for each status and no common one.
            words = str(error).split("\n")[0][:300]
    sizes = " ".join(f"--shape {name}={','.join(map(str, one.shape))}" for name, one in inputs.items())
    raise PipelineError(
        f"the graph runs with no inputs that were tried: {words}", f"give sizes that it takes, as in {sizes}"
    )


def run(graph: Graph, session: ort.InferenceSession, inputs: Values) -> Values:
    """All outputs by name."""
    names = [one.name for one in graph.outputs]
    return {name: np.asarray(one) for name, one in zip(names, session.run(names, inputs), strict=True)}


def _attempts(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Values]:
    """Inputs to try. The first dimension of each, and others of its name, are 1; then all but the last ones are."""
    batch = {one.dims[0] for one in graph.inputs if one.dims}
    guessed = [one.name for one in graph.inputs if one.name not in shapes and any(side < 0 for side in one.shape or ())]
    seen = set()
    fills: tuple[Fill, ...] = ("random", "zeros")
    for last_only in (False, True):
        for size in SIZES:
            sides = {one.name: shapes.get(one.name, _sides(one, batch, size, last_only)) for one in graph.inputs}
            key = tuple(sides.values())
            if key in seen or sum(int(np.prod(sides[name])) for name in guessed) > MAX_ELEMENTS:
                continue
            seen.add(key)
            for fill in fills:
                yield {one.name: values(one, sides[one.name], fill, SEED) for one in graph.inputs}


def _sides(tensor: Tensor, batch: set[str], size: int, last_only: bool) -> tuple[int, ...]:
    last = len(tensor.dims) - 1
    sides = enumerate(zip(tensor.shape or (), tensor.dims, strict=True))
    return tuple(
        side if side >= 0 else 1 if place == 0 or name in batch or (last_only and place < last) else size
        for place, (side, name) in sides
    )


def values(tensor: Tensor, shape: tuple[int, ...], fill: Fill, seed: int) -> np.ndarray:
    """Sixteenths, which are short in JSON; small whole numbers, which are valid indices."""
    dice = np.random.default_rng(seed)
    if tensor.datatype == "BYTES":
        return np.full(shape, "text" if fill == "random" else "", object)
    if fill == "zeros":
        return np.zeros(shape, tensor.numpy)
    if tensor.datatype.startswith("FP"):
        return (dice.integers(0, 16, shape) / 16).astype(tensor.numpy)
    return np.asarray(dice.integers(0, 2, shape)).astype(tensor.numpy)


def _is_batched(graph: Graph, session: ort.InferenceSession, inputs: Values, outputs: Values) -> bool:
    """Whether dim 0 of every tensor counts items, seen in a run of two."""
    tensors = [*graph.inputs, *graph.outputs]
    if any(not one.shape or one.shape[0] != -1 or (inputs | outputs)[one.name].shape[0] != 1 for one in tensors):
        return False
    other = {one.name: values(one, inputs[one.name].shape, "random", SEED + 1) for one in graph.inputs}
    try:
        alone = run(graph, session, other)
        together = run(graph, session, {name: np.concatenate([inputs[name], other[name]]) for name in inputs})
    except Exception:
        # ONNX Runtime has a class for each status and no common one.
        return False
    return all(_equal(together[name], np.concatenate([one, alone[name]])) for name, one in outputs.items() if one.shape)


def _equal(got: np.ndarray, expected: np.ndarray) -> bool:
    if got.shape != expected.shape:
        return False
    if got.dtype.kind != "f":
        return bool(np.array_equal(got, expected))
    return bool(np.allclose(got.astype(np.float64), expected.astype(np.float64), rtol=LIMIT, atol=LIMIT))


def _unrecordable(session: ort.InferenceSession, inputs: Values, outputs: Values) -> str | None:
    if any(not np.isfinite(one).all() for one in outputs.values() if one.dtype.kind == "f"):
        return "an output has NaN or an infinity"
    if any(one.size == 0 for one in outputs.values()):
        return "an output is empty"
    if sum(one.size for one in [*inputs.values(), *outputs.values()]) > MAX_ELEMENTS:
        return f"its tensors have more than {MAX_ELEMENTS} values"
    again = session.run(list(outputs), inputs)
    if not all(_equal(np.asarray(one), outputs[name]) for name, one in zip(outputs, again, strict=True)):
        return "two runs answer differently"
    return None


def _records(tensors: Values) -> list[dict[str, Any]]:
    return [{"name": name, "shape": list(one.shape), "data": _data(one)} for name, one in tensors.items()]


def _data(values: np.ndarray) -> list[Any]:
    """64-bit whole numbers as text, since a number of JSON may not be exact; floats by their shortest text."""
    flat = values.ravel()
    if flat.dtype.kind in "iu" and flat.dtype.itemsize == 8:
        return [str(one) for one in flat.tolist()]
    if flat.dtype.kind == "f" and flat.dtype.itemsize < 8:
        return [float(str(one)) for one in flat]
    return [str(one) for one in flat] if flat.dtype.kind in "OUS" else flat.tolist()


def _declared(tensors: Sequence[Tensor], seen: Values, known: Sequence[ort.NodeArg]) -> list[dict[str, Any]]:
    """In the form of the manifest, with the sides that the runtime derives: it holds the manifest to them."""
    derived = {one.name: one.shape for one in known}
    return [
        {"name": one.name, "datatype": one.datatype, "shape": _shape(one, seen[one.name].ndim, derived[one.name])}
        for one in tensors
    ]


def _shape(tensor: Tensor, rank: int, derived: Sequence[Any]) -> list[int]:
    shape = tensor.shape if tensor.shape is not None else (-1,) * rank
    if len(derived) != len(shape):
        return list(shape)
    return [other if side < 0 and isinstance(other, int) else side for side, other in zip(shape, derived, strict=True)]
