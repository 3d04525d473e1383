"""What the champion saw when it was evaluated: the sketches of its holdout, stored with its version in MLflow."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headgate_pipelines.drift.sample import Sample, sample_of
from headgate_pipelines.errors import NothingToDo, Refused
from headgate_pipelines.registry.client import Registered, Registry, reaching

ARTIFACT = "evaluation/reference.json"
LEAST = 50
"""Photos below which the normal limits of the tests are not to be trusted."""
REMEDY = "evaluate and register a version with a larger holdout: drift is judged against what it was evaluated on"


@dataclass(frozen=True)
class Reference:
    """The champion and its reference."""

    version: str
    sketch_version: int
    sample: Sample


def read_reference(registry: Registry, model: str, most: int, rng: np.random.Generator) -> Reference:
    """The reference of the alias `champion`; a random part of it if it has more than `most` images.

    Raises:
        NothingToDo: there is no champion, or it has no reference, as an adopted version.
        Refused: its reference is damaged or too small.
        Unavailable: MLflow does not answer.
    """
    champion = registry.by_alias(model, "champion")
    if champion is None:
        raise NothingToDo(f"{model} has no champion in MLflow", "release a version: docs/training.md")
    try:
        stored = _stored(registry, champion)
        sketch_version, sample = int(stored["version"]), sample_of(stored["sketches"], stored["class_ids"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"{ARTIFACT} of {model} {champion.version} is no reference: {error!r}", REMEDY) from error
    if len(sample) < LEAST:
        raise Refused(f"the reference of {model} {champion.version} has {len(sample)} of {LEAST} photos", REMEDY)
    if len(sample) > most:
        sample = sample.take(rng.choice(len(sample), most, replace=False))
    return Reference(champion.version, sketch_version, sample)


def _stored(registry: Registry, champion: Registered) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, reaching(registry.url):
        paths = [file.path for file in registry.client.list_artifacts(champion.run_id, "evaluation")]
        if ARTIFACT not in paths:
            raise NothingToDo(f"{champion.model} {champion.version} has no {ARTIFACT} in MLflow", REMEDY)
        path = registry.client.download_artifacts(champion.run_id, ARTIFACT, folder)
        stored: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
        return stored
