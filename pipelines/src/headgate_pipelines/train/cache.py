"""Features on disk by the content of their image. Without the file, training computes all features again."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

CHUNK_ROWS = 4096
"""20 MB of a backbone with 1,280 features."""


class FeatureCache:
    """One file of rows: SHA-256 of the image, features float32 [width], CRC-32 of both.

    Rows are only appended. A row whose check fails is skipped when reading, so its features are computed again; a
    torn row at the end is cut off before the next write.
    """

    def __init__(self, path: Path, width: int) -> None:
        """
        Args:
            path: belongs to one backbone, one preprocessing and one version of the libraries (Backbone.cache_key).
        """
        self._path = path
        self._row = np.dtype([("sha256", "V32"), ("features", "<f4", (width,)), ("crc", "<u4")])

    def read(self, wanted: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
        """(SHA-256, features float32 [width]) of those that are here, each at most once, in the order of the file."""
        missing = set(wanted)
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while len(rows := np.fromfile(file, self._row, CHUNK_ROWS)):
                for row in rows:
                    name = row["sha256"].tobytes().hex()
                    if name in missing and row["crc"] == _check(row):
                        missing.remove(name)
                        yield name, row["features"].copy()

    def append(self, found: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
        """Writes each, then passes it on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.truncate(file.tell() // self._row.itemsize * self._row.itemsize)
            for name, features in found:
                row = np.zeros((), self._row)
                row["sha256"] = bytes.fromhex(name)
                row["features"] = features
                row["crc"] = _check(row)
                file.write(row.tobytes())
                yield name, features


def _check(row: np.ndarray | np.void) -> int:
    return zlib.crc32(row["features"].tobytes(), zlib.crc32(row["sha256"].tobytes()))
