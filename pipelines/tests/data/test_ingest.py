"""`ingest` as a whole: what it packs, refuses and leaves alone."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from headgate_pipelines import cli
from headgate_pipelines.data import ingest as module
from headgate_pipelines.data.index import read_images, read_index, read_labels
from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.data.init import params_text
from headgate_pipelines.errors import Refused, Unavailable
from headgate_pipelines.lock import only_one
from headgate_pipelines.workspace import Workspace
from tests.data.pictures import params_of, picture, write_classes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_classes(tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sidecars(workspace: Workspace) -> list[dict[str, str]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(workspace.quarantine.rglob("*.json"))]


def test_packs_each_image_and_names_where_it_is(source: Path, workspace: Workspace) -> None:
    said = ingest(workspace, params_of(str(source)))
    items = read_index(workspace.data)
    assert read_labels(workspace.data) == ["class0", "class1"]
    assert said.startswith("24 images of 2 classes")
    for item, content in read_images(workspace.data, items):
        assert content == (source / item.source).read_bytes()
        assert item.source.startswith(f"{item.label}/")
    with tarfile.open(workspace.data / "shards" / "00000.tar") as shard:
        assert [member.name for member in shard] == [f"{item.sha256}.png" for item in items]


def test_begins_a_shard_when_one_is_large_enough(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(24):
        path = tmp_path / "large" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = os.urandom(200 * 200 * 3)
        Image.frombytes("RGB", (200, 200), noise).save(path)
    ingest(workspace, params_of(str(tmp_path / "large"), shard_bytes=1_000_000))
    assert Counter(item.shard for item in read_index(workspace.data)).most_common() == [
        ("00000.tar", 9),
        ("00001.tar", 9),
        ("00002.tar", 6),
    ]


def test_quarantines_each_bad_image_with_its_reason(source: Path, workspace: Workspace) -> None:
    good = picture(0)
    (source / "class0" / "text.png").write_text("no image")
    (source / "class0" / "half.png").write_bytes(picture(77)[:-200])
    (source / "class0" / "small.png").write_bytes(picture(78, side=4))
    (source / "class0" / "animation.png").write_bytes(picture(79, kind="GIF"))
    (source / "class0" / "zz-again.png").write_bytes(good)
    (source / "class1" / "zz-other-label.png").write_bytes(picture(1))
    (source / "stray.png").write_bytes(picture(80))
    (source / "class0" / "pipe").symlink_to("/nowhere")
    params = params_of(str(source), max_refused_share=0.5)
    ingest(workspace, params)
    found = {(one["source"], one["reason"]) for one in sidecars(workspace)}
    assert found == {
        ("class0/text.png", "unreadable"),
        ("class0/half.png", "unreadable"),
        ("class0/small.png", "size"),
        ("class0/animation.png", "format"),
        ("class0/zz-again.png", "duplicate"),
        ("class1/zz-other-label.png", "label_conflict"),
        ("class0/001.png", "label_conflict"),
        ("stray.png", "no_label"),
        ("class0/pipe", "missing"),
    }
    assert len(read_index(workspace.data)) + len(found) == 24 + 8
    for one in sidecars(workspace):
        if one["file"]:
            assert (workspace.quarantine / one["file"]).read_bytes() == (source / one["source"]).read_bytes()


def test_a_label_outside_the_closed_set_is_quarantined(source: Path, workspace: Workspace) -> None:
    (source / "class7").mkdir()
    (source / "class7" / "a.png").write_bytes(picture(99))
    ingest(workspace, params_of(str(source), labels=["class1", "class0"]))
    assert [(one["reason"], one["label"]) for one in sidecars(workspace)] == [("unknown_label", "class7")]
    assert read_labels(workspace.data) == ["class1", "class0"]


def empty(source: Path) -> None:
    for label in ("class0", "class1"):
        shutil.rmtree(source / label)


def make_one_class_large(source: Path) -> None:
    write_classes(source, classes=1, each=250)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda source: shutil.rmtree(source / "class1"), "at least two classes"),
        (lambda source: [path.unlink() for path in (source / "class1").glob("00*.png")], r"class1 \(2\)"),
        (
            lambda source: [(source / "class0" / f"x{n}").write_text("x") for n in range(9)],
            "9 of 33 images are refused",
        ),
        (make_one_class_large, "at most 20 times as many"),
        (empty, "has no images"),
    ],
)
def test_refuses_a_bad_set_and_leaves_the_data(
    spoil: Callable[[Path], object], words: str, source: Path, workspace: Workspace
) -> None:
    ingest(workspace, params_of(str(source)))
    before = content_of(workspace.data)
    spoil(source)
    with pytest.raises(Refused, match=words):
        ingest(workspace, params_of(str(source)))
    assert content_of(workspace.data) == before
    assert not (workspace.state / "ingest").exists()


def test_a_refused_run_shows_what_was_wrong(source: Path, workspace: Workspace) -> None:
    for number in range(9):
        (source / "class0" / f"x{number}.png").write_text("no image")
    with pytest.raises(Refused):
        ingest(workspace, params_of(str(source)))
    assert not workspace.data.exists()
    assert len(sidecars(workspace)) == 9
    assert "9 of 33 images are refused" in (workspace.reports / "ingest.html").read_text("utf-8")


def test_does_nothing_where_nothing_changed(source: Path, workspace: Workspace) -> None:
    params = params_of(str(source))
    ingest(workspace, params)
    assert ingest(workspace, params).startswith("nothing changed")
    (source / "class0" / "000.png").write_bytes(picture(500))
    assert ingest(workspace, params).startswith("24 images")
    shutil.rmtree(workspace.data)
    assert ingest(workspace, params).startswith("24 images")
    assert ingest(workspace, params_of(str(source), min_per_class=11)).startswith("24 images")


def test_new_images_leave_sides_and_earlier_shards_as_they_are(source: Path, workspace: Workspace) -> None:
    params = params_of(str(source))
    ingest(workspace, params)
    first = read_index(workspace.data)
    # Their names come before all others.
    for number in range(30):
        (source / "class0" / f"+{number:02d}.png").write_bytes(picture(2000 + number))
    ingest(workspace, params)
    assert read_index(workspace.data)[: len(first)] == first


def test_a_full_disk_leaves_the_data_whole(source: Path, workspace: Workspace) -> None:
    ingest(workspace, params_of(str(source)))
    before = content_of(workspace.data)
    write_classes(source, each=200, first=300)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            ingest(workspace, params_of(str(source)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content_of(workspace.data) == before
    assert not (workspace.state / "ingest").exists()


def test_a_kill_between_the_two_renames_is_repaired(source: Path, workspace: Workspace) -> None:
    ingest(workspace, params_of(str(source)))
    before = content_of(workspace.data)
    made = workspace.state / "ingest"
    made.mkdir()
    workspace.data.rename(made / "data.old")
    assert ingest(workspace, params_of(str(source))).startswith("nothing changed")
    assert content_of(workspace.data) == before


def test_a_rename_that_fails_gives_the_old_data_back(
    source: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(workspace, params_of(str(source)))
    before = content_of(workspace.data)
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path == workspace.state / "ingest" / "data":
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    write_classes(source, each=1, first=90)
    with pytest.raises(OSError, match="no"):
        module.ingest(workspace, params_of(str(source)))
    monkeypatch.undo()
    assert content_of(workspace.data) == before


def test_the_command_exits_with_2_and_says_why(
    source: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(source / "class1")
    workspace.root.mkdir()
    workspace.params.write_text(params_text({"model": "shapes", "source": "../source"}))
    assert cli.main(["ingest", "--workspace", str(workspace.root)]) == 2
    assert "error: at least two classes" in capsys.readouterr().err


def test_a_second_command_is_refused_with_the_process_of_the_first(workspace: Workspace) -> None:
    waits = (
        "import sys; from pathlib import Path; from headgate_pipelines.lock import only_one;"
        "from headgate_pipelines.workspace import Workspace\n"
        "with only_one(Workspace(Path(sys.argv[1])), 'train'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waits, str(workspace.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(Unavailable, match=rf"train \(process {other.pid}\) works on"),
            only_one(workspace, "ingest"),
        ):
            pass
        other.kill()
    with only_one(workspace, "ingest"):
        pass
