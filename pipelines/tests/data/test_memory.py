"""`ingest` streams: its memory does not grow with the set. bench/ingest.py measures real photos."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.data.sources import Entry
from headgate_pipelines.workspace import Workspace
from tests.data.pictures import params_of, picture

FILE_BYTES = 2_000_000


class PaddedPictures:
    """Small pictures in large files: decoders ignore what follows the end of a PNG."""

    def __init__(self, total_bytes: int) -> None:
        self._count = total_bytes // FILE_BYTES

    def entries(self) -> list[Entry]:
        return [Entry(f"{n % 2}/{n}.png", str(n % 2), FILE_BYTES, "") for n in range(self._count)]

    def read(self, entry: Entry) -> bytes:
        return picture(int(Path(entry.path).stem)).ljust(FILE_BYTES, b"\0")


def main(total_bytes: int) -> None:
    """Prints the peak of the resident memory, bytes.

    Not `ru_maxrss`: a process inherits that of the one that started it.
    """
    with tempfile.TemporaryDirectory() as folder:
        ingest(Workspace(Path(folder)), params_of("made"), PaddedPictures(total_bytes))
    status = Path("/proc/self/status").read_text("utf-8")
    print(int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024)


def test_half_a_gigabyte_needs_no_more_memory_than_a_few_images() -> None:
    command = [sys.executable, "-m", "tests.data.test_memory", "500_000_000"]
    ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 400_000_000


if __name__ == "__main__":
    main(int(sys.argv[1]))
