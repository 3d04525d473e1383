"""Where the workspaces are, and what the DAGs of all of them have in common."""

import os
from configparser import ConfigParser
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable

from headgate.command import alert


def workspaces() -> list[Path]:
    """Folders with a params.yaml in the folder HEADGATE_WORKSPACES, each named as its model."""
    folder = Path(os.environ.get("HEADGATE_WORKSPACES", "/var/lib/headgate/workspaces"))
    return sorted(file.parent for file in folder.glob("*/params.yaml"))


def has_remote(workspace: Path) -> bool:
    """Whether DVC knows where to push to."""
    config = ConfigParser()
    config.read([workspace / ".dvc/config", workspace / ".dvc/config.local"])
    return config.has_option("core", "remote")


@dataclass(frozen=True)
class Pace:
    """Times of which tests have shorter ones."""

    retry_delay: timedelta = timedelta(minutes=1)
    """Of the first retry; doubled for each further one."""
    approval_poll: timedelta = timedelta(minutes=5)
    approval_wait: timedelta = timedelta(days=3)
    """Shorter than a week: the next weekly run waits for it."""


USUAL = Pace()


def common(workspace: Path, pace: Pace) -> dict[str, Any]:
    """Arguments of each DAG."""
    return {
        "catchup": False,
        "is_paused_upon_creation": False,
        "max_active_runs": 1,
        "tags": ["headgate", workspace.name],
        "default_args": {
            "owner": "headgate",
            "retries": 3,
            "retry_delay": pace.retry_delay,
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(minutes=30),
            "on_failure_callback": alert,
        },
    }


def at(cron: str) -> CronTriggerTimetable:
    """A schedule in UTC. A new DAG waits for its next time: it has no start date to catch up with.

    Airflow takes `run_immediately=False` for "where the last time is at most a tenth of the interval ago".
    """
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))


def drifted(workspace: Path) -> Asset:
    """Changes when the drift check asks for retraining."""
    return Asset(name=f"headgate_drift_{workspace.name}", uri=f"headgate://drift/{workspace.name}")
