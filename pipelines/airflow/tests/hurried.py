"""DAGs that the tests with a real scheduler do not have to wait for. Copied beside headgate_dags.py."""

import os
from datetime import timedelta
from pathlib import Path

from headgate.ingest import ingest
from headgate.retrain import retrain
from headgate.workspace import Pace

SOON = Pace(retry_delay=timedelta(seconds=1), approval_poll=timedelta(seconds=1))
WORKSPACES = Path(os.environ["HEADGATE_WORKSPACES"]) / "hurried"

# Airflow imports only files with "airflow" and "dag" in their text.
retrain(WORKSPACES / "signs", SOON)
ingest(WORKSPACES / "faces", SOON)
