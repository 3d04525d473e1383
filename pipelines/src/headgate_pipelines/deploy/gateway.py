"""The public API, as a client sees it: what staging's tests call."""

import ssl
from collections.abc import Callable
from typing import Any

import httpx

from headgate_pipelines.errors import Refused, Unavailable
from headgate_pipelines.http import TIMEOUT_S, ask
from headgate_pipelines.settings import Settings

Json = dict[str, Any]


class Gateway:
    """Calls the gateway through Envoy with the tester key. Methods raise Unavailable or Refused, see http.ask."""

    def __init__(self, settings: Settings) -> None:
        trust: ssl.SSLContext | bool = True
        if settings.ca_file is not None:
            trust = ssl.create_default_context(cafile=str(settings.ca_file))
        self._client = httpx.Client(
            base_url=settings.gateway_url,
            headers={"x-api-key": settings.secret("tester_key_file")},
            verify=trust,
            timeout=TIMEOUT_S,
            event_hooks={"request": [_asks_for(settings.gateway_name)] if settings.gateway_name else []},
        )

    def predict(self, model: str, images: list[bytes], version: str | None = None) -> Json:
        """Answer for 1 to 16 encoded images; of the experiment's version where none is named."""
        at = f"/v1/models/{model}" + ("" if version is None else f"/versions/{version}")
        files = [("image", (f"{number}", image)) for number, image in enumerate(images)]
        answer: Json = ask(self._client, "POST", f"{at}/predict", files=files).json()
        return answer

    def metadata(self, model: str, version: str) -> Json:
        """Tensors of a version, by the Open Inference Protocol."""
        answer: Json = ask(self._client, "GET", f"/v2/models/{model}/versions/{version}").json()
        return answer

    def live(self) -> None:
        """Returns when the gateway answers."""
        ask(self._client, "GET", "/v2/health/live")

    def is_ready(self, model: str, version: str) -> bool:
        """Whether a gateway would answer with this version now; one that does not know the version yet would not."""
        try:
            ask(self._client, "GET", f"/v2/models/{model}/versions/{version}/ready")
        except Refused as error:
            if "404" in error.message:
                return False
            raise
        except Unavailable:
            return False
        return True


def _asks_for(name: str) -> Callable[[httpx.Request], None]:
    """Asks the address for another name: in TLS, where the certificate is checked against it, and as the host."""

    def hook(request: httpx.Request) -> None:
        request.headers["host"] = name
        request.extensions["sni_hostname"] = name

    return hook
