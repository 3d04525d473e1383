"""Drift asks for retraining once per cooldown."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from headgate_pipelines.errors import PipelineError
from headgate_pipelines.files import write
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
    """Asks for retraining by `.state/retrain`, which the DAG removes, and starts the cooldown."""
    write(workspace.state / "retrain", trigger.why + "\n")
    write(_path(workspace), json.dumps(asdict(trigger), indent=2) + "\n")


def _path(workspace: Workspace) -> Path:
    return workspace.state / "drift-trigger.json"
