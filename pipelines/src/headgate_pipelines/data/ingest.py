"""Source -> good images in shards, with an index; bad ones in quarantine; a report of both."""

import argparse
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

from headgate_pipelines.data.checks import check_table, set_problems
from headgate_pipelines.data.duplicates import group_alike
from headgate_pipelines.data.examine import Accepted, examine_images
from headgate_pipelines.data.index import Item, line_of, read_index
from headgate_pipelines.data.quarantine import REASONS, Quarantine
from headgate_pipelines.data.report import IngestRun, write_report
from headgate_pipelines.data.sources import Entry, Source, open_source
from headgate_pipelines.data.split import split_groups
from headgate_pipelines.errors import Refused
from headgate_pipelines.lock import only_one
from headgate_pipelines.params import Ingest, Params, read_params
from headgate_pipelines.progress import waiting
from headgate_pipelines.workspace import Workspace


def run(given: argparse.Namespace) -> int:
    """Ingests what the source has now."""
    workspace = Workspace(given.workspace)
    params = read_params(workspace.params)
    with only_one(workspace, "ingest"):
        print(ingest(workspace, params))
    return 0


def ingest(workspace: Workspace, params: Params, source: Source | None = None) -> str:
    """Replaces data/, quarantine/ and reports/ingest.html as wholes. Returns what it did, in words.

    Args:
        source: instead of the one that `params` names.

    Raises:
        Refused: the set fails a rule. data/ stays as it is; quarantine and report show why.
        Unavailable: the source does not answer. Nothing changes.
        OSError: the disk is full. Nothing changes.
    """
    made = workspace.state / "ingest"
    _recover(workspace.data, made)
    source = source or open_source(params, workspace.root)
    with waiting(f"ingest: listing {params.source}"):
        entries = source.entries()
    if not entries:
        raise Refused(f"source {params.source} has no images", "correct `source` in params.yaml, or fill it")
    mark = _fingerprint(params, entries)
    if _is_unchanged(workspace, mark):
        return f"nothing changed in {params.source}: {len(entries):,} images as before"
    shutil.rmtree(made, ignore_errors=True)
    try:
        done = _make(made, source, entries, workspace, params)
        _publish(made / "quarantine", workspace.quarantine)
        workspace.reports.mkdir(exist_ok=True)
        (made / "ingest.html").replace(workspace.reports / "ingest.html")
        if done.problems:
            raise Refused("; ".join(done.problems) + _in_words(done), f"see {workspace.reports}/ingest.html")
        _publish(made / "data", workspace.data)
        _remember(workspace, mark)
    finally:
        _recover(workspace.data, made)
        shutil.rmtree(made, ignore_errors=True)
    held_out = sum(item.split == "holdout" for item in done.items)
    return (
        f"{len(done.items):,} images of {len(done.labels)} classes, {held_out:,} held out; "
        f"{len(done.rejected):,} in quarantine{_in_words(done)}"
    )


def _in_words(done: IngestRun) -> str:
    """One line for each reason of a refusal, with an example."""
    first = {one.reason: one for one in reversed(done.rejected)}
    counts = Counter(one.reason for one in done.rejected)
    lines = [
        f"\n  {count:,} {reason}, such as {first[reason].source}: {first[reason].detail or REASONS[reason]}"
        for reason, count in counts.most_common()
    ]
    return "".join(lines)


def _make(made: Path, source: Source, entries: list[Entry], workspace: Workspace, params: Params) -> IngestRun:
    """Writes data/, quarantine/ and ingest.html below `made`."""
    made.mkdir(parents=True)
    before = read_index(workspace.data) if (workspace.data / "index.jsonl").exists() else []
    place = {item.source: at for at, item in enumerate(before)}
    # Images of the last run first, in their order: their shards stay the same, and DVC pushes only new ones.
    entries.sort(key=lambda entry: (place.get(entry.path, len(place)), entry.path))
    quarantine = Quarantine(made / "quarantine")
    accepted = examine_images(source, entries, params.ingest, made / "data" / "shards", quarantine)
    rejected = quarantine.rejected
    with waiting(f"ingest: comparing {len(accepted):,} images"):
        items, groups = _describe(accepted, before, params.ingest)
    labels = list(params.ingest.labels) or sorted({item.label for item in items})
    if len(entries) != len(items) + len(rejected):
        raise AssertionError(f"{len(entries)} images in, {len(items)} + {len(rejected)} out")
    problems = set_problems(params.ingest, items, labels, len(rejected))
    if not problems:
        check_table(params.ingest, items, groups, labels)
    _write(made / "data", items, labels)
    done = IngestRun(params.model, params.source, items, groups, labels, rejected, problems)
    with waiting("ingest: writing the report"):
        write_report(made / "ingest.html", done, made / "data", made / "quarantine")
    return done


def _describe(accepted: list[Accepted], before: list[Item], rules: Ingest) -> tuple[list[Item], list[int]]:
    """The items with their sides, and the group of alike images of each."""
    groups = group_alike([one.about.phash for one in accepted], rules.near_duplicate_bits)
    digests = [one.about.sha256 for one in accepted]
    labels = [one.label for one in accepted]
    sides = split_groups(digests, labels, groups, {item.sha256: item.split for item in before}, rules.holdout_share)
    items = [
        Item(
            sha256=one.about.sha256,
            label=one.label,
            split=side,
            shard=one.shard,
            offset=one.offset,
            size=one.size,
            width=one.about.width,
            height=one.about.height,
            phash=f"{one.about.phash:016x}",
            source=one.source,
        )
        for one, side in zip(accepted, sides, strict=True)
    ]
    return items, groups


def _write(data: Path, items: list[Item], labels: list[str]) -> None:
    for name, lines in (
        ("index.jsonl", map(line_of, items)),
        ("labels.json", [json.dumps(labels, ensure_ascii=False) + "\n"]),
    ):
        with (data / name).open("w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())


def _publish(new: Path, place: Path) -> None:
    """Puts a folder in the place of another one. `_recover` repairs a stop between the two renames."""
    old = new.with_name(f"{new.name}.old")
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _recover(place: Path, made: Path) -> None:
    old = made / f"{place.name}.old"
    if old.exists() and not place.exists():
        old.rename(place)


def _fingerprint(params: Params, entries: list[Entry]) -> str:
    """Equal when a run over these entries would do the same again."""
    digest = hashlib.sha256(f"{params.source}\n{params.ingest.model_dump_json()}\n".encode())
    for entry in entries:
        digest.update(f"{entry!r}\n".encode())
    return digest.hexdigest()


def _is_unchanged(workspace: Workspace, mark: str) -> bool:
    try:
        return bool(json.loads((workspace.state / "ingest.json").read_text("utf-8")) == _state(workspace, mark))
    except (OSError, ValueError):
        return False


def _remember(workspace: Workspace, mark: str) -> None:
    (workspace.state / "ingest.json").write_text(json.dumps(_state(workspace, mark)) + "\n", "utf-8")


def _state(workspace: Workspace, mark: str) -> dict[str, str]:
    index = (workspace.data / "index.jsonl").read_bytes()
    return {"fingerprint": mark, "index_sha256": hashlib.sha256(index).hexdigest()}
