"""reports/ingest.html: what was refused and why, with pictures; classes; images that look alike. One file."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate_pipelines.data.index import Item, read_images
from headgate_pipelines.data.quarantine import REASONS, Rejected
from headgate_pipelines.page import render, thumbnail

SHOWN = 24
"""Pictures of one reason: the page stays below about two megabytes."""
GROUPS_SHOWN = 12
MEMBERS_SHOWN = 6
SIDE = 96
"""Pixels of a thumbnail."""


@dataclass(frozen=True)
class IngestRun:
    """One run over a source."""

    model: str
    source: str
    items: Sequence[Item]
    groups: Sequence[int]
    """Of each item; equal where two look alike."""
    labels: Sequence[str]
    rejected: Sequence[Rejected]
    problems: Sequence[str]
    """Why the set as a whole is refused; empty: it is not."""


@dataclass(frozen=True)
class Picture:
    """A thumbnail as a data URL, empty where there is none, and what stands below it."""

    url: str
    title: str
    text: str = ""


def write_report(path: Path, run: IngestRun, data: Path, quarantine: Path) -> None:
    """Writes the page.

    Args:
        data: where the shards of `run.items` are.
        quarantine: where the files of `run.rejected` are.
    """
    counts = Counter((item.label, item.split) for item in run.items)
    classes = [(label, counts[label, "train"], counts[label, "holdout"]) for label in run.labels]
    of_reason: dict[str, list[Rejected]] = defaultdict(list)
    for one in run.rejected:
        of_reason[one.reason].append(one)
    refused = [
        (reason, what, len(of_reason[reason]), _cards(of_reason[reason][:SHOWN], run, data, quarantine))
        for reason, what in REASONS.items()
        if of_reason[reason]
    ]
    groups = _alike(run)
    text = render(
        "data/report.html.j2",
        run=run,
        held_out=sum(item.split == "holdout" for item in run.items),
        classes=classes,
        largest=max((train + held for _, train, held in classes), default=1) or 1,
        refused=refused,
        alike=[_pictures(members[:MEMBERS_SHOWN], data) for members in groups[:GROUPS_SHOWN]],
        alike_count=len(groups),
    )
    path.write_text(text, "utf-8")


def _cards(rejected: Sequence[Rejected], run: IngestRun, data: Path, quarantine: Path) -> list[list[Picture]]:
    """The refused image, and beside it the one that it repeats or contradicts."""
    by_source = {item.source: item for item in run.items}
    file_of = {one.source: one for one in run.rejected}
    cards = []
    for one in rejected:
        card = [_refused(one, quarantine)]
        if one.twin in by_source:
            card += _pictures([by_source[one.twin]], data)
        elif one.twin in file_of:
            card.append(_refused(file_of[one.twin], quarantine))
        cards.append(card)
    return cards


def _refused(one: Rejected, quarantine: Path) -> Picture:
    url = thumbnail((quarantine / one.file).read_bytes(), SIDE) if one.file else ""
    return Picture(url, one.source, one.detail)


def _pictures(items: Iterable[Item], data: Path) -> list[Picture]:
    return [
        Picture(thumbnail(content, SIDE), item.source, f"{item.label}, {item.split}")
        for item, content in read_images(data, items)
    ]


def _alike(run: IngestRun) -> list[list[Item]]:
    """Groups of images that look alike: first those with more than one label, then the largest."""
    members: dict[int, list[Item]] = defaultdict(list)
    for item, group in zip(run.items, run.groups, strict=True):
        members[group].append(item)
    several = [group for group in members.values() if len(group) > 1]
    return sorted(several, key=lambda group: (len({item.label for item in group}) == 1, -len(group)))
