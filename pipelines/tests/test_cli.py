"""The entry of every command."""

import argparse
import errno
from pathlib import Path

import pytest

from headgate_pipelines import cli
from headgate_pipelines.errors import PipelineError, Unavailable
from headgate_pipelines.params import read_params


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in cli.COMMANDS)


def test_an_unknown_command_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trian"]) == 1
    assert "usage" in capsys.readouterr().err


def test_an_error_prints_its_remedy_and_ends_with_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ingest", "--workspace", str(tmp_path)]) == PipelineError.exit_code
    assert "remedy: headgate-pipelines init" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("model: digits\nsource: x\ntrian: {}\n", "trian"),
        ("model: ../x\nsource: x\n", "model"),
        ("model: digits\nsource: x\ningest: {holdout_share: 2}\n", "holdout_share"),
        ("model: [", "no YAML"),
        ("model: digits\nsource: x\ndrift: {min_samples: 500, max_samples: 100}\n", "at most max_samples"),
    ],
)
def test_wrong_parameters_are_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    with pytest.raises(PipelineError, match=named):
        read_params(tmp_path / "params.yaml")


def test_commands_get_an_absolute_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    seen: list[Path] = []

    def keep(args: argparse.Namespace) -> int:
        seen.append(args.workspace)
        return 0

    monkeypatch.setattr("headgate_pipelines.data.command.run", keep)
    assert cli.main(["ingest", "--workspace", "digits"]) == 0
    assert seen == [tmp_path / "digits"]


def test_a_full_disk_is_told_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "model.onnx")

    monkeypatch.setattr("headgate_pipelines.data.command.run", fill)
    assert cli.main(["ingest", "--workspace", str(tmp_path)]) == Unavailable.exit_code
    assert "No space left on device: 'model.onnx'" in capsys.readouterr().err
