"""The folder of one model's life: parameters, data, the version in the making, reports. DVC tracks it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Paths of a workspace. Commands read and write these and nothing else on disk."""

    root: Path

    @property
    def params(self) -> Path:
        """params.yaml, see headgate_pipelines.params."""
        return self.root / "params.yaml"

    @property
    def data(self) -> Path:
        """Validated images: shards/*.tar, index.jsonl, labels.json. Written by `ingest`."""
        return self.root / "data"

    @property
    def quarantine(self) -> Path:
        """Refused items, each with its reason. Written by `ingest`."""
        return self.root / "quarantine"

    @property
    def version(self) -> Path:
        """The trained version: model.onnx, manifest.yaml, labels.json, golden images. Written by `train`."""
        return self.root / "version"

    @property
    def evaluation(self) -> Path:
        """metrics.json, report.html, plots, model card, reference.json. Written by `evaluate`."""
        return self.root / "evaluation"

    @property
    def reports(self) -> Path:
        """ingest.html, drift.html."""
        return self.root / "reports"

    @property
    def cache(self) -> Path:
        """What may be deleted at any time: features by content hash, versions from MLflow."""
        return self.root / ".cache"

    @property
    def versions(self) -> Path:
        """Versions from MLflow."""
        return self.cache / "versions"

    @property
    def state(self) -> Path:
        """Small facts that commands keep between runs: the last drift trigger, locks."""
        return self.root / ".state"
