"""Drift asks for retraining once per cooldown."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from headgate_pipelines.errors import PipelineError, Unavailable
from headgate_pipelines.workspace import Workspace

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Trigger:
    """The last one: `.state/drift-trigger.json`."""

    at_ms: int
    version: str
    """The champion that drift was found for."""
    why: str


def is_cooling_down(workspace: Workspace, now_ms: int, cooldown_hours: float) -> bool:
    """Whether the last trigger is younger than the cooldown. One from the future, after a change of the clock, is not.

    Raises:
        PipelineError: the file is not what `remember` writes.
    """
    path = _path(workspace)
    try:
        last = Trigger(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return False
    except (ValueError, TypeError) as error:
        raise PipelineError(f"{path} cannot be read", "delete it: the next drift triggers at once") from error
    return 0 <= now_ms - last.at_ms < cooldown_hours * HOUR_MS


def remember(workspace: Workspace, trigger: Trigger) -> None:
    """Starts the cooldown."""
    write(_path(workspace), json.dumps(asdict(trigger), indent=2) + "\n")


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


def _path(workspace: Workspace) -> Path:
    return workspace.state / "drift-trigger.json"
