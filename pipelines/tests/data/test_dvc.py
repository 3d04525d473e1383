"""The workspace that `init` makes, with real DVC and real Git."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from headgate_pipelines import cli
from headgate_pipelines.data import init
from headgate_pipelines.data.init import source_from
from headgate_pipelines.data.version import data_version
from headgate_pipelines.errors import PipelineError
from headgate_pipelines.params import read_params
from headgate_pipelines.workspace import Workspace
from tests.data.pictures import picture, write_classes
from tests.data.s3_server import BUCKET, S3, s3

__all__ = ["s3"]
pytestmark = pytest.mark.services
BIN = Path(sys.executable).parent
WITHIN_S = 120


def dvc(root: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "dvc"), *arguments],
        cwd=root,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **(env or {})},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )


def make(root: Path, *options: str) -> Workspace:
    source = root.parent / "photos"
    write_classes(source)
    assert cli.main(["init", str(root), "--model", "shapes", "--source", str(source), *options]) == 0
    return Workspace(root)


def locked(workspace: Workspace) -> str:
    lock = yaml.safe_load((workspace.root / "dvc.lock").read_text())
    return str(lock["stages"]["ingest"]["outs"][0]["md5"])


def test_repro_ingests_again_only_what_changed(tmp_path: Path) -> None:
    workspace = make(tmp_path / "workspace")
    # A cheap stage in the place of `train`; the stage `ingest` is the real one.
    stages = yaml.safe_load((workspace.root / "dvc.yaml").read_text())
    stages["stages"]["train"] |= {"cmd": "mkdir version && cp data/labels.json version/"}
    del stages["stages"]["evaluate"]
    (workspace.root / "dvc.yaml").write_text(yaml.safe_dump(stages))
    first = dvc(workspace.root, "repro")
    assert "24 images of 2 classes" in first.stdout, first.stderr
    version = locked(workspace)
    assert version == data_version(workspace)

    again = dvc(workspace.root, "repro")
    assert "nothing changed" in again.stdout
    assert "Stage 'train' didn't change, skipping" in again.stdout
    assert locked(workspace) == version

    (tmp_path / "photos" / "class0" / "new.png").write_bytes(picture(700))
    more = dvc(workspace.root, "repro")
    assert "25 images" in more.stdout
    assert "Running stage 'train'" in more.stdout
    assert locked(workspace) == data_version(workspace) != version

    shutil.rmtree(tmp_path / "photos" / "class1")
    refused = dvc(workspace.root, "repro")
    assert refused.returncode != 0
    assert "at least two classes" in refused.stderr
    assert "Running stage 'train'" not in refused.stdout
    assert locked(workspace) == data_version(workspace)


def test_pushes_to_a_folder_and_to_s3_and_pulls_again(s3: S3, tmp_path: Path) -> None:
    workspace = make(tmp_path / "workspace", "--remote", str(tmp_path / "remote"))
    assert dvc(workspace.root, "repro", "ingest").returncode == 0
    version = data_version(workspace)
    push_and_pull(workspace, {})
    assert data_version(workspace) == version

    config = workspace.root / ".dvc" / "config"
    config.write_text(config.read_text().replace(str(tmp_path / "remote"), f"s3://{BUCKET}/dvc"))
    push_and_pull(workspace, dict(s3.env))
    assert data_version(workspace) == version
    assert list((s3.folder / BUCKET / "dvc").rglob("*.dir"))


def push_and_pull(workspace: Workspace, env: dict[str, str]) -> None:
    pushed = dvc(workspace.root, "push", "ingest", env=env)
    assert pushed.returncode == 0, pushed.stderr
    shutil.rmtree(workspace.data)
    shutil.rmtree(workspace.root / ".dvc" / "cache")
    pulled = dvc(workspace.root, "pull", "ingest", env=env)
    assert pulled.returncode == 0, pulled.stderr


def test_init_writes_every_default_turns_analytics_off_and_runs_once(tmp_path: Path) -> None:
    workspace = make(tmp_path / "workspace")
    params = read_params(workspace.params)
    assert (params.model, params.source) == ("shapes", "../photos")
    text = workspace.params.read_text()
    assert yaml.safe_load(text)["ingest"].keys() == params.ingest.model_dump().keys()
    config = (workspace.root / ".dvc" / "config").read_text()
    assert "analytics = false" in config
    assert "no_scm = True" in config
    assert cli.main(["init", str(workspace.root), "--model", "other", "--source", "x"]) == 2
    assert workspace.params.read_text() == text


def test_init_in_a_git_repository_uses_git_unless_it_ignores_the_folder(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("state/\n")
    tracked = make(tmp_path / "tracked")
    ignored = make(tmp_path / "state" / "ignored")
    assert "no_scm" not in (tracked.root / ".dvc" / "config").read_text()
    assert "no_scm" in (ignored.root / ".dvc" / "config").read_text()
    ran = dvc(ignored.root, "repro", "ingest")
    assert ran.returncode == 0, ran.stderr
    command = ["git", "-C", str(tracked.root), "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(files) == [
        ".dvc/.gitignore",
        ".dvc/config",
        ".dvcignore",
        ".gitignore",
        "dvc.yaml",
        "params.yaml",
    ]


def test_init_writes_folders_relative_to_the_workspace(tmp_path: Path) -> None:
    assert source_from(str(tmp_path / "photos"), tmp_path / "workspace") == "../photos"
    assert source_from(f"captures:{tmp_path}/export", tmp_path / "workspace") == "captures:../export"
    assert source_from(f"{tmp_path}/run:1", tmp_path / "workspace") == "../run:1"
    assert source_from("s3://bucket/prefix", tmp_path) == "s3://bucket/prefix"


def test_init_refuses_a_source_of_an_unknown_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path / "workspace"), "--model", "shapes", "--source", "gs://bucket/photos"]) == 1
    assert (
        "expected a folder, s3://bucket/prefix, or captures:FOLDER, got 'gs://bucket/photos'" in capsys.readouterr().err
    )


def test_init_may_succeed_later_when_dvc_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "WITHIN_S", 0.01)
    workspace = tmp_path / "workspace"
    assert cli.main(["init", str(workspace), "--model", "shapes", "--source", "photos"]) == 3
    monkeypatch.undo()
    make(workspace)


def test_init_refuses_a_wrong_model_name_and_leaves_no_workspace(tmp_path: Path) -> None:
    assert cli.main(["init", str(tmp_path / "workspace"), "--model", "a/b", "--source", "x"]) == 1
    assert not (tmp_path / "workspace" / "params.yaml").exists()


def test_there_is_no_version_without_data(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="is empty"):
        data_version(Workspace(tmp_path))
