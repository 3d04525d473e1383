"""One command at a time per workspace: `ingest` replaces the data that `train` reads."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from headgate_pipelines.errors import Unavailable
from headgate_pipelines.workspace import Workspace


@contextmanager
def only_one(workspace: Workspace, command: str) -> Iterator[None]:
    """Holds the workspace's lock while `command` works. The system frees it when the process ends, however it ends.

    Raises:
        Unavailable: another command holds it; the message names that command and its process.
    """
    workspace.state.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(workspace.state / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode() or "another command"
            raise Unavailable(f"{holder} works on {workspace.root} already", "start again when it has ended") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{command} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)
