"""One model in a real MLflow, with control and gateway as one HTTP server that answers as a test sets it up."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate_pipelines.cli import main
from headgate_pipelines.registry.client import Registry

Row = dict[str, Any]


def rollout(version: str, state: str = "running") -> Row:
    """As control answers it."""
    state_of = {"kind": state, "by": "guardrail", "why": "errors rose"}
    return {"id": "r1", "model": "cats", "weight": 10, "candidate": {"version": version}, "state": state_of}


@dataclass
class Site:
    """What control and gateway say, and what they were told."""

    registry: Registry
    workspace: Path
    models: list[str] = field(default_factory=lambda: ["cats"])
    versions: list[Row] = field(
        default_factory=lambda: [
            {"version": "1", "role": "control", "pods": 2, "ready_pods": 2},
            {"version": "2", "role": "loaded", "pods": 2, "ready_pods": 2},
        ]
    )
    score: float = 0.9
    rollouts: list[Row] = field(default_factory=list)
    ends: str = "promoted"
    away: Callable[[str], bool] = lambda _: False
    approved: list[Row] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """Titles of messages to the team."""

    def run(self, *arguments: str) -> int:
        """Runs a command in the workspace; its exit code."""
        return main([arguments[0], "--workspace", str(self.workspace), *arguments[1:]])

    def aliases(self, **versions: str) -> None:
        """Sets these aliases and takes the others away."""
        for alias in ("staging", "candidate", "champion"):
            self.registry.client.delete_registered_model_alias("cats", alias)
            if alias in versions:
                self.registry.set_alias("cats", alias, versions[alias])

    def alias(self, name: str) -> str | None:
        """Version that has the alias."""
        found = self.registry.by_alias("cats", name)
        return found.version if found else None

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Of control, gateway and webhook."""
        path = path.removeprefix("/api/v1")
        if self.away(path):
            return 503, {}
        if path == "/hook":
            self.told.append(json.loads(body)["title"])
            return 200, {}
        if path.startswith(("/v1/", "/v2/")):
            return 200, self._gateway(path, body)
        if method == "POST":
            asked = json.loads(body)
            if path.endswith("/reject"):
                self.rejected.append(asked)
                return 200, {}
            self.approved.append(asked)
            self.rollouts.insert(0, rollout(asked["version"]))
            return 201, self.rollouts[0]
        known: dict[str, Any] = {
            "/live": {"models": [{"model": model} for model in self.models]},
            "/models": {"models": [{"model": "cats", "versions": self.versions}]},
            "/rollouts": {"rollouts": self.rollouts},
        }
        return 200, known.get(path) or self.rollouts[0] | {"state": rollout("2", self.ends)["state"]}

    def _gateway(self, path: str, body: bytes) -> Row:
        if path.startswith("/v2/"):
            return {"inputs": [{"name": "image"}]}
        top = {"top": [{"class_id": 1, "label": "dog", "score": self.score}]}
        items = [top, {"error": {}}][: body.count(b"filename=")]
        version = path.split("/")[5] if "/versions/" in path else "1"
        return {"model": "cats", "version": version, "variant": None, "predictions": items}
