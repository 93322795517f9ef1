"""Doors in front of a server that lose an answer, say nothing, or agree to everything."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit


class Forgetful:
    """Hands everything on, and loses the answers to as many PUTs as it is told to.

    Attributes:
        endpoint: where it answers.
        lose: how many answers are still to be lost.
        lost: how many were.
    """

    def __init__(self, endpoint: str) -> None:
        self._behind = urlsplit(endpoint)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.lose = self.lost = 0
        Thread(target=self._open, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _open(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._door.accept()
                Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        server = socket.create_connection((self._behind.hostname or "", self._behind.port or 0))
        asked = [b""]

        def hand_on() -> None:
            with suppress(OSError):
                while some := caller.recv(1 << 16):
                    if some.startswith((b"GET", b"HEAD", b"PUT", b"DELETE")):
                        asked[0] = some
                    server.sendall(some)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)

        Thread(target=hand_on, daemon=True).start()
        with caller, server, suppress(OSError):
            while some := server.recv(1 << 16):
                if asked[0].startswith(b"PUT") and self.lose:
                    # The server has done it; who asked will not hear of it.
                    self.lose -= 1
                    self.lost += 1
                    break
                caller.sendall(some)
            caller.shutdown(socket.SHUT_RDWR)


@contextmanager
def silent() -> Iterator[str]:
    """Where a server takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


class _Yes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Agree to anything."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing about it."""


@contextmanager
def heedless() -> Iterator[str]:
    """Where a service overwrites whatever it is told to leave alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Yes) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
