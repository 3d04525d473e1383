"""The admin API of control (docs/admin-api.md), as far as the pipeline needs it."""

from collections.abc import Iterator
from typing import Any

import httpx

from headgate_pipelines.http import TIMEOUT_S, ask
from headgate_pipelines.settings import Settings

Json = dict[str, Any]

# Rows of one page of sketches.
PAGE = 1000


class Control:
    """Calls control with the admin key. Every method raises Unavailable or Refused, see http.ask."""

    def __init__(self, settings: Settings) -> None:
        self._client = httpx.Client(
            base_url=f"{settings.control_url}/api/v1",
            headers={"x-api-key": settings.secret("admin_key_file")},
            timeout=TIMEOUT_S,
        )

    def live(self) -> Json:
        """What is served, and how it does."""
        return self._get("/live")

    def versions(self, model: str) -> list[Json]:
        """Versions of a model in the registry, each with its role and ready pods; empty when it has none."""
        found = [one for one in self._get("/models")["models"] if one["model"] == model]
        return list(found[0]["versions"]) if found else []

    def approve(self, model: str, version: str, policy: str | Json | None, why: str) -> Json:
        """Starts the rollout of the candidate."""
        body = {"version": version, "why": why} | ({} if policy is None else {"policy": policy})
        return self._post(f"/models/{model}/approve", body)

    def reject(self, model: str, version: str, why: str) -> None:
        """Takes the aliases `staging` and `candidate` away from the version."""
        self._post(f"/models/{model}/reject", {"version": version, "why": why[:500]})

    def rollouts(self, model: str) -> list[Json]:
        """Rollouts of a model, newest first."""
        return [one for one in self._get("/rollouts")["rollouts"] if one["model"] == model]

    def rollout(self, rollout: str) -> Json:
        """One rollout by its id."""
        return self._get(f"/rollouts/{rollout}")

    def sketches(self, model: str, from_ms: int, to_ms: int) -> Iterator[Json]:
        """Answered images of the time span [from_ms, to_ms) that have a sketch, oldest first."""
        after: str | None = None
        while True:
            query = {"from_ms": from_ms, "to_ms": to_ms, "limit": PAGE} | ({} if after is None else {"after": after})
            page = self._get(f"/models/{model}/sketches", query)
            yield from page["rows"]
            after = page["next"]
            if after is None:
                return

    def _get(self, path: str, query: Json | None = None) -> Json:
        answer: Json = ask(self._client, "GET", path, params=query or {}).json()
        return answer

    def _post(self, path: str, body: Json) -> Json:
        answer: Json = ask(self._client, "POST", path, json=body).json()
        return answer
