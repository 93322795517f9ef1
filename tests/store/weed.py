"""A real S3 server on this machine: SeaweedFS, all its parts in one process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

BUCKET = "lake"
KEY_ID, SECRET = "the-lake", "4-secret/of+the=lake"
READER_ID, READER_SECRET = "a-reader", "4-secret-of-a-reader"
PARTS = ("master", "volume", "filer", "s3")
PATIENCE = 60.0


class Server:
    """Started and stopped at will, on ports and with data that stay the same.

    Attributes:
        endpoint: where it answers.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(_names(), _free_ports(2 * len(PARTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = f"http://127.0.0.1:{self._ports['s3']}"
        users = [(KEY_ID, SECRET, ["Admin"]), (READER_ID, READER_SECRET, ["Read", "List"])]
        identities = [
            {
                "name": key_id,
                "credentials": [{"accessKey": key_id, "secretKey": secret}],
                "actions": actions,
            }
            for key_id, secret, actions in users
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))

    def start(self) -> None:
        """Start it, and wait until it takes objects."""
        command = [
            *(str(Path(sys.executable).with_name("weed")), "-logtostderr=true", "server"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-dir={self._folder}"),
            *(f"-{part}={port}" for part, port in self._options().items()),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
            *(f"-s3.config={self._folder / 's3.json'}", "-s3.autoCreateBucket=false"),
            *(f"-{part}.localSocket={self._folder / part}.sock" for part in ("filer", "s3")),
            *("-volume.max=64", "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1"),
            *("-volume.preStopSeconds=0", "-master.electionTimeout=1s", "-master.telemetry=false"),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        self._wait(self.endpoint, refuses=403)
        filer = f"http://127.0.0.1:{self._ports['filer']}"
        self._wait(f"{filer}/buckets/{BUCKET}/", method="POST", refuses=409)
        # It takes objects once its parts have found each other.
        self._wait(f"{filer}/ready", method="PUT", data=b"yes")

    def stop(self) -> None:
        """Stop it, as an outage would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def _options(self) -> dict[str, int]:
        return {
            f"{part}.port{'.grpc' * grpc}": self._ports[f"{part}{'+' * grpc}"]
            for part in PARTS
            for grpc in (False, True)
        }

    def _wait(
        self, url: str, *, method: str = "GET", data: bytes | None = None, refuses: int = 0
    ) -> None:
        deadline = time.monotonic() + PATIENCE
        request = urllib.request.Request(url, data=data, method=method)
        while True:
            try:
                urllib.request.urlopen(request, timeout=10).close()
                return
            except urllib.error.HTTPError as error:
                if error.code == refuses:
                    return
            except OSError:
                pass
            assert self._process
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.02)


def _names() -> list[str]:
    return [name for part in PARTS for name in (part, f"{part}+")]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
