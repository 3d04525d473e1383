"""`headgate-pipelines release`: the approved candidate is rolled out by control; this command follows it to its end."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from headgate_pipelines.alerts import send
from headgate_pipelines.control_client import Control
from headgate_pipelines.deadline import Deadline
from headgate_pipelines.errors import NOTHING_TO_DO, PipelineError, Refused, Unavailable
from headgate_pipelines.params import read_params
from headgate_pipelines.registry.client import Registry
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace

LOOK_EVERY_S = 5.0
ENDS = ("promoted", "rolled_back")


def run(args: argparse.Namespace) -> int:
    """0 when the candidate became the champion; 99 when there is no candidate. Of --check, see `check`.

    Raises:
        Refused: the rollout was rolled back; or the version is no candidate any longer.
        Unavailable: the time is over, the rollout goes on; or control is away.
    """
    if args.rejected and not args.why:
        raise PipelineError("--rejected needs --why", "say what is wrong with the version")
    settings = read_settings()
    model = read_params(Workspace(args.workspace).params).model
    control = Control(settings)
    registry = Registry(settings.mlflow_url)
    candidate = registry.by_alias(model, "candidate")
    version: str | None = args.version or (candidate.version if candidate else None)
    if version is None:
        print(f"{model}: no candidate waits for approval")
        return NOTHING_TO_DO
    if args.check:
        approved = in_progress(control, model, version) is not None or _is_champion(registry, control, model, version)
        return check(model, version, approved, waits=candidate is not None and candidate.version == version)
    if args.rejected:
        control.reject(model, version, args.why)
        return 0
    if _is_champion(registry, control, model, version):
        print(f"{model}/{version} is the champion")
        return 0
    ended = follow(control, release(control, model, version, args), args.within_s)
    state = ended["state"]
    if state["kind"] == "promoted":
        send(settings, f"{model}/{version} is the champion", f"Rollout {ended['id']} ended well.")
        return 0
    raise Refused(
        f"{model}/{version} was rolled back by {state['by']}: {state['why']}", "see its evidence in the console"
    )


def release(control: Control, model: str, version: str, args: argparse.Namespace) -> dict[str, Any]:
    """The rollout of this version: that in progress (somebody approved in the console), else a new one."""
    return in_progress(control, model, version) or control.approve(model, version, policy_of(args.policy), args.why)


def check(model: str, version: str, approved: bool, waits: bool) -> int:
    """0 when somebody approved the version, in the console or elsewhere; 99 while it waits.

    Args:
        approved: its rollout is in progress, or made it the champion.
        waits: it has the alias `candidate`, which it keeps until its rollout ends.

    Raises:
        Refused: it was rejected or rolled back, or another candidate took its place.
    """
    if approved:
        return 0
    if waits:
        return NOTHING_TO_DO
    raise Refused(f"{model}/{version} was rejected or replaced", "see its tags in MLflow, or headgate models")


def in_progress(control: Control, model: str, version: str) -> dict[str, Any] | None:
    """The rollout of this version that has not ended."""
    for rollout in control.rollouts(model):
        if rollout["candidate"]["version"] == version and rollout["state"]["kind"] not in ENDS:
            return rollout
    return None


def _is_champion(registry: Registry, control: Control, model: str, version: str) -> bool:
    """By the alias, which control sets some seconds after a promotion; until then, by the rollout.

    The role `control` alone proves nothing: with `control.staged: serve`, a staged version has it without an approval.
    """
    champion = registry.by_alias(model, "champion")
    if champion is not None and champion.version == version:
        return True
    newest = next((one for one in control.rollouts(model) if one["candidate"]["version"] == version), None)
    if newest is None or newest["state"]["kind"] != "promoted":
        return False
    return any(one["version"] == version and one["role"] == "control" for one in control.versions(model))


def policy_of(text: str | None) -> str | dict[str, Any] | None:
    """A name, or the policy in a JSON file."""
    if text is None or not text.endswith(".json"):
        return text
    try:
        policy: dict[str, Any] = json.loads(Path(text).read_text("utf-8"))
        return policy
    except (OSError, ValueError) as error:
        raise PipelineError(f"{text} is no policy: {error}", "docs/rollouts.md describes policies") from error


def follow(control: Control, rollout: dict[str, Any], within_s: float) -> dict[str, Any]:
    """Prints each new state until the rollout ends. Returns the rollout. Control may be away meanwhile."""
    said = ""

    def ended() -> dict[str, Any] | None:
        nonlocal said
        try:
            now = control.rollout(rollout["id"])
        except Unavailable:
            return None
        words = f"{now['state']['kind']} at {now['weight']} %"
        if words != said:
            said = words
            print(f"rollout {now['id']}: {words}", file=sys.stderr, flush=True)
        return now if now["state"]["kind"] in ENDS else None

    what, remedy = f"the end of the rollout {rollout['id']}", "run the command again: it follows the same rollout"
    return Deadline(within_s, LOOK_EVERY_S).until(ended, what, remedy)
