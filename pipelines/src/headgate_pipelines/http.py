"""HTTP to our own services: bounded in time, with failures in the pipeline's own errors."""

from typing import Any

import httpx

from headgate_pipelines.deadline import Deadline
from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.progress import waiting

TIMEOUT_S = 10.0

MISDIRECTED = 421
"""Of a control process that does not lead. It closes the connection; the next one may lead to another process."""
LEADER_WITHIN_S = 30.0
"""A leader that hangs is replaced within 20 s."""
LEADER_EVERY_S = 0.1


def ask(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:
    """An answer below 400.

    Raises:
        Unavailable: no answer, one of 5xx or 429, or none of a process that leads: the same request may succeed later.
        PipelineError: the key is not accepted (401, 403).
        Refused: any other answer of 4xx, with the `detail` of its problem body.
    """

    def once() -> httpx.Response | None:
        response = client.request(method, path, **request)
        return None if response.status_code == MISDIRECTED else response

    try:
        with waiting(f"waiting for {client.base_url}"):
            response = Deadline(LEADER_WITHIN_S, LEADER_EVERY_S).until(
                once, f"an answer of the leader of {client.base_url}"
            )
    except httpx.HTTPError as error:
        raise Unavailable(f"{client.base_url} does not answer ({type(error).__name__})", "start it, or wait") from error
    if response.status_code < 400:
        return response
    words = f"{method} {path} was answered by {response.status_code}: {detail_of(response)}"
    if response.status_code >= 500 or response.status_code == 429:
        raise Unavailable(words, "try again later")
    if response.status_code in (401, 403):
        raise PipelineError(words, "check the file of the key, and the key's role")
    raise Refused(words)


def detail_of(response: httpx.Response) -> str:
    """The reason in words of an RFC 9457 body; else the beginning of the text."""
    try:
        body = response.json()
    except ValueError:
        return response.text[:200]
    return str(body.get("detail", body))[:500] if isinstance(body, dict) else response.text[:200]
