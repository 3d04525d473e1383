"""The entry: steps skip what is unchanged, repair what is damaged, and say the remedy."""

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path

import pytest

from headgate_pipelines.convert import artefacts, main

STEPS = [step.label for step in main.STEPS]


def outcomes(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Label -> "written" or "unchanged", from the progress lines."""
    lines = [line.split("] ", 1)[1].rsplit(": ", 1) for line in capsys.readouterr().out.splitlines()]
    return {label: outcome.split()[0] for label, outcome in lines}


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A separate root in which setup has run."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_a_second_run_changes_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert main.main(["--root", str(copy)]) == 0
    assert outcomes(capsys) == dict.fromkeys(STEPS, "unchanged")
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_a_damaged_model_is_made_again(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copy / "models/efficientnet-lite0/1/model.onnx"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1])
    assert main.main(["--root", str(copy)]) == 0
    assert outcomes(capsys) == dict.fromkeys(STEPS, "unchanged") | {STEPS[2]: "written"}
    assert model.read_bytes() == whole


def test_a_missing_photo_is_copied_again(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "samples/chelsea.png").unlink()
    assert main.main(["--root", str(copy)]) == 0
    assert outcomes(capsys) == dict.fromkeys(STEPS, "unchanged") | {STEPS[0]: "written"}


def test_other_inputs_count_as_changed(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy / "models/efficientnet-lite0/1"
    assert artefacts.is_current(folder, artefacts.inputs_digest())
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.0.0")
    assert not artefacts.is_current(folder, artefacts.inputs_digest())


def test_a_missing_package_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main.main(["--root", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "skimage is not installed" in error
    assert "remedy: delete .venv and run npm start" in error


def test_a_failed_publication_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "1"
    artefacts.publish(target, {"model.onnx": b"old"}, "a")

    def full(_self: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        artefacts.publish(target, {"model.onnx": b"new"}, "b")
    assert (target / "model.onnx").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
