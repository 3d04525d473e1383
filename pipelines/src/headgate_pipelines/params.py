"""params.yaml of a workspace: what a data scientist may change. DVC compares it between runs."""

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from headgate_pipelines.documents import read_yaml
from headgate_pipelines.errors import PipelineError

CHECKS_PER_DAY = 24
"""Of drift: Airflow runs one every hour."""
Share = Annotated[float, Field(ge=0, le=1)]


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ingest(_Params):
    """What a labelled image has to be."""

    formats: tuple[Literal["jpeg", "png", "webp"], ...] = ("jpeg", "png", "webp")
    min_side: int = Field(8, ge=1, description="pixels")
    max_side: int = Field(8192, ge=1, description="pixels")
    labels: tuple[str, ...] = Field((), description="the closed set, in class order; empty: those found")
    near_duplicate_bits: int = Field(0, ge=0, le=16, description="largest distance of perceptual hashes")
    max_refused_share: Share = Field(0.1, description="more refused items fail the run")
    min_per_class: int = Field(10, ge=2)
    max_imbalance: float = Field(20, ge=1, description="largest class over smallest class")
    holdout_share: Share = 0.2
    shard_bytes: int = Field(100_000_000, ge=1_000_000)

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.min_side > self.max_side:
            raise ValueError("expected min_side of at most max_side")
        return self


class Train(_Params):
    """Head over the features of a backbone."""

    backbone: str = Field("efficientnet-lite0/1", description="model/version under the models folder")
    c: float = Field(1.0, gt=0, description="inverse strength of the regularisation")
    max_iterations: int = Field(300, ge=1)
    seed: int = 20261130


class Evaluate(_Params):
    """What a candidate has to show on the holdout."""

    margin: Share = Field(0.0, description="accuracy above the champion's")
    alpha: float = Field(0.05, gt=0, lt=1, description="level of the paired test")
    max_class_drop: Share = Field(0.05, description="guardrail: recall of any class")
    max_calibration_error: Share = 0.1
    max_latency_ratio: float = Field(1.5, ge=1, description="guardrail: time on the engine over the champion's")
    min_accuracy: Share = Field(0.5, description="needed of the first version, which has no champion")


class Drift(_Params):
    """When what is seen now differs from the reference."""

    window_hours: float = Field(24, gt=0)
    min_samples: int = Field(200, ge=50)
    max_samples: int = Field(2000, ge=100)
    # A smaller one would take too many permutations.
    alpha: float = Field(0.05, ge=0.02, lt=1, description="largest share of days with a false alarm")
    cooldown_hours: float = Field(24, ge=0, description="between two triggers of retraining")

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.min_samples > self.max_samples:
            raise ValueError("expected min_samples of at most max_samples")
        return self

    @property
    def level(self) -> float:
        """Of one check: an even split over a day holds however much the windows overlap (Bonferroni)."""
        return self.alpha / CHECKS_PER_DAY


class Params(_Params):
    """The whole file."""

    model: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    source: str = Field(description="folder, s3://bucket/prefix, or captures:<folder of an export>")
    ingest: Ingest = Ingest()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    drift: Drift = Drift()

    @field_validator("source")
    @classmethod
    def _is_known(cls, source: str) -> str:
        if "://" in source and not source.startswith("s3://"):
            raise ValueError("expected a folder, s3://bucket/prefix, or captures:FOLDER")
        return source


def read_params(path: Path) -> Params:
    """Raises PipelineError with one line for each wrong key."""
    try:
        return Params.model_validate(read_yaml(path.read_bytes()))
    except OSError as error:
        raise PipelineError(f"{path} cannot be read", "headgate-pipelines init makes a workspace") from error
    except ValidationError as error:
        raise PipelineError(f"{path} is not right:{wrong_keys(error)}", "correct these keys") from error
    except yaml.YAMLError as error:
        raise PipelineError(f"{path} is no YAML: {error}", "correct that line") from error


def wrong_keys(error: ValidationError) -> str:
    """One line for each key: its path, what is wrong, and the value."""
    lines = [
        f"\n  {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}, got {one['input']!r}"
        for one in error.errors(include_url=False)
    ]
    return "".join(lines)
