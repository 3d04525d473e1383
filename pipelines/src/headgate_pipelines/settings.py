"""Where the services are. The only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headgate_pipelines.errors import PipelineError


@dataclass(frozen=True)
class Settings:
    """Addresses and secrets. Secrets are read from files and never printed."""

    mlflow_url: str
    control_url: str
    """Admin API of control, without `/api/v1`."""
    gateway_url: str
    """Public address, such as https://localhost:8443."""
    ca_file: Path | None
    """Certificate authority of the public address; None: those of the system."""
    admin_key_file: Path | None
    tester_key_file: Path | None
    sign_key_file: Path | None
    """Ed25519 private key in PEM that signs manifests of registered versions; None: they are not signed."""
    alert_webhook: str = field(repr=False)
    """URL that gets news and Airflow's alerts as JSON; empty: none."""
    alert_email: str
    """Receiver of the same; empty: none."""
    smtp_url: str = field(repr=False)
    """smtp://user:password@host:port"""
    root: Path
    """The checkout, or the folder where an image keeps the same files: models/, samples/, inference/."""
    node: Path
    """The Node.js program that runs the serving engine."""
    gateway_name: str = ""
    """Name in the gateway's certificate, where its address has another, as a Service does; empty: the same."""
    database_url: str = field(default="", repr=False)
    """Database of MLflow or Airflow, for headgate_pipelines.database alone."""

    def secret(self, name: str) -> str:
        """Content of `admin_key_file` or `tester_key_file`, without the line end.

        Raises:
            PipelineError: the setting is missing, or the file cannot be read.
        """
        path: Path | None = getattr(self, name)
        variable = f"HEADGATE_PIPELINES_{name.upper()}"
        if path is None:
            raise PipelineError(f"{variable} is not set", "name the file with the key in it")
        try:
            return path.read_text("utf-8").strip()
        except OSError as error:
            raise PipelineError(f"{variable}: {path} cannot be read", "check the file") from error


def read_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Reads `HEADGATE_PIPELINES_*`; MLFLOW_TRACKING_URI as MLflow itself names it, HEADGATE_ROOT as the services do."""

    def text(name: str, default: str = "") -> str:
        return env.get(f"HEADGATE_PIPELINES_{name}", default)

    def path(name: str) -> Path | None:
        value = text(name)
        return Path(value) if value else None

    root = Path(env.get("HEADGATE_ROOT", Path(__file__).parents[3])).absolute()
    return Settings(
        mlflow_url=env.get("MLFLOW_TRACKING_URI", "http://127.0.0.1:8449"),
        control_url=text("CONTROL_URL", "http://127.0.0.1:8447"),
        gateway_url=text("GATEWAY_URL", "https://localhost:8443"),
        ca_file=path("CA_FILE"),
        admin_key_file=path("ADMIN_KEY_FILE"),
        tester_key_file=path("TESTER_KEY_FILE"),
        sign_key_file=path("SIGN_KEY_FILE"),
        alert_webhook=text("ALERT_WEBHOOK"),
        alert_email=text("ALERT_EMAIL"),
        smtp_url=text("SMTP_URL"),
        root=root,
        node=path("NODE") or root / "node_modules" / ".bin" / "node",
        gateway_name=text("GATEWAY_NAME"),
        database_url=text("DATABASE_URL"),
    )
