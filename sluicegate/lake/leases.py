"""Leases: what a running reader holds, so that nothing that it reads is collected.

A lease is a file of this machine, locked for as long as its reader lives: one that is killed lets
go of it like one that ends. Other machines do not see it, so on object storage, and for readers
that may not write into the lake's folder, what protects a reader is the grace period alone.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sluicegate.errors import EnvironmentFailed

_PLACE = "readers"


@dataclass(frozen=True, slots=True)
class Lease:
    """What a reader holds while it reads.

    Attributes:
        name: the generation, or ``refused/<run>``.
        catalog: its catalog, on this machine.
        opened: since when.
        file: what is locked for it.
        handle: the same, open; None where no lease could be taken.
        process: who took it; a fork that inherits it must not let go of it.
    """

    name: str
    catalog: Path
    opened: datetime
    file: Path
    handle: int | None
    process: int

    def release(self) -> None:
        """Let go, once."""
        if self.handle is not None and self.process == os.getpid():
            # The name first: a file that is not locked any more is anybody's to remove.
            with suppress(OSError):
                self.file.unlink()
            os.close(self.handle)


def lease(workspace: Path, name: str, catalog: Path) -> Lease:
    """Hold a catalog for a reader, who took the lock before looking for it.

    Where it may not write, a reader reads without: it must not fail for want of a lease.
    """
    file = workspace / _PLACE / uuid4().hex
    handle = None
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        fcntl.flock(handle, fcntl.LOCK_SH)
        # A collector of another user must be able to read whose it is.
        try:
            os.fchmod(handle, 0o644)
            os.write(handle, name.encode())
        except OSError:
            # On a full disk a lease of nothing would stop the collector, which is what helps.
            file.unlink(missing_ok=True)
            os.close(handle)
            handle = None
    return Lease(name, catalog, datetime.now(UTC), file, handle, os.getpid())


def leased(workspace: Path) -> set[str]:
    """Names of the catalogs that readers on this machine hold; what the dead left is removed.

    For who holds the lock alone: a lease in the making looks like one of the dead.

    Raises:
        EnvironmentFailed: a lease is somebody else's, and may not be read.
    """
    folder = workspace / _PLACE
    names = set()
    for file in folder.iterdir() if folder.is_dir() else ():
        try:
            with file.open() as lease:
                try:
                    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    file.unlink(missing_ok=True)
                except BlockingIOError:
                    names.add(lease.read())
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise EnvironmentFailed(
                "The lease of a reader cannot be read: it belongs to another user.",
                where=str(file),
                hint="collect as the user that owns the lake",
            ) from error
    return names
