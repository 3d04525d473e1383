"""Alerts against a real HTTP server and a real SMTP server in this process."""

import base64
import datetime
import ipaddress
import json
import socketserver
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from headgate_pipelines.alerts import send
from headgate_pipelines.cli import main
from headgate_pipelines.settings import read_settings

SETTINGS = read_settings({})


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """The port of a server that answers in a thread until the block ends."""
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Webhook:
    status: int = 200
    hold: Event | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def server(self) -> HTTPServer:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                if webhook.hold:
                    webhook.hold.wait(10)
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return HTTPServer(("127.0.0.1", 0), Handler)


@dataclass
class Mailbox:
    """What a mail server has seen: commands, and lines of messages."""

    tls: ssl.SSLContext | None = None
    starts_with_tls: bool = False
    seen: list[str] = field(default_factory=list)

    def server(self) -> socketserver.TCPServer:
        mailbox = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if mailbox.starts_with_tls:
                    self.change_to_tls()
                self.answer("220 mailbox")
                while line := self.rfile.readline().decode().rstrip("\r\n"):
                    verb, _, rest = line.partition(" ")
                    mailbox.seen.append(f"{verb.upper()} {rest}".rstrip())
                    if not self.take(verb.upper()):
                        return

            def take(self, verb: str) -> bool:
                if verb == "EHLO":
                    offers = ["AUTH PLAIN"] if isinstance(self.connection, ssl.SSLSocket) else []
                    if mailbox.tls and not offers:
                        offers = ["STARTTLS"]
                    for offer in ["mailbox", *offers]:
                        self.answer(f"250-{offer}")
                    self.answer("250 8BITMIME")
                elif verb == "STARTTLS":
                    self.answer("220 go")
                    self.change_to_tls()
                elif verb == "AUTH":
                    self.answer("235 welcome")
                elif verb == "DATA":
                    self.answer("354 go")
                    while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        mailbox.seen.append(line)
                    self.answer("250 taken")
                else:
                    self.answer("221 bye" if verb == "QUIT" else "250 ok")
                return verb != "QUIT"

            def change_to_tls(self) -> None:
                assert mailbox.tls
                self.connection = mailbox.tls.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)

            def answer(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        return socketserver.TCPServer(("127.0.0.1", 0), Handler)

    def message(self) -> Message:
        start = self.seen.index("DATA") + 1
        end = self.seen.index("QUIT")
        return message_from_bytes("\n".join(self.seen[start:end]).encode())


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """TLS of a server at 127.0.0.1 whose certificate this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailbox")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    chain = tmp_path / "chain.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(private + certificate.public_bytes(pem))
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def mail_to(port: int, scheme: str = "smtp", user: str = "") -> Any:
    return replace(SETTINGS, alert_email="team@example.org", smtp_url=f"{scheme}://{user}127.0.0.1:{port}")


def test_a_webhook_gets_title_and_text_as_json() -> None:
    webhook = Webhook()
    with serving(webhook.server()) as port:
        settings = replace(SETTINGS, alert_webhook=f"http://127.0.0.1:{port}/hook")
        assert send(settings, "ingest\nfailed", "12 items refused") == {}
    assert webhook.bodies == [{"title": "ingest failed", "text": "ingest failed\n12 items refused"}]


def test_a_mail_arrives_over_plain_smtp_with_its_title_as_subject() -> None:
    mailbox = Mailbox()
    with serving(mailbox.server()) as port:
        assert send(mail_to(port), "drift\r\nBcc: other@example.org", "räumlich") == {}
    message = mailbox.message()
    assert message["Subject"] == "drift Bcc: other@example.org"
    assert message["Bcc"] is None
    assert (message["From"], message["To"]) == ("headgate@example.org", "team@example.org")
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().strip() == "räumlich"
    assert "AUTH" not in " ".join(mailbox.seen)


def test_a_login_waits_for_starttls(tls: ssl.SSLContext) -> None:
    mailbox = Mailbox(tls)
    with serving(mailbox.server()) as port:
        assert send(mail_to(port, user="bot%40example.org:p%40ss@"), "title", "text") == {}
    login = next(line for line in mailbox.seen if line.startswith("AUTH PLAIN"))
    assert base64.b64decode(login.split()[2]) == b"\0bot@example.org\0p@ss"
    assert mailbox.seen.index("STARTTLS") < mailbox.seen.index(login)
    assert mailbox.message()["From"] == "bot@example.org"


def test_smtps_begins_with_tls(tls: ssl.SSLContext) -> None:
    mailbox = Mailbox(tls, starts_with_tls=True)
    with serving(mailbox.server()) as port:
        assert send(mail_to(port, "smtps"), "title", "text") == {}
    assert mailbox.message()["Subject"] == "title"


def test_a_certificate_that_nobody_signed_gets_no_mail(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    mailbox = Mailbox(tls)
    with serving(mailbox.server()) as port:
        assert send(mail_to(port), "title", "text") == {"e-mail": "SSLCertVerificationError"}
    assert "DATA" not in mailbox.seen


def test_no_password_travels_without_tls(capsys: pytest.CaptureFixture[str]) -> None:
    mailbox = Mailbox()
    with serving(mailbox.server()) as port:
        send(mail_to(port, user="bot:hunter2@"), "title", "text")
    assert not [line for line in mailbox.seen if line.startswith(("AUTH", "DATA"))]
    printed = capsys.readouterr().err
    assert "the mail server offers no TLS" in printed
    assert "hunter2" not in printed


def test_a_failing_channel_is_printed_without_its_address_and_the_other_one_still_sends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    webhook, mailbox = Webhook(status=403), Mailbox()
    with serving(webhook.server()) as hook, serving(mailbox.server()) as port:
        send(replace(mail_to(port), alert_webhook=f"http://127.0.0.1:{hook}/token-s3cret"), "title", "text")
    assert mailbox.message()["Subject"] == "title"
    assert capsys.readouterr().err == "alert by webhook failed: HTTP status 403\n"


@pytest.mark.parametrize(
    "broken",
    [
        lambda: replace(SETTINGS, alert_webhook="http://127.0.0.1:1/token-s3cret"),
        lambda: replace(SETTINGS, alert_webhook="no address token-s3cret"),
        lambda: replace(SETTINGS, alert_email="team@example.org", smtp_url="smtp://bot:s3cret@127.0.0.1:1"),
        lambda: replace(SETTINGS, alert_email="team@example.org", smtp_url="smtp://bot:s3cret@127.0.0.1:x"),
        lambda: replace(SETTINGS, alert_email="team@example.org", smtp_url="s3cret"),
        lambda: replace(SETTINGS, alert_email="a\nb", smtp_url="smtp://bot:s3cret@127.0.0.1:1"),
    ],
)
def test_wrong_addresses_fail_without_an_exception_or_a_secret(
    broken: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    send(broken(), "title", "text")
    printed = capsys.readouterr().err
    assert "failed" in printed
    assert "s3cret" not in printed


def test_a_webhook_that_never_answers_is_given_up() -> None:
    webhook = Webhook(hold=Event())
    with serving(webhook.server()) as port:
        settings = replace(SETTINGS, alert_webhook=f"http://127.0.0.1:{port}/")
        assert send(settings, "title", "text", deadline_s=0.2) == {"webhook": "no answer within 0.2 s"}
        assert webhook.hold
        webhook.hold.set()


def test_the_command_exits_with_3_when_a_channel_fails_and_0_when_none_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["alert", "--title", "a title", "--text", "text"]
    assert main(arguments) == 0
    assert "no channel is set (docs/pipelines.md): a title" in capsys.readouterr().err
    monkeypatch.setenv("HEADGATE_PIPELINES_ALERT_WEBHOOK", "http://127.0.0.1:1/")
    assert main(arguments) == 3
