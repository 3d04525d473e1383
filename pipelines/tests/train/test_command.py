from pathlib import Path

import pytest

from headgate_pipelines.cli import main
from headgate_pipelines.engine import load
from headgate_pipelines.lock import only_one
from headgate_pipelines.workspace import Workspace
from tests.train.pictures import BARS, SETTINGS, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label in BARS:
        (tmp_path / "My bars" / label).mkdir(parents=True)
        for number in range(15):
            image = picture(label, 1000 * BARS.index(label) + number)
            (tmp_path / "My bars" / label / f"{number}.png").write_bytes(image)
    return tmp_path / "My bars"


def test_trains_on_a_plain_folder_without_a_workspace(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["train", "--data", "My bars"]) == 0
    assert load(Path("workspace/version"), SETTINGS).compared == len(BARS)
    assert main(["train", "--data", "My bars"]) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert main(["train", "--data", "elsewhere"]) == 2
    assert "name another --workspace" in capsys.readouterr().err


def test_refuses_to_train_while_another_command_works_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(folder.parent / "workspace")
    with only_one(workspace, "ingest"):
        assert main(["train", "--data", str(folder), "--workspace", str(workspace.root)]) == 3
    assert "ingest (process" in capsys.readouterr().err
    assert not workspace.version.exists()
