"""`headgate-pipelines evaluate`: measures the version of a workspace and compares it with the champion."""

import argparse
import shutil
import sys
from pathlib import Path

from headgate_pipelines.data.index import Item, read_index
from headgate_pipelines.engine import probe
from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.evaluate.contract import check_contract
from headgate_pipelines.evaluate.holdout import Answers, Probe, ask, reference_json
from headgate_pipelines.evaluate.metrics import measure
from headgate_pipelines.evaluate.record import FILE, Champion, Evaluation
from headgate_pipelines.evaluate.report import headline, write_report
from headgate_pipelines.evaluate.revision import code_revision
from headgate_pipelines.evaluate.verdict import compare, guardrails, verdict_of
from headgate_pipelines.lock import only_one
from headgate_pipelines.params import Params, read_params
from headgate_pipelines.progress import waiting
from headgate_pipelines.registry.version_folder import VersionFolder, read_version
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace


def run(arguments: argparse.Namespace) -> int:
    """Writes evaluation/ of the workspace; 0 whatever the verdict is, since `register` acts on it."""
    workspace = Workspace(arguments.workspace)
    params = read_params(workspace.params)
    champion = find_champion(arguments.champion, params.model, workspace)
    with only_one(workspace, "evaluate"):
        evaluation = evaluate(workspace, params, champion, probe)
    print(f"{headline(evaluation)}; {evaluation.why}", file=sys.stderr)
    for rail in evaluation.guardrails:
        print(f"{rail.name} {rail.state}: {rail.finding}", file=sys.stderr)
    return 0


def find_champion(given: str | None, model: str, workspace: Workspace) -> VersionFolder | None:
    """The folder to compare with.

    Raises:
        Unavailable: MLflow does not answer.
        Refused: the champion's files are not what the registry says.
    """
    if given == "none":
        return None
    if given is not None:
        return read_version(Path(given), read_settings().root / "samples")
    from headgate_pipelines.registry.client import Registry  # takes seconds to import

    registry = Registry(read_settings().mlflow_url)
    champion = registry.by_alias(model, "champion")
    return None if champion is None else registry.download(champion, workspace.versions)


def evaluate(workspace: Workspace, params: Params, champion: VersionFolder | None, probe: Probe) -> Evaluation:
    """Measures, compares, and writes metrics.json, report.html, card.md, reference.json and plots.

    Raises:
        Refused: a digest differs, the contract differs, or there is nothing to measure on.
    """
    candidate = read_version(workspace.version)
    candidate.check()
    if candidate.manifest["kind"] != "image-classifier":
        raise Refused(f"{workspace.version} is a {candidate.manifest['kind']} model", "evaluate image classifiers")
    if champion is not None:
        champion.check()
        check_contract(candidate, champion)
    items = _holdout(workspace)
    ours, *others = ask(probe, [candidate, *([champion] if champion else [])], workspace.data, items)
    theirs = others[0] if others else None
    evaluation = judge(params, ours, theirs)
    with waiting("evaluate: writing the report"):
        _write(workspace, evaluation, ours)
    return evaluation


def _holdout(workspace: Workspace) -> list[Item]:
    try:
        items = read_index(workspace.data, "holdout")
    except OSError as error:
        raise PipelineError(f"{workspace.data}/index.jsonl cannot be read", "run headgate-pipelines ingest") from error
    if not items:
        raise Refused("the holdout is empty", "raise ingest.holdout_share, or ingest more images")
    return items


def judge(params: Params, ours: Answers, theirs: Answers | None) -> Evaluation:
    """The whole evaluation from the answers of candidate and champion."""
    rules, candidate = params.evaluate, measure(ours)
    champion = compared = other = None
    verdict, why = "first", f"accuracy {candidate.accuracy:.4f}; there is no champion to compare with"
    if theirs is not None:
        champion, compared = _champion(theirs), compare(ours, theirs, rules)
        other = (theirs, champion.measured)
        verdict, why = verdict_of(compared, rules)
    manifest = ours.version.manifest
    return Evaluation(
        model=params.model,
        folder_sha256=ours.version.manifest_sha256,
        data_version=manifest.get("provenance", {}).get("data_version", ""),
        code_revision=code_revision(),
        images=len(ours.truth),
        candidate=candidate,
        champion=champion,
        comparison=compared,
        guardrails=guardrails((ours, candidate), other, rules),
        verdict=verdict,
        why=why,
    )


def _champion(answers: Answers) -> Champion:
    version = answers.version
    return Champion(
        version=str(version.manifest["version"]), manifest_sha256=version.manifest_sha256, measured=measure(answers)
    )


def _write(workspace: Workspace, evaluation: Evaluation, ours: Answers) -> None:
    """metrics.json is written last: `register` reads nothing else."""
    folder = workspace.evaluation
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "reference.json").write_text(reference_json(ours), "utf-8")
    write_report(folder, evaluation, ours, workspace.data)
    (folder / FILE).write_text(evaluation.model_dump_json(indent=2) + "\n", "utf-8")
