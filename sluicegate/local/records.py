"""What this clone remembers about the services it started, and the lock around starting them."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sluicegate.errors import EnvironmentFailed
from sluicegate.local import processes

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Record:
    """A process that `up` started: enough to tell it from every other one."""

    name: str
    pid: int
    birth: str
    host: str
    port: int
    started_at: float

    @property
    def alive(self) -> bool:
        """Whether this very process still runs, and not one that got its number later."""
        return processes.birth(self.pid) == self.birth


class Records:
    """The folder ``.sluicegate``, as far as services are concerned."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "services"
        self.logs = state / "logs"

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            EnvironmentFailed: this user may not.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise EnvironmentFailed(
                f"The folder for this machine's state cannot be written: {error.strerror}.",
                where=str(error.filename),
                hint="give this user write permission there, or clone where it has it",
            ) from error

    def log(self, name: str) -> Path:
        """Where a service writes what it has to say."""
        return self.logs / f"{name}.log"

    def read(self, name: str) -> Record | None:
        """The record of a service; None if there is none, or none that can be read."""
        try:
            return Record(**json.loads((self.folder / f"{name}.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def living(self, name: str) -> Record | None:
        """The record of a service whose process runs."""
        record = self.read(name)
        return record if record and record.alive else None

    def names(self) -> list[str]:
        """Services that have a record, readable or not."""
        return sorted(file.stem for file in self.folder.glob("*.json"))

    def write(self, record: Record) -> None:
        """Remember a process, at once or not at all."""
        draft = self.folder / f".{record.name}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        draft.replace(self.folder / f"{record.name}.json")

    def forget(self, name: str) -> None:
        """Drop the record of a service."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    @contextmanager
    def locked(self, timeout: float, waiting: Callable[[], object]) -> Iterator[None]:
        """Be the only one who starts or stops services of this clone.

        The lock goes with the process that holds it, so a killed one leaves nothing to clean up.
        """
        self.prepare()
        with (self.folder / ".lock").open("a") as file:
            deadline, told = time.monotonic() + timeout, False
            while not _taken(file.fileno()):
                if not told:
                    waiting()
                    told = True
                if time.monotonic() > deadline:
                    raise EnvironmentFailed(
                        "Another command has been starting or stopping services for "
                        f"{timeout:.0f} s.",
                        where=str(self.folder / ".lock"),
                        hint="wait for it, or end it, and try again",
                    )
                time.sleep(POLL_SECONDS)
            yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
