"""Bringing a message to people: a line in the log, always, and a webhook or an e-mail if so set.

The Prefect server does this, in a thread. An alert that cannot be delivered says so in the log,
where it stands itself: silence must not look like peace.
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, NoReturn

from sluicegate import __version__

LOG_VARIABLE = "SLUICEGATE_ALERTS_LOG"
"""Variable of the Prefect server: the file to which it writes a line for each alert."""

ATTEMPTS = 3
SECONDS = 10.0
"""Time that a receiver has to answer, each time."""

log = logging.getLogger("sluicegate.alerts")


class Undelivered(Exception):
    """The channel did not take the message. Says why, without the address or a secret."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How an environment's alerts reach people.

    Attributes:
        kind: ``log``, ``webhook`` or ``email``.
    """

    kind: str = "log"
    webhook_url: str = field(default="", repr=False)
    smtp_host: str = ""
    smtp_port: int = 0
    smtp_security: str = "starttls"
    smtp_user: str = field(default="", repr=False)
    smtp_password: str = field(default="", repr=False)
    smtp_from: str = field(default="", repr=False)
    smtp_to: tuple[str, ...] = field(default=(), repr=False)


def deliver(channel: Channel, subject: str, body: str) -> None:
    """Write the message to the log, and send it by the channel.

    Raises:
        Undelivered: the channel did not take it, several times; the log has it.
    """
    subject = " ".join(subject.split())
    _note(f"{subject}: {_line(body)}")
    send = _SENDERS.get(channel.kind)
    if send is None:
        return
    try:
        _again(lambda: send(channel, subject, body))
    except (OSError, smtplib.SMTPException) as error:
        reason = _reason(error)
        _note(f"{subject}: not delivered by {channel.kind}: {reason}; it stands in this log only")
        raise Undelivered(f"not delivered by {channel.kind}: {reason}") from None


def _line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def _note(line: str) -> None:
    """Write to the server's log, and to the file that holds nothing but alerts."""
    log.warning("%s", line)
    if not (name := os.environ.get(LOG_VARIABLE)):
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")
    except OSError as error:
        log.warning("alerts cannot be written to %s: %s", name, error.strerror)


def _again(send: Callable[[], None]) -> None:
    import stamina

    passing = (OSError, smtplib.SMTPException)
    for attempt in stamina.retry_context(on=passing, attempts=ATTEMPTS, timeout=60, wait_max=5):
        with attempt:
            send()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nobody: a POST that was sent on arrives without its text."""


_opener = urllib.request.build_opener(_NoRedirects)


def _by_webhook(channel: Channel, subject: str, body: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only.
        channel.webhook_url,
        data=json.dumps({"text": f"{subject}\n{body}"}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": f"sluicegate/{__version__}"},
        method="POST",
    )
    try:
        _opener.open(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        # It is an answer too, and holds its connection.
        error.close()
        raise


def _by_email(channel: Channel, subject: str, body: str) -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = channel.smtp_from
    message["To"] = ", ".join(channel.smtp_to)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=channel.smtp_from.rpartition("@")[2])
    message.set_content(body)
    with _connected(channel) as server:
        if channel.smtp_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if channel.smtp_user:
            server.login(channel.smtp_user, channel.smtp_password)
        if refused := server.send_message(message):
            _refuse(len(refused))


def _connected(channel: Channel) -> smtplib.SMTP:
    if channel.smtp_security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(
            channel.smtp_host, channel.smtp_port, timeout=SECONDS, context=context
        )
    return smtplib.SMTP(channel.smtp_host, channel.smtp_port, timeout=SECONDS)


def _refuse(count: int) -> NoReturn:
    raise smtplib.SMTPException(f"{count} recipients were refused")


def _reason(error: Exception) -> str:
    """Why it failed. Texts of receivers are left out: they may quote addresses and tokens."""
    if isinstance(error, urllib.error.HTTPError):
        return f"answered with status {error.code}"
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__}, status {error.smtp_code}"
    return type(error).__name__


_SENDERS: dict[str, Callable[[Channel, str, str], None]] = {
    "webhook": _by_webhook,
    "email": _by_email,
}
