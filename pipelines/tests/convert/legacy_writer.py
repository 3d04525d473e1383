"""Writes legacy checkpoints as torch did, for tests: a stand-in `torch` gives the pickles their names."""

import collections
import io
import pickle
import struct
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    """Pickled by name only."""


def _rebuild_tensor_v2(*_: object) -> None:
    """Pickled by name only."""


@dataclass
class View:
    """A tensor: a window on a storage key; offset, shape and stride in elements."""

    key: str
    count: int
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        hooks: collections.OrderedDict[str, object] = collections.OrderedDict()
        return _rebuild_tensor_v2, (_Reference(self), self.offset, self.shape, self.stride, False, hooks)


@dataclass
class _Reference:
    view: View


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> Any:
        if isinstance(obj, _Reference):
            return ("storage", FloatStorage, obj.view.key, "cpu", obj.view.count, None)
        return None


def _fake_torch() -> dict[str, types.ModuleType]:
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    FloatStorage.__module__ = "torch"
    _rebuild_tensor_v2.__module__ = "torch._utils"
    vars(torch)["FloatStorage"] = FloatStorage
    vars(utils)["_rebuild_tensor_v2"] = _rebuild_tensor_v2
    return {"torch": torch, "torch._utils": utils}


def _pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    with mock.patch.dict(sys.modules, _fake_torch()):
        _Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def write_legacy(path: Path, state: object, storages: dict[str, np.ndarray]) -> Path:
    """A checkpoint whose state is any object and whose storages are float32 arrays."""
    keys = list(storages)
    parts = [_pickled(part) for part in (MAGIC, 1001, {"little_endian": True}, state, keys)]
    for key in keys:
        data = storages[key].astype("<f4")
        parts += [struct.pack("<q", data.size), data.tobytes()]
    path.write_bytes(b"".join(parts))
    return path
