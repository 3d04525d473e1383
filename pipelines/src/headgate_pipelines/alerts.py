"""Messages to the team, by webhook and by e-mail; each channel that is set gets each message.

A command sends news: a candidate waits, a champion changed, photos drift. It sends nothing when it fails: who runs it
sees the exit code and the words, and Airflow sends them once, after the last try.
"""

import argparse
import smtplib
import ssl
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from threading import Thread
from urllib.parse import unquote, urlsplit

import httpx

from headgate_pipelines.errors import Unavailable
from headgate_pipelines.settings import Settings, read_settings

STEP_S = 10.0
"""Limit of one connect, read or write."""
DEADLINE_S = 20.0
"""Limit of the whole message, name lookup included: a failed run must not hang on its own alert."""


def send(settings: Settings, title: str, text: str, deadline_s: float = DEADLINE_S) -> dict[str, str]:
    """Sends to each channel that is set. Prints failures and never raises. Returns what went wrong, by channel.

    Args:
        title: becomes one line.
        deadline_s: for all channels together, which run at the same time.
    """
    title = " ".join(title.split())
    channels: dict[str, Callable[[], None]] = {}
    if settings.alert_webhook:
        channels["webhook"] = lambda: post(settings.alert_webhook, title, text)
    if settings.alert_email:
        channels["e-mail"] = lambda: mail(settings.smtp_url, settings.alert_email, title, text)
    if not channels:
        print(f"no alert is sent, since no channel is set (docs/pipelines.md): {title}", file=sys.stderr)
    failures = dict.fromkeys(channels, f"no answer within {deadline_s:g} s")
    threads = [Thread(target=_attempt, args=(name, channels[name], failures), daemon=True) for name in channels]
    for thread in threads:
        thread.start()
    end = time.monotonic() + deadline_s
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    # A thread that still waits is a daemon: it ends with the process.
    failures = dict(failures)
    for name, why in failures.items():
        print(f"alert by {name} failed: {why}", file=sys.stderr)
    return failures


def _attempt(name: str, channel: Callable[[], None], failures: dict[str, str]) -> None:
    try:
        channel()
        del failures[name]
    except Unavailable as error:
        failures[name] = error.message
    except Exception as error:
        # Texts of other errors may repeat the address, which may hold a token or a password.
        failures[name] = type(error).__name__


def post(url: str, title: str, text: str) -> None:
    """Posts `{"title", "text"}`; `text` begins with the title, since Slack and Mattermost show only `text`.

    Raises:
        Unavailable: the answer is not 2xx. Redirects are not followed.
        httpx.HTTPError: no answer.
    """
    body = {"title": title, "text": f"{title}\n{text}"}
    answer = httpx.post(url, json=body, timeout=STEP_S, verify=ssl.create_default_context())
    if not answer.is_success:
        raise Unavailable(f"HTTP status {answer.status_code}")


def mail(smtp_url: str, receiver: str, title: str, text: str) -> None:
    """Sends an e-mail. `smtps:` begins with TLS; `smtp:` changes to TLS when the server offers STARTTLS.

    Raises:
        Unavailable: the address is not usable, or a password would travel without TLS.
        OSError, smtplib.SMTPException: the server does not take the message.
    """
    url = urlsplit(smtp_url)
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise Unavailable("HEADGATE_PIPELINES_SMTP_URL is not smtp://host:port or smtps://host:port")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    message = EmailMessage()
    message["From"] = user if "@" in user else f"headgate@{receiver.rpartition('@')[2]}"
    message["To"] = receiver
    message["Subject"] = title
    message["Date"] = formatdate()
    message.set_content(text)
    with _connect(url.hostname, url.port or 0, url.scheme == "smtps") as server:
        if user:
            if not isinstance(server.sock, ssl.SSLSocket):
                raise Unavailable("the mail server offers no TLS, so no password is sent; use smtps:")
            server.login(user, password)
        server.send_message(message)


def _connect(host: str, port: int, tls: bool) -> smtplib.SMTP:
    """Port 0 is the protocol's own: 465 with `tls`, else 25."""
    context = ssl.create_default_context()
    if tls:
        return smtplib.SMTP_SSL(host, port, timeout=STEP_S, context=context)
    server = smtplib.SMTP(host, port, timeout=STEP_S)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
        server.ehlo()
    return server


def run(arguments: argparse.Namespace) -> int:
    """Sends the message that the arguments hold."""
    failures = send(read_settings(), arguments.title, arguments.text)
    return Unavailable.exit_code if failures else 0
