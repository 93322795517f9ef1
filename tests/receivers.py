"""What alerts are sent to: a web server and a mail server of this process, and nobody else's."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

T = TypeVar("T")


@dataclass
class WebReceiver:
    """A receiver of webhooks.

    Attributes:
        port: where it listens.
        texts: what it was told and took.
        paths: what was asked for, request by request.
        answers: statuses to answer with, first to last; 200 when there are none left.
    """

    port: int = 0
    texts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def web_receiver(*answers: int) -> Iterator[WebReceiver]:
    """A web server on a free port."""
    received = WebReceiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.paths.append(self.path)
            status = received.answers.pop(0) if received.answers else 200
            if status == 200:
                received.texts.append(json.loads(body)["text"])
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.port = server.server_address[1]
        yield from _served(server, received)


@dataclass
class MailReceiver:
    """A mail server that accepts what it is sent.

    Attributes:
        port: where it listens.
        mails: what arrived.
        envelopes: for whom, mail by mail.
        greeting: the first thing it says; 4xx or 5xx turns everybody away.
    """

    greeting: str
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[list[str]] = field(default_factory=list)


@contextmanager
def mail_receiver(greeting: str = "220 here") -> Iterator[MailReceiver]:
    """A mail server on a free port, as far as `smtplib` needs one."""
    received = MailReceiver(greeting)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say(received.greeting)
            recipients: list[str] = []
            while line := self.rfile.readline():
                verb = line.split()[0].upper()
                if verb == b"RCPT":
                    recipients.append(line.decode().partition("<")[2].partition(">")[0])
                    self.say("250 yes")
                elif verb == b"DATA":
                    self.say("354 go on")
                    received.mails.append(self.mail())
                    received.envelopes.append(recipients)
                    self.say("250 taken")
                else:
                    self.say("221 bye" if verb == b"QUIT" else "250 yes")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def mail(self) -> EmailMessage:
            lines: list[bytes] = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return message_from_bytes(b"".join(lines), policy=policy.default)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        received.port = server.server_address[1]
        yield from _served(server, received)


def _served(server: socketserver.BaseServer, received: T) -> Iterator[T]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
