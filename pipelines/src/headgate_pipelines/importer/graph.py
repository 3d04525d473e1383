"""What an ONNX file says of itself, read without its external weights."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from headgate_pipelines.errors import PipelineError

MAX_BYTES = 2**31 - 1
"""What a protobuf message can hold."""
OLDEST_OPSET = 7
"""ONNX Runtime has kernels from here on."""

DATATYPES: dict[int, str] = {
    TensorProto.BOOL: "BOOL",
    TensorProto.UINT8: "UINT8",
    TensorProto.UINT16: "UINT16",
    TensorProto.UINT32: "UINT32",
    TensorProto.UINT64: "UINT64",
    TensorProto.INT8: "INT8",
    TensorProto.INT16: "INT16",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.FLOAT16: "FP16",
    TensorProto.FLOAT: "FP32",
    TensorProto.DOUBLE: "FP64",
    TensorProto.STRING: "BYTES",
}
"""ONNX element types by the names of the Open Inference Protocol."""

# First bytes of what people export instead, and how ONNX is made of it.
OTHERS = (
    (b"PK\x03\x04", "a PyTorch or Keras archive", "export it: torch.onnx.export, or model.export(..., format='onnx')"),
    (b"\x89HDF", "a Keras HDF5 file", "export it with tf2onnx: python -m tf2onnx.convert --keras model.h5"),
    (b"\x80", "a Python pickle", "load it where it was made and export it: torch.onnx.export, or skl2onnx"),
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
)


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph. `shape` is None where the file does not say it; -1 is a variable dimension."""

    name: str
    onnx_type: int
    shape: tuple[int, ...] | None
    dims: tuple[str, ...]
    """Names of the variable dimensions, in the places of `shape`; empty for fixed ones."""

    @property
    def datatype(self) -> str:
        return DATATYPES[self.onnx_type]

    @property
    def numpy(self) -> np.dtype:
        return np.dtype(helper.tensor_dtype_to_np_dtype(self.onnx_type))

    def _sides(self) -> Iterator[tuple[int, str]]:
        return zip(self.shape or (), self.dims, strict=True)

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name} {self.datatype} of any shape"
        # A formula of torch.onnx may fill a screen.
        sides = [str(side) if side >= 0 else name if len(name) < 24 else "?" for side, name in self._sides()]
        return f"{self.name} {self.datatype} [{', '.join(sides)}]"


@dataclass(frozen=True)
class Graph:
    """A model file. `model` holds references to its external weights, not their values."""

    path: Path
    model: onnx.ModelProto
    data: bytes
    opset: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    external: tuple[str, ...]
    """Paths of the files with weights, relative to the folder of the model file."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read(path: Path) -> Graph:
    """Reads a model file and says early what could not be served.

    Raises:
        PipelineError: it is no ONNX model, or one that ONNX Runtime cannot run.
    """
    data = _bytes_of(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:
        # A class of protobuf, which has no types here.
        raise _no_onnx(path, data) from error
    if not model.graph.node or not model.opset_import:
        raise _no_onnx(path, data)
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if 0 < opset < OLDEST_OPSET:
        remedy = "convert it: onnx.version_converter.convert_version(model, 17), or export it again"
        raise PipelineError(f"{path} has opset {opset}; the runtime takes {OLDEST_OPSET} or later", remedy)
    initial = {one.name for one in model.graph.initializer}
    return Graph(
        path=path,
        model=model,
        data=data,
        opset=opset,
        inputs=tuple(_tensor(one, "input") for one in model.graph.input if one.name not in initial),
        outputs=tuple(_tensor(one, "output") for one in model.graph.output),
        external=_external_files(path, model),
    )


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise PipelineError(f"{path} is {what}", "name the .onnx file")
    if path.stat().st_size > MAX_BYTES:
        remedy = "save it with external data: onnx.save_model(model, path, save_as_external_data=True)"
        raise PipelineError(f"{path} is larger than 2 GiB, which no ONNX file may be", remedy)
    return path.read_bytes()


def _no_onnx(path: Path, data: bytes) -> PipelineError:
    if data[4:8] == b"TFL3":
        return PipelineError(
            f"{path} is a TensorFlow Lite file, not ONNX", "export it: python -m tf2onnx.convert --tflite"
        )
    for magic, what, remedy in OTHERS:
        if data.startswith(magic):
            return PipelineError(f"{path} is {what}, not ONNX", remedy)
    return PipelineError(f"{path} is no ONNX model", "name a file that torch.onnx, tf2onnx or paddle2onnx has written")


def _tensor(value: onnx.ValueInfoProto, role: str) -> Tensor:
    if not value.type.HasField("tensor_type"):
        kind = value.type.WhichOneof("value") or "unknown type"
        remedy = (
            "export it with tensors only; of scikit-learn: to_onnx(model, options={'zipmap': False})"
            if role == "output"
            else "export it with tensors only"
        )
        raise PipelineError(f"the {role} {value.name} is no tensor ({kind.removesuffix('_type')})", remedy)
    tensor = value.type.tensor_type
    if tensor.elem_type not in DATATYPES:
        name = TensorProto.DataType.Name(tensor.elem_type)
        raise PipelineError(
            f"the {role} {value.name} has the type {name}", f"export it as one of {' '.join(DATATYPES.values())}"
        )
    if not tensor.HasField("shape"):
        return Tensor(value.name, tensor.elem_type, None, ())
    sides = [one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else -1 for one in tensor.shape.dim]
    names = [
        "" if side >= 0 else one.dim_param or ("N" if i == 0 else "?")
        for i, (one, side) in enumerate(zip(tensor.shape.dim, sides, strict=True))
    ]
    return Tensor(value.name, tensor.elem_type, tuple(sides), tuple(names))


def graphs_in(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and those within its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from graphs_in(inner)


def _tensors_in(model: onnx.ModelProto) -> Iterator[TensorProto]:
    for graph in graphs_in(model.graph):
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _external_files(path: Path, model: onnx.ModelProto) -> tuple[str, ...]:
    files: dict[str, None] = {}
    for tensor in _tensors_in(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        location = next((one.value for one in tensor.external_data if one.key == "location"), "").removeprefix("./")
        names = PurePosixPath(location).parts
        if not location or PurePosixPath(location).is_absolute() or ".." in names or "\\" in location:
            raise PipelineError(f"{path} keeps weights at {location!r}", "keep them in a file beside the model file")
        if not (path.parent / location).is_file():
            raise PipelineError(
                f"the weights of {path} are missing: {location}", f"put {location} beside the model file"
            )
        files[location] = None
    return tuple(files)


def open_session(path: Path, name: str = "") -> ort.InferenceSession:
    """A session on the CPU provider, quiet. `name` is what errors call the file.

    Raises:
        PipelineError: ONNX Runtime does not take the model; the message has its words.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime has a class for each status and no common one.
        raise _not_loadable(name or path.name, str(error)) from error


def _not_loadable(name: str, words: str) -> PipelineError:
    short = words.split("\n")[0].removeprefix("[ONNXRuntimeError] : ")[:300]
    if "opset" in words.lower() or "ir_version" in words.lower() or "IR version" in words:
        remedy = "export it with a lower opset, such as 17 (torch.onnx.export: opset_version=17)"
    elif "is not a registered function/op" in words or "No Op registered" in words:
        remedy = "it uses operators that the runtime lacks: export it with standard ONNX operators alone"
    elif "NOT_IMPLEMENTED" in words:
        remedy = "the runtime has no such kernel on a CPU: export with other types, such as float32"
    else:
        remedy = "check the file: python -c \"import onnx; onnx.checker.check_model('model.onnx', True)\""
    return PipelineError(f"ONNX Runtime cannot load {name}: {short}", remedy)
