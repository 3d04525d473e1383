"""Which code made a version."""

import subprocess  # nosec B404
from importlib.metadata import version
from pathlib import Path

WITHIN_S = 10


def code_revision(folder: Path = Path(__file__).parent) -> str:
    """Git's commit of the checkout, with `-dirty` after local changes; without Git the version of the package."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)  # noqa: S603 # nosec B603
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is not None and done.returncode == 0:
        return done.stdout.strip()
    return f"headgate-pipelines {version('headgate-pipelines')}"
