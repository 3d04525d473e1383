"""Which code made a version."""

import hashlib
import subprocess  # nosec B404
from pathlib import Path

WITHIN_S = 10
PACKAGE = Path(__file__).parents[1]


def code_revision(folder: Path = PACKAGE) -> str:
    """Git's commit of the checkout, with `-dirty` after local changes; without Git, as in an image, a digest."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)  # noqa: S603 # nosec B603
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is not None and done.returncode == 0:
        return done.stdout.strip()
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"
