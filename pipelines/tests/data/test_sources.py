"""Folder, label file and export of captures: which label each image has, and which images are refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from headgate_pipelines.data.captures import CapturesSource
from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.data.sources import Entry, FolderSource, open_source
from headgate_pipelines.errors import Refused
from headgate_pipelines.workspace import Workspace
from tests.data.pictures import params_of, picture, write_classes


def fill(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(picture(number))
    return root


def answers(entries: list[Entry]) -> dict[str, tuple[str, str]]:
    return {entry.path: (entry.label, entry.reason) for entry in entries}


def test_the_first_folder_is_the_label(tmp_path: Path) -> None:
    fill(tmp_path, "cat/a.png", "cat/deeper/b.png", "dog/c.png", "dog/.DS_Store", ".hidden/d.png", "e.png")
    assert answers(FolderSource(tmp_path, frozenset()).entries()) == {
        "cat/a.png": ("cat", ""),
        "cat/deeper/b.png": ("cat", ""),
        "dog/c.png": ("dog", ""),
        "e.png": ("", "no_label"),
    }


def test_a_label_file_labels_images_in_any_folder(tmp_path: Path) -> None:
    fill(tmp_path, "images/a.png", "images/b.png", "images/c.png", "cat/d.png")
    (tmp_path / "labels.csv").write_text(
        'path,label,who\nimages/a.png,cat,me\n"./images/b.png",dog,you\ngone.png,dog,me\n'
    )
    assert answers(FolderSource(tmp_path, frozenset()).entries()) == {
        "images/a.png": ("cat", ""),
        "images/b.png": ("dog", ""),
        "images/c.png": ("", "no_label"),
        "cat/d.png": ("cat", ""),
        "gone.png": ("dog", "missing"),
    }


def test_a_label_file_that_contradicts_the_folder_is_refused_image_by_image(tmp_path: Path) -> None:
    fill(tmp_path, "cat/a.png", "cat/b.png", "images/c.png")
    (tmp_path / "labels.csv").write_text(
        "path,label\ncat/a.png,dog\ncat/b.png,cat\nimages/c.png,cat\nimages/c.png,dog\n"
    )
    entries = {entry.path: entry for entry in FolderSource(tmp_path, frozenset()).entries()}
    assert entries["cat/a.png"].detail == "labels.csv says dog, the folder says cat"
    assert entries["images/c.png"].detail == "labels.csv says cat and dog"
    assert {path: entry.reason for path, entry in entries.items()} == {
        "cat/a.png": "label_conflict",
        "cat/b.png": "",
        "images/c.png": "label_conflict",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file,class\na.png,cat\n", "lacks the columns path,label"),
        (b"path,label\na.png,\n", "line 2: no path or no label"),
        (b"path,label\na.png\n", "line 2: no path or no label"),
        (b'path,label\n"a.png,cat\n', "is no CSV"),
        (b"path,label\n\xff\xfe,cat\n", "is no CSV in UTF-8"),
    ],
)
def test_a_label_file_that_cannot_be_understood_stops_the_run(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(Refused, match=words):
        FolderSource(tmp_path, frozenset()).entries()


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is no folder"):
        open_source(params_of("nowhere"), tmp_path).entries()
    with pytest.raises(Refused, match="is no export of captures"):
        open_source(params_of("captures:nowhere"), tmp_path).entries()


def test_a_folder_may_have_a_colon_in_its_name(tmp_path: Path) -> None:
    fill(tmp_path / "run:1", "cat/a.png")
    assert answers(open_source(params_of("run:1"), tmp_path).entries()) == {"cat/a.png": ("cat", "")}


def export(root: Path, lines: list[dict[str, Any]]) -> Path:
    """As control/src/cli/captures/dataset.ts writes it."""
    (root / "images").mkdir(parents=True)
    about = {"class_id": None, "label": None, "model": "shapes", "version": "1", "predicted_label": "cat"}
    text = ""
    for number, line in enumerate(lines):
        content = picture(number)
        digest = hashlib.sha256(content).hexdigest()
        image = f"images/{digest}.png"
        (root / image).write_bytes(content)
        text += json.dumps({"image": image, "sha256": digest} | about | line) + "\n"
    (root / "manifest.jsonl").write_text(text)
    return root


def test_feedback_labels_captured_images(tmp_path: Path) -> None:
    root = export(
        tmp_path / "export",
        [
            {"label": "cat"},
            {"class_id": 1},
            {"label": "cat", "class_id": 0},
            {"label": "cat", "class_id": 1},
            {"class_id": 9},
            {"label": "cat", "image": "../outside.png"},
        ],
    )
    (tmp_path / "outside.png").write_bytes(picture(5))
    entries = CapturesSource(root, ["cat", "dog"]).entries()
    assert sorted((entry.label, entry.reason) for entry in entries) == [
        ("", "no_label"),
        ("cat", ""),
        ("cat", ""),
        ("cat", "label_conflict"),
        ("cat", "missing"),
        ("dog", ""),
    ]


def test_a_captured_image_with_another_digest_is_damaged(tmp_path: Path) -> None:
    lines = [{"label": f"class{number % 2}"} for number in range(30)]
    root = export(tmp_path / "export", lines)
    first = sorted((root / "images").iterdir())[0]
    first.write_bytes(picture(400))
    workspace = Workspace(tmp_path / "workspace")
    assert ingest(workspace, params_of(f"captures:{root}")).startswith("29 images of 2 classes")
    assert [path.name for path in workspace.quarantine.iterdir()] == ["damaged"]


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"image": "a.png"}\n')
    with pytest.raises(Refused, match=r"manifest\.jsonl is damaged"):
        CapturesSource(tmp_path, []).entries()


def test_an_image_that_goes_while_ingest_runs_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path / "source")
    read = FolderSource.read

    def read_later(source: FolderSource, entry: Entry) -> bytes:
        if entry.path == "class0/003.png":
            (tmp_path / "source" / entry.path).unlink()
        return read(source, entry)

    monkeypatch.setattr(FolderSource, "read", read_later)
    workspace = Workspace(tmp_path / "workspace")
    assert ingest(workspace, params_of(str(tmp_path / "source"))).startswith("23 images")
    assert [path.name for path in workspace.quarantine.iterdir()] == ["missing"]
