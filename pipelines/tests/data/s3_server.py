"""The S3 server that the TypeScript tests use as well (testkit/src/services/s3.ts)."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.services import Service, free_port

VERSION = "4.1.0"
JAR = f"s3proxy-{VERSION}-jar-with-dependencies.jar"
FETCH_WITHIN_S = 240
BUCKET = "photos"


class AnyAnswer(Service):
    """Healthy once it answers at all: an unsigned request is refused."""

    def _healthy(self) -> bool:
        try:
            return httpx.get(self.health, timeout=2).status_code > 0
        except httpx.HTTPError:
            return False


@dataclass
class S3:
    """A server of the S3 protocol that keeps objects below `folder`/BUCKET."""

    service: Service
    folder: Path
    env: Mapping[str, str]
    """What boto3 and DVC need to find it."""


def fetch_jar() -> Path:
    """Maven keeps the program between runs, in its own cache or where `npm test` has put it."""
    cache = Path(__file__).parents[3] / "state" / "cache" / "s3proxy"
    if not (cache / JAR).exists():
        artifact = f"org.gaul:s3proxy:{VERSION}:jar:jar-with-dependencies"
        command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={cache}"]
        subprocess.run(command, check=True, timeout=FETCH_WITHIN_S)
    return cache / JAR


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One server for the whole run, with an empty bucket."""
    if not shutil.which("java") or not shutil.which("mvn"):
        pytest.skip("needs default-jre-headless and maven")
    folder = tmp_path_factory.mktemp("s3")
    endpoint, secret = f"http://127.0.0.1:{free_port()}", secrets.token_hex(16)
    properties = {
        "s3proxy.endpoint": endpoint,
        "s3proxy.authorization": "aws-v4",
        "s3proxy.identity": "headgate",
        "s3proxy.credential": secret,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.filesystem.basedir": str(folder / "data"),
        "jclouds.identity": "unused",
        "jclouds.credential": "unused",
    }
    (folder / "data" / BUCKET).mkdir(parents=True)
    (folder / "s3proxy.conf").write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    command = [str(shutil.which("java")), "-Xmx256m", "-jar", str(fetch_jar()), "--properties"]
    command.append(str(folder / "s3proxy.conf"))
    env = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "headgate",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    service = AnyAnswer(command, endpoint, folder / "s3proxy.log")
    service.start()
    yield S3(service, folder / "data", env)
    service.stop()
