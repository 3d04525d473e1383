"""Where labelled images come from: a folder, an S3 prefix, an export of captured images."""

import csv
import io
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from headgate_pipelines.errors import Refused
from headgate_pipelines.params import Params

LABEL_FILE = "labels.csv"
LABEL_FILE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One image that a source names."""

    path: str
    """Relative to the source, with `/`."""
    label: str
    size: int
    """Bytes."""
    stamp: str
    """Changes when the content does: time of the last change, or a digest."""
    reason: str = ""
    """Why the source refuses it, see quarantine.REASONS; empty: it does not."""
    detail: str = ""
    sha256: str = ""
    """What the digest has to be, where the source knows it."""


class Source(Protocol):
    """A list of images, and the bytes of each."""

    def entries(self) -> list[Entry]:
        """All of them, those that it refuses too, in the order of their paths."""

    def read(self, entry: Entry) -> bytes:
        """Content of one image; the caller has checked its size.

        Raises:
            FileNotFoundError: it is gone.
            Unavailable: the source does not answer.
        """


def open_source(params: Params, root: Path) -> Source:
    """The source that params.yaml names.

    Args:
        root: the workspace, which relative paths start from.
    """
    from headgate_pipelines.data.captures import CapturesSource
    from headgate_pipelines.data.s3 import S3Source

    known = frozenset(params.ingest.labels)
    kind, _, export = params.source.partition(":")
    if kind == "captures":
        return CapturesSource(root / export, params.ingest.labels)
    if "://" in params.source:
        return S3Source(params.source, known)
    return FolderSource(root / params.source, known)


class FolderSource:
    """`<label>/.../<file>`, or any files with a labels.csv beside them. Names with a leading dot are no images."""

    def __init__(self, root: Path, known: frozenset[str]) -> None:
        self._root = root
        self._known = known

    def entries(self) -> list[Entry]:
        if not self._root.is_dir():
            raise Refused(f"source {self._root} is no folder", "correct `source` in params.yaml")
        files = {path: _measure(self._root / path) for path in _walk(self._root)}
        label_file = files.pop(LABEL_FILE, None)
        text = (self._root / LABEL_FILE).read_bytes() if label_file else b""
        return label_entries(files, read_label_file(text), self._known)

    def read(self, entry: Entry) -> bytes:
        return (self._root / entry.path).read_bytes()


def _walk(root: Path) -> Iterator[str]:
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if not path.is_dir() and not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix()


def _measure(path: Path) -> tuple[int, str]:
    """(size, stamp); size -1 where there is no regular file behind the name: a dead link, a pipe."""
    try:
        about = path.stat()
    except OSError:
        return -1, ""
    return (about.st_size, str(about.st_mtime_ns)) if stat.S_ISREG(about.st_mode) else (-1, "")


def read_label_file(content: bytes) -> dict[str, set[str]]:
    """Labels by path; more than one where the file contradicts itself.

    Args:
        content: CSV with the columns `path` and `label`; empty: there is no file.
    """
    labels: dict[str, set[str]] = {}
    if not content:
        return labels
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if not {"path", "label"} <= set(rows.fieldnames or ()):
            raise Refused(f"{LABEL_FILE} lacks the columns path,label", "give it this first line: path,label")
        for row in rows:
            if not row["path"] or not row["label"]:
                raise Refused(f"{LABEL_FILE}, line {rows.line_num}: no path or no label", "complete the line")
            labels.setdefault(PurePosixPath(row["path"].strip()).as_posix(), set()).add(row["label"].strip())
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{LABEL_FILE} is no CSV in UTF-8: {error}", "write it again") from error
    return labels


def label_entries(
    files: Mapping[str, tuple[int, str]], listed: Mapping[str, set[str]], known: Iterable[str]
) -> list[Entry]:
    """An entry for each file and for each line of the label file.

    The folder of a file is its label where there is no label file; else where it is one of the known labels, or one
    that the label file uses.
    """
    labels = frozenset(known) | {label for several in listed.values() for label in several}
    entries = []
    for path in sorted(files.keys() | listed.keys()):
        size, stamp = files.get(path, (-1, ""))
        folder = path.partition("/")[0] if "/" in path else ""
        said = listed.get(path, set())
        by_folder = {folder} if folder and (not listed or folder in labels) else set()
        answers = sorted(said | by_folder)
        label = answers[0] if len(answers) == 1 else ""
        reason, detail = "", ""
        if size < 0:
            reason, detail = "missing", "no such file" if path not in files else "not a regular file"
        elif len(answers) > 1:
            where = f"{LABEL_FILE} says {' and '.join(sorted(said))}"
            reason, detail = "label_conflict", where + (f", the folder says {folder}" if by_folder - said else "")
        elif not answers:
            reason, detail = "no_label", f"no folder and no line of {LABEL_FILE} gives its label"
            if folder and listed:
                detail = f"no line of {LABEL_FILE} names it, and {folder} is no label there nor in params.yaml"
        entries.append(Entry(path, label, max(size, 0), stamp, reason, detail))
    return entries
