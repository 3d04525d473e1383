"""`init`: makes a workspace: params.yaml, dvc.yaml, and DVC with an optional remote."""

import argparse
import configparser
import json
import os
import subprocess  # nosec B404
import sys
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.params import Params, wrong_keys
from headgate_pipelines.progress import waiting
from headgate_pipelines.workspace import Workspace

DVC_YAML = """\
# `dvc repro` runs the stages whose inputs changed. A data scientist may run each command alone as well.
stages:
  ingest:
    cmd: headgate-pipelines ingest --workspace .
    # Its source is outside of DVC: ingest itself looks there, and ends at once where nothing changed.
    always_changed: true
    params: [source, ingest]
    outs:
      # A refused run leaves the data of the last good one.
      - data: {persist: true}
  train:
    cmd: headgate-pipelines train --workspace .
    deps: [data]
    params: [model, train]
    outs: [version]
  evaluate:
    cmd: headgate-pipelines evaluate --workspace .
    # The champion in MLflow may be another one than at the last run.
    always_changed: true
    deps: [data, version]
    params: [evaluate]
    outs: [evaluation]
metrics: [evaluation/metrics.json]
"""
IGNORED = ("quarantine/", "reports/", ".cache/", ".state/")
REMOTE = "storage"
WITHIN_S = 60
"""Of one call of Git or DVC."""


def run(given: argparse.Namespace) -> int:
    """Makes the workspace.

    Raises:
        Refused: there is one already.
        Unavailable: Git or DVC does not end.
    """
    workspace = Workspace((given.folder or given.workspace).resolve())
    if workspace.params.exists():
        raise Refused(f"{workspace.root} is a workspace already", "edit its params.yaml, or name another folder")
    workspace.root.mkdir(parents=True, exist_ok=True)
    text = params_text({"model": given.model, "source": source_from(given.source, workspace.root)})
    try:
        start_dvc(workspace.root, given.remote)
    except subprocess.TimeoutExpired as error:
        message = f"{' '.join(error.cmd)} did not end within {error.timeout:g} s"
        raise Unavailable(message, f"delete {workspace.root}/.dvc, then run again") from error
    (workspace.root / "dvc.yaml").write_text(DVC_YAML, "utf-8")
    workspace.params.write_text(text, "utf-8")
    print(f"{workspace.root} is ready. Next, in it: dvc repro, by hand or as npm run pipelines -- dvc repro")
    return 0


def source_from(source: str, root: Path) -> str:
    """The source as params.yaml has it: its folder relative to the workspace and not to the current folder."""
    if "://" in source:
        return source
    kind, _, export = source.partition(":")
    return f"captures:{os.path.relpath(export, root)}" if kind == "captures" else os.path.relpath(source, root)


def params_text(values: dict[str, str]) -> str:
    """params.yaml with every default, and the description of each key as a comment."""
    try:
        Params.model_validate(values)
    except ValidationError as error:
        raise PipelineError(f"the workspace cannot be made:{wrong_keys(error)}", "correct these arguments") from error
    lines = ["# What a data scientist may change. DVC runs the stages again that read what changed."]
    for name, field in Params.model_fields.items():
        if name in values:
            lines.append(_line(name, values[name], field))
        elif isinstance(field.default, BaseModel):
            section = type(field.default)
            lines += ["", f"# {section.__doc__}", f"{name}:"]
            lines += [f"  {_line(key, field.default.__dict__[key], of)}" for key, of in section.model_fields.items()]
    return "\n".join(lines) + "\n"


def _line(name: str, value: object, field: FieldInfo) -> str:
    comment = f"  # {field.description}" if field.description else ""
    return f"{name}: {json.dumps(value)}{comment}"


def start_dvc(root: Path, remote: str | None) -> None:
    """DVC in `root`: with Git where Git tracks the folder, else without."""
    if not (root / ".dvc").exists():
        tracked = _in_git(root)
        _dvc(root, "init", "--subdir" if tracked else "--no-scm")
        if tracked:
            with (root / ".gitignore").open("a", encoding="utf-8") as file:
                file.writelines(f"/{name}\n" for name in IGNORED)
    config = configparser.ConfigParser()
    config.read(root / ".dvc" / "config", encoding="utf-8")
    if not config.has_section("core"):
        config.add_section("core")
    config["core"].update(analytics="false", check_update="false")
    if remote:
        config["core"]["remote"] = REMOTE
        config[f"'remote \"{REMOTE}\"'"] = {"url": remote if "://" in remote else str(Path(remote).resolve())}
    with (root / ".dvc" / "config").open("w", encoding="utf-8") as file:
        config.write(file)


def _in_git(root: Path) -> bool:
    """True inside a Git working tree that does not ignore the folder."""
    try:
        command = ["git", "-C", str(root), "check-ignore", "-q", "."]
        ignored = subprocess.run(command, capture_output=True, timeout=WITHIN_S)  # noqa: S603 # nosec B603
    except FileNotFoundError:
        return False
    return ignored.returncode == 1


def _dvc(root: Path, *arguments: str) -> None:
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *arguments]
    with waiting(f"init: dvc {arguments[0]}"):
        done = subprocess.run(  # noqa: S603 # nosec B603
            command, cwd=root, env=env, capture_output=True, text=True, timeout=WITHIN_S
        )
    if done.returncode != 0:
        raise PipelineError(f"dvc {' '.join(arguments)}: {done.stderr.strip()}", "see dvc's own message")
