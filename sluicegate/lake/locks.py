"""The lock between those who point at catalogs and those who remove what nothing points at.

Who makes a catalog reachable (branch, publish, rollback, pin, read) holds it shared, from looking
for the catalog until something points at it; who decides what is unreachable, and removes it, holds
it alone. It is a file of this machine: on object storage the grace period stands in for it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sluicegate.errors import EnvironmentFailed

_PLACE = "locks"
_POINTERS = "pointers"
_COLLECTOR = "collector"


def prepare(workspace: Path) -> None:
    """Have the locks there before a disk is full: a collector could not make its own then."""
    for name in (_POINTERS, _COLLECTOR):
        # Who may not write finds out when he has to.
        with suppress(OSError):
            os.close(_open(workspace, name))


@contextmanager
def rooting(workspace: Path) -> Iterator[None]:
    """Hold while something is made to point at a catalog, from looking for it until it does.

    Raises:
        EnvironmentFailed: the folder may not be written to.
    """
    with _locked(workspace, _POINTERS, fcntl.LOCK_SH):
        yield


@contextmanager
def looking(workspace: Path) -> Iterator[None]:
    """As :func:`rooting`, for readers, who go on without a lock where they may not have one."""
    try:
        # A lake that is not there is not made by who looks for it.
        handle = _open(workspace, _POINTERS) if workspace.is_dir() else None
    except OSError:
        handle = None
    if handle is None:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def deciding(workspace: Path) -> Iterator[None]:
    """Hold while it is decided what is unreachable, and removed.

    Raises:
        EnvironmentFailed: the folder may not be written to.
    """
    with _locked(workspace, _POINTERS, fcntl.LOCK_EX):
        yield


@contextmanager
def collecting(workspace: Path) -> Iterator[None]:
    """Be the one collector at work on this machine; another one is waited for.

    Raises:
        EnvironmentFailed: the folder may not be written to.
    """
    with _locked(workspace, _COLLECTOR, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(workspace: Path, name: str, how: int) -> Iterator[None]:
    try:
        handle = _open(workspace, name)
    except OSError as error:
        raise EnvironmentFailed(
            f"The lake's folder cannot be written: {error.strerror or error}.",
            where=str(workspace / _PLACE),
            hint="give this user write permission, or set SLUICEGATE_LAKE__ROOT elsewhere",
        ) from error
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _open(workspace: Path, name: str) -> int:
    file = workspace / _PLACE / name
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        # Somebody else's; a lock of it can be had all the same.
        return os.open(file, os.O_RDONLY)
