"""The gateway under a name that its address does not have, as behind a Service of Kubernetes."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from headgate_pipelines.deploy.gateway import Gateway
from headgate_pipelines.errors import Unavailable
from headgate_pipelines.settings import read_settings

NAME = "api.acme.org"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for NAME, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a pipeline whose gateway answers 200 to its own name, and 404 to others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["host"] == NAME else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    (tmp_path / "key").write_text("hg_key")
    yield {
        "HEADGATE_PIPELINES_GATEWAY_URL": f"https://127.0.0.1:{server.server_port}",
        "HEADGATE_PIPELINES_CA_FILE": str(files[0]),
        "HEADGATE_PIPELINES_TESTER_KEY_FILE": str(tmp_path / "key"),
    }
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_certificate_is_checked_for_the_name_and_the_host_is_the_name(environment: dict[str, str]) -> None:
    gateway = Gateway(read_settings({**environment, "HEADGATE_PIPELINES_GATEWAY_NAME": NAME}))
    assert gateway.is_ready("digits", "1")


@pytest.mark.parametrize("name", [{}, {"HEADGATE_PIPELINES_GATEWAY_NAME": "other.acme.org"}])
def test_a_certificate_for_another_name_is_refused(environment: dict[str, str], name: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        Gateway(read_settings({**environment, **name})).metadata("digits", "1")
