"""The page that shows what was refused."""

import re
from pathlib import Path

import pytest

from headgate_pipelines.data.ingest import ingest
from headgate_pipelines.data.report import SHOWN
from headgate_pipelines.page import thumbnail
from headgate_pipelines.workspace import Workspace
from tests.data.pictures import params_of, picture, write_classes
from tests.data.test_inspect import png_that_claims


def page(tmp_path: Path, **rules: object) -> str:
    workspace = Workspace(tmp_path / "workspace")
    ingest(workspace, params_of(str(tmp_path / "source"), max_refused_share=0.9, **rules))
    return (workspace.reports / "ingest.html").read_text("utf-8")


def test_shows_each_refused_picture_beside_the_one_that_it_repeats(tmp_path: Path) -> None:
    write_classes(tmp_path / "source")
    (tmp_path / "source" / "class0" / "again.png").write_bytes(picture(0))
    (tmp_path / "source" / "class1" / "wrong.png").write_bytes(picture(1))
    text = page(tmp_path)
    cards = re.findall(r'<div class="card photo">(.*?)</div>', text, re.DOTALL)
    names = [re.findall(r"<strong>(.*?)</strong>", card) for card in cards]
    assert names == [
        ["class0/again.png", "class0/000.png"],
        ["class1/wrong.png", "class0/001.png"],
        ["class0/001.png", "class1/wrong.png"],
    ]
    assert all(card.count("data:image/jpeg;base64,") == 2 for card in cards)


def test_shows_groups_that_look_alike(tmp_path: Path) -> None:
    write_classes(tmp_path / "source")
    (tmp_path / "source" / "class1" / "larger.png").write_bytes(picture(0, side=64))
    text = page(tmp_path, near_duplicate_bits=6)
    [group] = re.findall(r'<div class="card row">(.*?)</div>', text, re.DOTALL)
    assert re.findall(r"<strong>(.*?)</strong>", group) == ["class0/000.png", "class1/larger.png"]
    sides = re.findall(r"class\d, (\w+)<", group)
    assert sides[0] == sides[1]


def test_is_one_file_that_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    write_classes(tmp_path / "source")
    (tmp_path / "source" / "class0" / "<script>alert(1)<").write_text("no image")
    text = page(tmp_path)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)


def test_stays_small_when_much_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "source")
    for number in range(100):
        (tmp_path / "source" / "class0" / f"x{number}.png").write_text("no image")
    text = page(tmp_path)
    assert text.count("no picture") == SHOWN
    assert "unreadable (100)" in text


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_draws_no_picture_of_a_bomb() -> None:
    assert thumbnail(png_that_claims(30_000, 30_000), 96) == ""
    assert thumbnail(png_that_claims(9_000, 9_000), 96) == ""
    assert thumbnail(picture(1), 96) != ""
