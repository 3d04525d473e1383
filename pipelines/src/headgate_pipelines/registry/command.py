"""`headgate-pipelines register`: puts the version of a workspace into MLflow if its evaluation allows that."""

import argparse
import sys
from pathlib import Path

from headgate_pipelines.errors import NOTHING_TO_DO, Refused
from headgate_pipelines.evaluate.record import Evaluation, read_evaluation
from headgate_pipelines.lock import only_one
from headgate_pipelines.params import Params, read_params
from headgate_pipelines.registry.client import MANIFEST_TAG, REJECTED_TAG, STAGE_TAG, Registered, Registry
from headgate_pipelines.registry.publish import RunRecord, publish
from headgate_pipelines.registry.signature import Sign, signer
from headgate_pipelines.registry.version_folder import numbers_in, read_version
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace


def run(arguments: argparse.Namespace) -> int:
    """Registers the version, once however often it runs. 99 if `--stage` finds that it has been in staging before."""
    settings = read_settings()
    registry = Registry(settings.mlflow_url)
    sign = signer(settings.sign_key_file) if settings.sign_key_file else None
    workspace = Workspace(arguments.workspace)
    model = read_params(workspace.params).model
    with only_one(workspace, "register"):
        check_numbers(registry, model, settings.root / "models")
        version = register(registry, workspace, sign)
    print(f"{version.model} {version.version} is registered (run {version.run_id})", file=sys.stderr)
    print(version.version)
    return 0 if not arguments.stage or stage(registry, version) else NOTHING_TO_DO


def check_numbers(registry: Registry, model: str, models: Path) -> None:
    """Versions of the models folder come before those of MLflow: one number must not mean two of them.

    Raises:
        Refused: the folder has a version that MLflow does not know.
    """
    known = {one.version for one in registry.versions(model)}
    others = sorted(str(number) for number in numbers_in(models / model) if str(number) not in known)
    if others:
        raise Refused(
            f"{models / model} has version {', '.join(others)}, whose number MLflow would give to another one",
            f"headgate-pipelines adopt {model} --models {models} --champion VERSION, or choose another model name",
        )


def register(registry: Registry, workspace: Workspace, sign: Sign | None = None) -> Registered:
    """The complete version of the workspace's folder; the one that there is if the folder is registered already.

    Raises:
        Refused: the evaluation says no, or it is not about this folder and the present champion.
        Unavailable: MLflow does not answer; call again.
    """
    params = read_params(workspace.params)
    folder = read_version(workspace.version)
    there = registry.with_folder(params.model, folder.manifest_sha256)
    if there is not None and there.complete:
        # It may have become the champion since, so nothing is compared again; its files may have been changed.
        return publish(registry, params.model, folder, RunRecord(), sign=sign)
    evaluation = read_evaluation(workspace.evaluation)
    if evaluation.folder_sha256 != folder.manifest_sha256:
        raise Refused(f"{workspace.version} has changed since its evaluation", "run headgate-pipelines evaluate")
    if not evaluation.passes:
        raise Refused("\n  ".join([f"{params.model} is not registered", *evaluation.objections]))
    _check_champion(registry, params.model, evaluation)
    return publish(registry, params.model, folder, _record(params, evaluation, workspace), sign=sign)


def stage(registry: Registry, version: Registered) -> bool:
    """Points `staging` at the version; False, and no effect, when it was rejected or has gone on from there."""
    why = version.tags.get(REJECTED_TAG)
    if why is not None:
        print(f"nothing new: {version.model} {version.version} was rejected: {why}", file=sys.stderr)
        return False
    if version.tags.get(STAGE_TAG) in ("Production", "Archived"):
        print(f"nothing new: {version.model} {version.version} has been in staging", file=sys.stderr)
        return False
    registry.move(version.model, "staging", version.version, "Staging")
    return True


def _check_champion(registry: Registry, model: str, evaluation: Evaluation) -> None:
    """The comparison has to be with the version that production serves now."""
    champion = registry.by_alias(model, "champion")
    now = champion.tags.get(MANIFEST_TAG) if champion else None
    then = evaluation.champion.manifest_sha256 if evaluation.champion else None
    if now == then:
        return
    judged = f"version {evaluation.champion.version}" if evaluation.champion else "no champion"
    present = f"version {champion.version}" if champion else "none"
    raise Refused(
        f"the evaluation compares with {judged}; the champion of {model} is now {present}",
        "run headgate-pipelines evaluate again",
    )


def _record(params: Params, evaluation: Evaluation, workspace: Workspace) -> RunRecord:
    measured = evaluation.candidate
    low, high = measured.accuracy_interval
    metrics = {key: getattr(measured, key) for key in ("accuracy", "ece", "brier", "latency_p50_ms", "latency_p95_ms")}
    metrics |= {f"macro_{key}": value for key, value in measured.macro.model_dump().items()}
    metrics |= {"weighted_f1": measured.weighted.f1, "accuracy_low": low, "accuracy_high": high}
    if evaluation.comparison:
        metrics |= {"difference": evaluation.comparison.difference, "p_value": evaluation.comparison.p_value}
    train = {f"train.{key}": str(value) for key, value in params.train.model_dump().items()}
    return RunRecord(
        params={**train, "source": params.source},
        metrics=metrics,
        tags={"headgate.code_revision": evaluation.code_revision, "headgate.verdict": evaluation.verdict},
        data_version=evaluation.data_version,
        data_source=params.source,
        artifacts=workspace.evaluation,
    )
