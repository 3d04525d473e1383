"""`headgate-pipelines drift`: one check, its report, and a trigger when it finds drift."""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headgate_pipelines import alerts
from headgate_pipelines.control_client import Control
from headgate_pipelines.drift.check import Checked, check
from headgate_pipelines.drift.photos import most_drifted
from headgate_pipelines.drift.reference import Reference, read_reference
from headgate_pipelines.drift.report import Report, page, verdict
from headgate_pipelines.drift.trigger import HOUR_MS, Trigger, is_cooling_down, remember
from headgate_pipelines.drift.window import Fetch, Window, read_window
from headgate_pipelines.errors import NOTHING_TO_DO, Refused
from headgate_pipelines.files import write
from headgate_pipelines.params import Params, read_params
from headgate_pipelines.progress import waiting
from headgate_pipelines.registry.client import Registry
from headgate_pipelines.settings import Settings, read_settings
from headgate_pipelines.workspace import Workspace

SEED = 13
"""Every choice by chance follows from it: the same records give the same report."""


@dataclass(frozen=True)
class Job:
    """What one check depends on."""

    workspace: Workspace
    params: Params
    settings: Settings
    fetch: Fetch
    captures: Path | None
    triggers: bool
    """Whether drift asks for retraining, once per cooldown."""
    now_ms: int


def run(args: argparse.Namespace) -> int:
    """Exit code 0 after a check, with drift or without; 99 while there are too few photos."""
    workspace = Workspace(args.workspace)
    params, settings = read_params(workspace.params), read_settings()
    fetch = partial(Control(settings).sketches, params.model)
    return drift(Job(workspace, params, settings, fetch, args.captures, args.trigger, time.time_ns() // 1_000_000))


def drift(job: Job) -> int:
    """As `run`."""
    rng = np.random.default_rng(SEED)
    options = job.params.drift
    registry = Registry(job.settings.mlflow_url)
    reference = read_reference(registry, job.params.model, options.max_samples, rng)
    span = (job.now_ms - int(options.window_hours * HOUR_MS), job.now_ms)
    window = read_window(job.fetch, span, reference.version, reference.sketch_version, options.max_samples, rng)
    if len(window.rows) < options.min_samples:
        return _not_yet(job, reference, window)
    with waiting(f"drift: testing {len(window.rows)} photos"):
        checked = check(reference.sample, window.sample, options.level, rng)
    _judge(job, reference, window, checked)
    return 0


def _not_yet(job: Job, reference: Reference, window: Window) -> int:
    name, least = f"{job.params.model} {reference.version}", job.params.drift.min_samples
    if len(window.rows) + window.other_sketches >= least:
        raise Refused(
            f"{window.other_sketches} photos have another sketch version than the reference of {name}, "
            f"which has {reference.sketch_version}",
            "evaluate and register the champion again with the release that serves it",
        )
    why = f"Not yet: {name} answered {len(window.rows)} of {least} photos."
    _write_json(job, reference, window, {"verdict": "not_yet", "why": why, "triggered": False, "tests": []})
    print(why)
    return NOTHING_TO_DO


def _judge(job: Job, reference: Reference, window: Window, checked: Checked) -> None:
    """Writes the report, and triggers. The trigger is remembered last: a crash before it asks for retraining again."""
    options, model = job.params.drift, job.params.model
    words = verdict(model, reference.version, window, checked)
    cooling = is_cooling_down(job.workspace, job.now_ms, options.cooldown_hours)
    triggered = bool(checked.drifted) and job.triggers and not cooling
    consequence = _consequence(job, checked, triggered)
    photos = most_drifted(window, checked.scores, reference, job.captures)
    shown = job.captures is not None
    report = Report(model, reference, window, checked, options, photos, shown, consequence)
    write(job.workspace.reports / "drift.html", page(report))
    findings = [asdict(finding) for finding in checked.findings]
    result = {"verdict": "drift" if checked.drifted else "none", "why": words, "triggered": triggered}
    _write_json(job, reference, window, {**result, "tests": findings})
    print(f"{words} {consequence}")
    if triggered:
        alerts.send(job.settings, f"{model} {reference.version} drifts", f"{words} {consequence}")
        remember(job.workspace, Trigger(job.now_ms, reference.version, words))


def _consequence(job: Job, checked: Checked, triggered: bool) -> str:
    hours = f"{job.params.drift.cooldown_hours:g} hours"
    if triggered:
        return f"This check asks for retraining; no other one does for {hours}."
    if checked.drifted and not job.triggers:
        return "It was run by hand and asks for no retraining."
    if checked.drifted:
        return f"It asks for no retraining: an earlier check did within the last {hours}."
    return "Nothing has to be done."


def _write_json(job: Job, reference: Reference, window: Window, result: dict[str, Any]) -> None:
    facts = {
        "at_ms": job.now_ms,
        "model": job.params.model,
        "version": reference.version,
        "from_ms": window.from_ms,
        "photos": len(window.rows),
        "reference_photos": len(reference.sample),
    }
    write(job.workspace.reports / "drift.json", json.dumps(result | facts, indent=2) + "\n")
