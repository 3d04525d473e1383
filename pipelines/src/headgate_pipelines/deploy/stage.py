"""`headgate-pipelines stage`: the version with the alias `staging` is served without traffic, tested, made candidate.

Control loads what the alias names (docs/admin-api.md); this command waits for it, calls it as a client would, and
rejects it when a test fails: control then unloads it again.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from headgate_pipelines.alerts import send
from headgate_pipelines.control_client import Control
from headgate_pipelines.deadline import Deadline
from headgate_pipelines.deploy.gateway import Gateway
from headgate_pipelines.deploy.smoke import INTEGRATION, SMOKE, Outcome, Staged, gets_no_traffic, run_checks
from headgate_pipelines.errors import NOTHING_TO_DO, Refused, Unavailable
from headgate_pipelines.files import write
from headgate_pipelines.params import read_params
from headgate_pipelines.registry.client import Registered, Registry
from headgate_pipelines.settings import Settings, read_settings
from headgate_pipelines.workspace import Workspace


@dataclass(frozen=True)
class Staging:
    """What `stage` talks to."""

    registry: Registry
    control: Control
    gateway: Gateway
    settings: Settings


def run(args: argparse.Namespace) -> int:
    """0 when the version is the candidate now, also from an earlier try; 99 when there is nothing to stage."""
    settings = read_settings()
    workspace = Workspace(args.workspace)
    model = read_params(workspace.params).model
    parts = Staging(Registry(settings.mlflow_url), Control(settings), Gateway(settings), settings)
    version = parts.registry.by_alias(model, "staging")
    champion, candidate = (parts.registry.by_alias(model, alias) for alias in ("champion", "candidate"))
    if version is None or (champion and champion.version == version.version):
        print(f"{model}: no version waits for staging")
        return NOTHING_TO_DO
    if candidate and candidate.version == version.version:
        print(f"{model}/{version.version} is the candidate already")
        return 0
    if model not in [one["model"] for one in parts.control.live()["models"]]:
        raise Refused(f"the routing table has no model {model}", "add it: docs/lifecycle.md, The first version")
    stage(parts, workspace, version, args.within_s)
    return 0


def stage(parts: Staging, workspace: Workspace, registered: Registered, within_s: float) -> None:
    """Tests a version in staging and gives it the alias `candidate`.

    Raises:
        Refused: a test failed, or the version did not get ready; the version is rejected.
    """
    model, version = registered.model, registered.version
    try:
        role = Deadline(within_s).until(
            lambda: _loaded_role(parts, model, version), f"{model}/{version} being ready", "headgate models list"
        )
    except Unavailable as error:
        # While control or the gateway is away nobody knows why; the command is then tried again.
        parts.control.live()
        parts.gateway.live()
        reject(parts, model, version, f"not ready in staging: {error.message}")
    staged = Staged(model, version, parts.registry.download(registered, workspace.versions))
    checks = SMOKE + INTEGRATION + ((gets_no_traffic,) if role == "loaded" else ())
    outcomes = run_checks(parts.gateway, staged, checks)
    _write(workspace, version, outcomes)
    failed = [one for one in outcomes if one.problem]
    for one in outcomes:
        print(f"{'FAILED' if one.problem else 'passed'}  {one.name}  {one.problem}".rstrip(), flush=True)
    if failed:
        reject(parts, model, version, "; ".join(f"{one.name}: {one.problem}" for one in failed))
    parts.registry.set_alias(model, "candidate", version)
    send(parts.settings, f"{model}/{version} waits for approval", f"{len(outcomes)} tests passed in staging.")


def _loaded_role(parts: Staging, model: str, version: str) -> str | None:
    """The role of the version once every pod is ready and the gateway routes to it."""
    try:
        found: list[dict[str, Any]] = [one for one in parts.control.versions(model) if one["version"] == version]
    except Unavailable:
        # It may answer the next time; whether it does at the end decides what a version that is not ready means.
        return None
    if not found or not found[0]["role"] or not 0 < found[0]["pods"] == found[0]["ready_pods"]:
        return None
    return str(found[0]["role"]) if parts.gateway.is_ready(model, version) else None


def reject(parts: Staging, model: str, version: str, why: str) -> NoReturn:
    """Rolls staging back. Always raises Refused."""
    print(f"rejecting {model}/{version}", file=sys.stderr, flush=True)
    parts.control.reject(model, version, why)
    raise Refused(f"{model}/{version} was rejected in staging: {why}", "correct the model and register a new version")


def _write(workspace: Workspace, version: str, outcomes: list[Outcome]) -> None:
    report = {"version": version, "tests": [asdict(one) for one in outcomes]}
    write(workspace.reports / "staging.json", json.dumps(report, indent=2) + "\n")
