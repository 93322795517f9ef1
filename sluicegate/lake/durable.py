"""Writes that a power cut cannot tear: content first, then its name, then the folder.

Every file of the lake that is not a data file is created through here, once, and never rewritten.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.points import reached

DRAFT = ".draft"
"""How the names of drafts end; they begin with a dot."""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def no_room(error: BaseException) -> bool:
    """Whether something could not be written because the disk, or a quota, is full."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in _NO_ROOM


@contextmanager
def written(place: Path) -> Iterator[None]:
    """Name a disk that is full, fails or may not be written to for what it is.

    Raises:
        EnvironmentFailed: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise EnvironmentFailed(
            f"The lake cannot be written: {error.strerror or type(error).__name__}.",
            where=str(error.filename or place),
            hint="look at the disk and its free space, then run again; readers see what was"
            " published last, the whole of it",
        ) from error


@contextmanager
def readable(place: Path) -> Iterator[None]:
    """Name a disk that fails, or what this user may not read, for what it is.

    That something is not there is for the caller to judge.

    Raises:
        EnvironmentFailed: the block raised another OSError.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EnvironmentFailed(
            f"The lake cannot be read: {error.strerror or type(error).__name__}.",
            where=str(error.filename or place),
            hint="give this user read permission for the whole lake, or look at the disk",
        ) from error


def sync_file(path: Path) -> None:
    """Flush one file's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Flush a folder's list of names to the disk."""
    sync_file(path)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, and make their names durable."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    while not path.is_dir():
        # Another process may make the folder just before, and take it away again just after.
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            break
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    for folder in missing:
        sync_folder(folder.parent)
    return path


@contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """An empty file of no name that matters, to be filled and then linked or renamed.

    It is locked for as long as its writer lives, so that nobody takes it for one of a dead
    process. It is gone at the end.
    """
    while True:
        draft = folder / f".{uuid4().hex}{DRAFT}"
        with draft.open("xb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink == 0:
                # Swept before it was locked.
                continue
            try:
                yield draft
            finally:
                draft.unlink(missing_ok=True)
            return


def abandoned(draft: Path) -> bool:
    """Whether the process that made a draft has died: nobody will make anything of it."""
    try:
        with draft.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        # Its writer has ended it, or is at work.
        return False
    return True


def sweep_drafts(folder: Path) -> None:
    """Remove the drafts of processes that died from a folder."""
    for draft in folder.glob(f".*{DRAFT}"):
        if abandoned(draft):
            draft.unlink(missing_ok=True)


def create(path: Path, content: bytes) -> bool:
    """Create a file that nobody created before; say whether it was us.

    The name appears together with its whole content, or not at all: a hard link from a synced
    temporary file either succeeds or finds the name taken. This is the compare-and-swap of the
    lake, as ``If-None-Match: *`` is on object storage.
    """
    make_folder(path.parent)
    with drafted(path.parent) as draft:
        draft.write_bytes(content)
        sync_file(draft)
        reached("entry written")
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        reached("entry linked")
    sync_folder(path.parent)
    return True


def settle(draft: Path, path: Path) -> None:
    """Give a finished file its final name; an equal file may be there already."""
    sync_file(draft)
    reached("draft synced")
    make_folder(path.parent)
    draft.replace(path)
    reached("draft renamed")
    sync_folder(path.parent)
