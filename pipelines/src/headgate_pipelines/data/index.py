"""What `ingest` writes and every later stage reads: shards of images and their index."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "holdout"]


@dataclass(frozen=True)
class Item:
    """One validated image. Its encoded bytes are `size` bytes at `offset` of `data/shards/<shard>`."""

    sha256: str
    label: str
    split: Split
    shard: str
    offset: int
    size: int
    width: int
    height: int
    phash: str
    """Perceptual hash, 16 hex digits."""
    source: str
    """Where it came from, for reports."""


def read_labels(data: Path) -> list[str]:
    """Labels in class order."""
    labels: list[str] = json.loads((data / "labels.json").read_text("utf-8"))
    return labels


def read_index(data: Path, split: Split | None = None) -> list[Item]:
    """Items in the order of the shards; of one split, or all."""
    with (data / "index.jsonl").open(encoding="utf-8") as lines:
        items = [Item(**json.loads(line)) for line in lines]
    return [item for item in items if split is None or item.split == split]


def line_of(item: Item) -> str:
    """One line of index.jsonl."""
    return json.dumps(asdict(item), ensure_ascii=False) + "\n"


def read_images(data: Path, items: Iterable[Item]) -> Iterator[tuple[Item, bytes]]:
    """Each item with its encoded image. Items in index order are read sequentially; one is in memory at a time."""
    name, shard = "", None
    try:
        for item in items:
            if shard is None or item.shard != name:
                if shard is not None:
                    shard.close()
                name, shard = item.shard, (data / "shards" / item.shard).open("rb")
            shard.seek(item.offset)
            yield item, shard.read(item.size)
    finally:
        if shard is not None:
            shard.close()
