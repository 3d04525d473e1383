"""Packs images into tar files of about 100 MB: few large files are what DVC and S3 are fast with."""

import io
import os
import tarfile
from pathlib import Path
from typing import BinaryIO

HEADER = 512


class ShardWriter:
    """Appends images to `<folder>/00000.tar` and so on. The same images in the same order give the same bytes."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._count = 0
        self._file: BinaryIO | None = None
        self._tar: tarfile.TarFile | None = None

    def add(self, name: str, content: bytes) -> tuple[str, int]:
        """Returns (shard, offset of the content in it)."""
        if self._tar is not None and self._tar.offset >= self._shard_bytes:
            self.close()
        if self._tar is None:
            self._file = (self._folder / f"{self._count:05d}.tar").open("wb")
            self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)
            self._count += 1
        # TarInfo's own defaults hold no time and no owner.
        member = tarfile.TarInfo(name)
        member.size = len(content)
        offset = self._tar.offset + HEADER
        self._tar.addfile(member, io.BytesIO(content))
        return f"{self._count - 1:05d}.tar", offset

    def close(self) -> None:
        """Ends the current shard and waits for the disk."""
        tar, file = self._tar, self._file
        self._tar = self._file = None
        if tar is not None and file is not None:
            with file:
                tar.close()
                file.flush()
                os.fsync(file.fileno())

    def abandon(self) -> None:
        """Closes the file without its end, after an error."""
        if self._file is not None:
            # Closing flushes, which may fail on a full disk; the file goes anyway.
            try:
                self._file.close()
            except OSError:
                self._file = None
