"""Who holds a lock: written into the lock's file, for those who find it taken."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lock.

    Attributes:
        host: name of its machine.
        since: moment at which it took the lock, in UTC.
    """

    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since.isoformat()}"

    @property
    def remedy(self) -> str:
        """What somebody who cannot wait may do."""
        here = self.host == socket.gethostname()
        return f"kill {self.pid}" if here else f"kill {self.pid} (on {self.host})"


def sign(lock: TextIO) -> Holder:
    """Write down that this process holds a lock, from now on."""
    held = Holder(os.getpid(), socket.gethostname(), datetime.now(UTC).replace(microsecond=0))
    content = {"pid": held.pid, "host": held.host, "since": held.since.isoformat()}
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps(content))
    lock.flush()
    return held


def holder_of(lock: TextIO) -> Holder | None:
    """Who holds a lock that was found taken; None if he has not written it down yet."""
    lock.seek(0)
    try:
        content = json.loads(lock.read())
        since = datetime.fromisoformat(content["since"])
        return Holder(int(content["pid"]), str(content["host"]), since)
    except (ValueError, KeyError, TypeError):
        return None
