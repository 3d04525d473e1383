"""evaluation/metrics.json: what `evaluate` found, and what `register` decides by."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from headgate_pipelines.errors import PipelineError

FILE = "metrics.json"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Averages(_Record):
    """Over the classes; each in [0, 1]."""

    precision: float
    recall: float
    f1: float


class ClassScore(Averages):
    """Of one class."""

    label: str
    support: int
    """Images of this class in the holdout."""


class Bin(_Record):
    """Images whose confidence is alike."""

    confidence: float
    accuracy: float
    count: int


class Measured(_Record):
    """One version on the holdout, as the serving engine answers."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    """95 %, Wilson."""
    macro: Averages
    weighted: Averages
    classes: list[ClassScore]
    mean_confidence: float
    """Of the best class."""
    ece: float
    """Expected calibration error over equal-mass bins, in [0, 1]."""
    reliability: list[Bin]
    brier: float
    """Over all classes, in [0, 2]."""
    confusion: list[list[int]]
    """Row: true class. Column: predicted class."""
    unanswered: int
    """Images that the engine refused; each counts as a mistake."""
    latency_p50_ms: float
    latency_p95_ms: float


class Comparison(_Record):
    """Candidate against champion on the same images."""

    only_candidate_right: int
    only_champion_right: int
    difference: float
    """Accuracy of the candidate minus that of the champion."""
    interval: tuple[float, float]
    """Of the difference, at level 1 - alpha, Tango."""
    p_value: float
    """McNemar, mid-p, two-sided."""


class Guardrail(_Record):
    """A limit that a better version has to keep too."""

    name: str
    holds: bool
    """False refuses the candidate."""
    finding: str
    """The numbers, in words."""
    judged: bool = True
    """False where the holdout is too small for the rule."""
    not_judged: str = ""
    """What is too few for the rule, in words."""

    @property
    def state(self) -> str:
        """In words."""
        if not self.holds:
            return "fails"
        if not self.judged:
            return "not judged"
        return "holds where judged" if self.not_judged else "holds"


class Champion(_Record):
    """The version that was compared with."""

    version: str
    manifest_sha256: str
    measured: Measured


class Evaluation(_Record):
    """The whole file."""

    model: str
    folder_sha256: str
    """Digest of the manifest of the folder that was measured."""
    data_version: str
    code_revision: str
    images: int
    candidate: Measured
    champion: Champion | None
    comparison: Comparison | None
    guardrails: list[Guardrail]
    verdict: Literal["better", "not better", "worse", "first"]
    why: str
    """The numbers of the verdict, in words."""

    @property
    def passes(self) -> bool:
        """Whether the version may be registered."""
        return self.verdict in ("better", "first") and all(rail.holds for rail in self.guardrails)

    @property
    def objections(self) -> list[str]:
        """Why it may not be registered, one line each."""
        verdict = [] if self.verdict in ("better", "first") else [f"{self.verdict}: {self.why}"]
        return verdict + [f"{rail.name}: {rail.finding}" for rail in self.guardrails if not rail.holds]


def read_evaluation(folder: Path) -> Evaluation:
    """Reads metrics.json.

    Raises:
        PipelineError: there is none, or another version of Headgate wrote it.
    """
    try:
        return Evaluation.model_validate_json((folder / FILE).read_bytes())
    except OSError as error:
        raise PipelineError(f"{folder / FILE} cannot be read", "run headgate-pipelines evaluate") from error
    except ValidationError as error:
        message = f"{folder / FILE} is not an evaluation: {error}"
        raise PipelineError(message, "run headgate-pipelines evaluate again") from error
