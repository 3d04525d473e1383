"""Whether MLflow answers at all. Its own client takes seconds to import."""

import http.client
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from headgate_pipelines.errors import Unavailable
from headgate_pipelines.progress import waiting

WITHIN_S = 10.0


def shown(url: str) -> str:
    """The address without what it may keep secret: user, password, query."""
    where = urlsplit(url)._replace(query="", fragment="")
    return where._replace(netloc=where.netloc.rpartition("@")[2]).geturl()


def away(url: str) -> Unavailable:
    """The error of an MLflow that is silent."""
    return Unavailable(f"MLflow at {shown(url)} does not answer", "start MLflow, or correct MLFLOW_TRACKING_URI")


def reach(url: str) -> None:
    """Returns once MLflow answers anything, an error too: the client tells that one in better words.

    Raises:
        Unavailable: it refuses the connection, speaks no HTTP, or is silent for WITHIN_S seconds.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        return
    try:
        with waiting(f"waiting for MLflow at {shown(url)}, at most {WITHIN_S:.0f} s"):
            urllib.request.urlopen(f"{shown(url)}/health", timeout=WITHIN_S).close()  # noqa: S310  # nosec
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError, http.client.HTTPException) as error:
        # MLflow's client has settings of its own for certificates.
        if not isinstance(getattr(error, "reason", None), ssl.SSLError):
            raise away(url) from error
