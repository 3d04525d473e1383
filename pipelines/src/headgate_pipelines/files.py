"""Files that are whole or absent, and caches that do not grow."""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from headgate_pipelines.errors import Unavailable


def write(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all.

    Raises:
        Unavailable: the disk does not take it.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise Unavailable(f"{path} cannot be written: {error.strerror}", "make room, then try again") from error


def keep_newest(paths: Iterable[Path], count: int) -> None:
    """Deletes all files and folders but those that changed last."""
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)[count:]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
