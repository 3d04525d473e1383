"""Looks at every image of a source once: packs the good ones into shards, puts the others into quarantine."""

import hashlib
import os
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from headgate_pipelines.data.inspect import MAX_BYTES, Inspected, Unfit, inspect
from headgate_pipelines.data.quarantine import Quarantine
from headgate_pipelines.data.shards import ShardWriter
from headgate_pipelines.data.sources import Entry, Source
from headgate_pipelines.parallel import in_order
from headgate_pipelines.params import Ingest
from headgate_pipelines.progress import with_progress

WORKERS = min(4, os.cpu_count() or 1)
"""Pillow and hashlib work in parallel in threads. Each holds one decoded image, of at most 240 MB."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A good image and where it is packed."""

    label: str
    source: str
    about: Inspected
    shard: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Examined:
    entry: Entry
    content: bytes | None
    about: Inspected | None
    reason: str = ""
    detail: str = ""


def examine_images(
    source: Source, entries: list[Entry], rules: Ingest, shards: Path, quarantine: Quarantine
) -> list[Accepted]:
    """Returns the good images in the order of `entries`. Holds a few images in memory at a time.

    The first of several equal pictures stays; where their labels differ, none of them does.

    Raises:
        Unavailable: the source does not answer.
    """
    writer = ShardWriter(shards, rules.shard_bytes)
    accepted: list[Accepted] = []
    seen: dict[str, int] = {}
    contradicted: dict[int, Entry] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            examined = in_order(partial(_examine, source, rules), entries, WORKERS)
            for one in with_progress(examined, len(entries), "ingest"):
                entry, content, about = one.entry, one.content, one.about
                if about is None or content is None:
                    quarantine.add(entry.path, entry.label, one.reason, one.detail, content)
                elif about.pixels_sha256 in seen:
                    first = accepted[seen[about.pixels_sha256]]
                    if first.label == entry.label:
                        reason, detail = "duplicate", f"same picture as {first.source}"
                    else:
                        reason, detail = "label_conflict", f"{entry.label} here; {first.label} in {first.source}"
                        contradicted[seen[about.pixels_sha256]] = entry
                    quarantine.add(entry.path, entry.label, reason, detail, content, first.source)
                else:
                    seen[about.pixels_sha256] = len(accepted)
                    shard, offset = writer.add(f"{about.sha256}.{about.extension}", content)
                    accepted.append(Accepted(entry.label, entry.path, about, shard, offset, len(content)))
        writer.close()
    finally:
        writer.abandon()
    for at, other in contradicted.items():
        one_of = accepted[at]
        detail = f"{one_of.label} here; {other.label} in {other.path}"
        # It stays in its shard, which other images follow; the index does not name it.
        quarantine.add(one_of.source, one_of.label, "label_conflict", detail, _read(shards, one_of), other.path)
    return [one for at, one in enumerate(accepted) if at not in contradicted]


def _examine(source: Source, rules: Ingest, entry: Entry) -> _Examined:
    if entry.size > MAX_BYTES:
        return _Examined(entry, None, None, "size", f"{entry.size:,} bytes; at most {MAX_BYTES:,}")
    if entry.reason == "missing":
        return _Examined(entry, None, None, entry.reason, entry.detail)
    try:
        content = source.read(entry)
    except FileNotFoundError:
        return _Examined(entry, None, None, "missing", "it went while ingest ran")
    except OSError as error:
        return _Examined(entry, None, None, "unreadable", error.strerror or str(error))
    if entry.reason:
        return _Examined(entry, content, None, entry.reason, entry.detail)
    if entry.sha256 and hashlib.sha256(content).hexdigest() != entry.sha256:
        return _Examined(entry, content, None, "damaged", f"its digest is not {entry.sha256}")
    if rules.labels and entry.label not in rules.labels:
        return _Examined(entry, content, None, "unknown_label", f"{entry.label} is not in `labels` of params.yaml")
    try:
        return _Examined(entry, content, inspect(content, rules))
    except Unfit as error:
        return _Examined(entry, content, None, error.reason, error.detail)


def _read(shards: Path, one: Accepted) -> bytes:
    with (shards / one.shard).open("rb") as file:
        file.seek(one.offset)
        return file.read(one.size)
