"""Refused images: `<reason>/<number>-<name>`, and beside each a JSON file that says why."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

REASONS = {
    "unreadable": "cannot be decoded in full",
    "format": "another format than params.yaml allows",
    "size": "too small or too large",
    "duplicate": "the same picture as another one with the same label",
    "label_conflict": "two labels for one picture",
    "unknown_label": "a label outside the set",
    "no_label": "no label",
    "missing": "named, but not there",
    "damaged": "another digest than its manifest says",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One refused image."""

    source: str
    label: str
    reason: str
    detail: str
    file: str
    """Its copy under the quarantine folder; empty: there are no bytes, or too many."""
    twin: str = ""
    """Source of the image that it repeats or contradicts."""


class Quarantine:
    """Writes refused images below a folder and keeps the list of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.rejected: list[Rejected] = []

    def add(self, source: str, label: str, reason: str, detail: str, content: bytes | None, twin: str = "") -> None:
        """Copies the image, if there is one, and writes its sidecar."""
        folder = self._folder / reason
        folder.mkdir(exist_ok=True)
        # A name in the source may be anything; the number makes it unique.
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", source)[-80:]
        name = f"{len(self.rejected):06d}-{plain}"
        if content is not None:
            (folder / name).write_bytes(content)
        one = Rejected(source, label, reason, detail, f"{reason}/{name}" if content is not None else "", twin)
        (folder / f"{name}.json").write_text(json.dumps(asdict(one), ensure_ascii=False, indent=2) + "\n", "utf-8")
        self.rejected.append(one)
