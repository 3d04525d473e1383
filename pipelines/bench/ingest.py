"""Memory and speed of `ingest`: python bench/ingest.py [--gigabytes 10] [--folder DIR]

The photos are made while they are read, so that the disk holds the set once, in the shards. Prints one line of JSON:
the peak of the resident memory, which includes making the photos; seconds; images a second.
"""

import argparse
import io
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.data.sources import Entry
from headgate_pipelines.params import Params
from headgate_pipelines.workspace import Workspace

SIDE = 1024
CLASSES = 10


class MadePhotos:
    """JPEG photos of noise over soft shapes, about 450 kB each. The number of a photo is its seed."""

    def __init__(self, total_bytes: int) -> None:
        size = len(photo(0))
        self.count = max(round(total_bytes / size), 2 * CLASSES)

    def entries(self) -> list[Entry]:
        return [Entry(f"{n % CLASSES}/{n:06d}.jpg", str(n % CLASSES), 1, "") for n in range(self.count)]

    def read(self, entry: Entry) -> bytes:
        return photo(int(Path(entry.path).stem))


def photo(seed: int) -> bytes:
    """An encoded JPEG."""
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(64, 192, (8, 8, 3), dtype=np.uint8)).resize((SIDE, SIDE))
    noise = random.integers(0, 64, (SIDE, SIDE, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.asarray(soft) + noise).save(out, "JPEG", quality=88)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--folder", type=Path, help="where the shards are for the time of the run; default: /tmp")
    given = parser.parse_args()
    source = MadePhotos(round(given.gigabytes * 1e9))
    params = Params.model_validate({"model": "bench", "source": "made", "ingest": {"min_per_class": 2}})
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        workspace = Workspace(Path(folder))
        started = time.monotonic()
        print(ingest(workspace, params, source), file=sys.stderr)
        seconds = time.monotonic() - started
        written = sum(path.stat().st_size for path in (workspace.data / "shards").iterdir())
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {
                "gigabytes": round(written / 1e9, 3),
                "images": source.count,
                "peak_rss_mb": round(peak / 1e6),
                "seconds": round(seconds, 1),
                "images_per_second": round(source.count / seconds, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
