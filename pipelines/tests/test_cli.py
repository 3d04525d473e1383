"""The entry of every command."""

import argparse
import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from headgate_pipelines import cli
from headgate_pipelines.errors import PipelineError, Unavailable
from headgate_pipelines.params import read_params


def workspace(root: Path) -> Path:
    root.mkdir(exist_ok=True)
    (root / "params.yaml").write_text("model: digits\nsource: x\n", "utf-8")
    return root


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in cli.COMMANDS)


def test_an_unknown_command_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trian"]) == 1
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_an_unknown_option_ends_with_1_and_shows_the_options_of_its_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--bogus"]) == PipelineError.exit_code
    assert f"remedy: headgate-pipelines {command} [-h] [--workspace DIR]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train --help", "--shuffle-labels"),
        ("register --bogus", "unrecognized arguments: --bogus"),
        ("evaluate --workspace nowhere", "init makes a workspace"),
        ("train --workspace nowhere", "init makes a workspace"),
        ("stage --workspace .", "TESTER_KEY_FILE is not set"),
        ("drift --workspace .", "MLflow at http://127.0.0.1:9 does not answer"),
    ],
)
def test_what_is_wrong_is_told_before_anything_slow_is_imported(tmp_path: Path, command: str, said: str) -> None:
    workspace(tmp_path)
    (tmp_path / "key").write_text("secret")
    code = (
        "import sys; from headgate_pipelines.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('slow:', sys.modules.keys() & {'mlflow', 'sklearn', 'scipy', 'numpy', 'onnx', 'dvc', 'matplotlib'})"
    )
    env = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "HEADGATE_PIPELINES_ADMIN_KEY_FILE": str(tmp_path / "key")}
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert said in done.stdout + done.stderr
    assert done.stdout.endswith("slow: set()\n")


def test_an_mlflow_that_accepts_and_never_answers_gives_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr("headgate_pipelines.registry.reach.WITHIN_S", 0.2)
        assert cli.main(["register", "--workspace", str(workspace(tmp_path))]) == Unavailable.exit_code
    said = capsys.readouterr().err
    assert "does not answer" in said
    assert "secret" not in said


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
    workspace(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    seen: list[Path] = []

    def keep(args: argparse.Namespace) -> int:
        seen.append(args.workspace)
        return 0

    monkeypatch.setattr("headgate_pipelines.data.ingest.run", keep)
    assert cli.main(["ingest", "--workspace", "digits"]) == 0
    assert seen == [tmp_path / "digits"]


def test_a_full_disk_is_told_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "model.onnx")

    monkeypatch.setattr("headgate_pipelines.data.ingest.run", fill)
    assert cli.main(["ingest", "--workspace", str(workspace(tmp_path))]) == Unavailable.exit_code
    assert "No space left on device: 'model.onnx'" in capsys.readouterr().err
