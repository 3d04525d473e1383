"""The folder that `headgate captures export --out` writes: images that users sent, labelled by their feedback."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headgate_pipelines.data.sources import Entry
from headgate_pipelines.errors import Refused


class CapturesSource:
    """manifest.jsonl and images/. Feedback has a label, or the class's number, which needs the labels in order."""

    def __init__(self, root: Path, labels: Sequence[str]) -> None:
        self._root = root
        self._labels = labels

    def entries(self) -> list[Entry]:
        try:
            lines = (self._root / "manifest.jsonl").read_text("utf-8").splitlines()
            return sorted((self._entry(json.loads(line)) for line in lines), key=lambda entry: entry.path)
        except OSError as error:
            raise Refused(
                f"{self._root} is no export of captures", "headgate captures export --out DIR writes one"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{self._root}/manifest.jsonl is damaged: {error}", "export the captures again") from error

    def _entry(self, line: dict[str, Any]) -> Entry:
        path, label, class_id = str(line["image"]), line["label"], line["class_id"]
        by_number = self._labels[class_id] if class_id is not None and 0 <= class_id < len(self._labels) else None
        size, reason, detail = 0, "", ""
        file = (self._root / path).resolve()
        if not file.is_relative_to(self._root.resolve()) or not file.is_file():
            reason, detail = "missing", "no such file in the export"
        else:
            size = file.stat().st_size
        if not reason and label is not None and by_number is not None and label != by_number:
            reason, detail = "label_conflict", f"feedback says {label} and class {class_id}, which is {by_number}"
        answer = label or by_number
        if not reason and not answer:
            reason, detail = "no_label", f"feedback gives class {class_id}, and params.yaml has no label for it"
        return Entry(path, answer or "", size, line["sha256"], reason, detail, line["sha256"])

    def read(self, entry: Entry) -> bytes:
        return (self._root / entry.path).read_bytes()
