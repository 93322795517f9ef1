"""A branch: a private, writable copy of a generation's catalog that shares its data files.

It lives in a folder of its own, held by a lock for as long as its process lives. Making one copies
a catalog, never data. Publishing consumes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from sluicegate.errors import BranchBusy, Bug, ConfigurationError, EnvironmentFailed
from sluicegate.lake import checksums, durable
from sluicegate.lake.compact import compact, touch, vacuum
from sluicegate.lake.condemned import Condemned
from sluicegate.lake.connection import Connection, attach, connect, detach
from sluicegate.lake.damage import damage
from sluicegate.lake.holder import holder_of, sign
from sluicegate.lake.inventory import data_files
from sluicegate.lake.locks import rooting
from sluicegate.lake.points import reached
from sluicegate.lake.refs import Move
from sluicegate.lake.session import Session
from sluicegate.lake.store import Store

if TYPE_CHECKING:
    import duckdb

CATALOG = "catalog.db"
BASE = "base"
GENERATIONS = "catalogs/"
_LOCK = "lock"
_LEFTOVERS = ("-journal", "-wal", "-shm")


class Branch:
    """One branch; made by :meth:`Lake.branch`, written by exactly one process.

    Attributes:
        ref: the environment that it will be published to.
        base: where that ref pointed when the branch was made; None for a new lake.
        catalog: its catalog file, which dbt is handed too.
        files: where its data files go, as those of the whole lake.
    """

    def __init__(self, folder: Path, store: Store, ref: str, base: Move | None) -> None:
        self.name = folder.name
        self.ref = ref
        self.base = base
        self.catalog = folder / CATALOG
        self.files = store.files
        self._store = store
        self._connection: Connection | None = None
        self._open = False

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open the branch for reading and writing; its catalog is nobody's again at the end."""
        if self._connection is None:
            self._connection = connect()
        attach(self._connection, self.catalog, self.files, read_only=False)
        self._open = True
        try:
            yield Session(self._connection, self._damaged, self.files)
        finally:
            reached("data written")
            detach(self._connection)
            self._open = False
            reached("catalog closed")

    def _damaged(self, error: duckdb.Error) -> EnvironmentFailed | None:
        return damage(str(error), self.catalog, self.files)

    def close(self) -> None:
        """Let go of the connection that sessions share, because making one takes long."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def seal(self) -> str:
        """Turn the branch into an immutable generation and return its name.

        What its catalog need not remember is forgotten first. Data files reach the disk before the
        catalog that names them, and the catalog before any ref can point at it. A generation is
        named after its content, as a commit is.

        Raises:
            EnvironmentFailed: the disk is full, or lost a file.
            ConfigurationError: a table has a data file that is not one of the lake's.
        """
        leftovers = (self.catalog.with_name(CATALOG + end) for end in _LEFTOVERS)
        # An open session would go on writing to the file that readers see by then.
        if self._open or any(leftover.exists() for leftover in leftovers):
            raise Bug("A branch was published while it was open.", where=str(self.catalog))
        self._require_own()
        reached("compaction begun")
        rewritten = compact(self.catalog, self.session)
        reached("compaction ended")
        if rewritten and not self.files.remote:
            checksums.require_unchanged(self.catalog, self._store, rewritten)
        fresh = _keys(self.catalog) - self._durable()
        self._store.sync(fresh)
        reached("data synced")
        if not self.files.remote:
            checksums.record(self.catalog, self._store, fresh)
        if rewritten is not None:
            vacuum(self.catalog)
        reached("catalog finished")
        generation = self._name()
        self._store.settle(self.catalog, key_of(generation))
        reached("catalog settled")
        return generation

    def _require_own(self) -> None:
        """Be sure that all that readers will see is in the lake: else nobody keeps it there.

        What is named by its full path is in no backup, and is lost when the lake is moved.
        """
        for file in data_files(self.catalog, current=True):
            if file.elsewhere is not None:
                raise ConfigurationError(
                    f"A data file of {file.table} is not in the folder of that table in the lake;"
                    " nothing was published.",
                    where=file.elsewhere,
                    hint="insert its rows instead: INSERT INTO ... FROM read_parquet(...)",
                )

    def unseal(self, generation: str) -> None:
        """Have the catalog back after all: nobody came to point at what it was sealed as."""
        copy_catalog(self._store.local(key_of(generation)), self.catalog)

    def _name(self) -> str:
        """The name that its content gives it, and that no collector is about to take away."""
        condemned = Condemned(self._store)
        while (generation := name_of(self.catalog)) in condemned:
            touch(self.catalog)
        return generation

    def _durable(self) -> set[str]:
        """What is on the disk already: the base names it."""
        return _keys(self._store.local(key_of(self.base.generation))) if self.base else set()

    def set_aside(self, folder: Path) -> Path:
        """Copy the catalog into a folder that outlives the branch, and return the copy."""
        aside = folder / CATALOG
        with rooting(self._store.workspace):
            copy_catalog(self.catalog, aside)
            if self.base is not None:
                set_base(folder, self.base.generation)
            reached("branch set aside")
        return aside

    def keep(self, key: str) -> None:
        """Keep a refused branch's catalog as evidence, to be looked at but never published.

        Raises:
            EnvironmentFailed: the catalog is damaged, or the disk fails.
        """
        if self.catalog.exists():
            with rooting(self._store.workspace):
                # A power cut must not leave evidence that names what never reached the disk.
                self._store.sync(_keys(self.catalog) - self._durable())
                self._store.settle(self.catalog, key)


def name_of(catalog: Path) -> str:
    """The name of a generation with this catalog: its content decides."""
    with catalog.open("rb") as content:
        return f"g{hashlib.file_digest(content, 'sha256').hexdigest()[:12]}"


def key_of(generation: str) -> str:
    """Where the catalog of a generation is kept."""
    return f"{GENERATIONS}{generation}.db"


def set_base(folder: Path, generation: str) -> None:
    """Write down what the branch in a folder is a copy of; a collector leaves that alone."""
    (folder / BASE).write_text(generation)


def bases(branches: Path) -> dict[str, str]:
    """Name of a branch on this machine → the generation that it is a copy of."""
    found = {}
    for folder in branches.iterdir() if branches.is_dir() else ():
        # One that is removed at this moment needs nothing any more.
        with suppress(FileNotFoundError, NotADirectoryError):
            found[folder.name] = (folder / BASE).read_text()
    return found


def begun(branches: Path) -> datetime | None:
    """When the oldest branch on this machine was made, by the clock of the file system."""
    locks = branches.glob(f"*/{_LOCK}")
    moments = []
    for lock in locks:
        with suppress(FileNotFoundError):
            moments.append(datetime.fromtimestamp(lock.stat().st_mtime, UTC))
    return min(moments, default=None)


def _keys(catalog: Path) -> set[str]:
    return {file.key for file in data_files(catalog)}


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Be the one process that works in a branch's folder; remove the folder at the end.

    Raises:
        BranchBusy: another process holds it.
    """
    with _locked(folder, new=True) as lock:
        with durable.written(folder):
            sign(lock)
        reached("branch made")
        try:
            yield
        finally:
            reached("branch let go")
            _discard(folder)


def _discard(folder: Path) -> None:
    """Remove a folder that this process holds, and nothing that the next holder puts there."""
    # What is removed piece by piece has a name of its own: without its lock, the old one would be
    # free to be taken while files still vanish from it.
    with suppress(OSError):
        folder = folder.rename(folder.with_name(f"{folder.name}.gone-{uuid4().hex[:8]}"))
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, new: bool) -> Iterator[TextIO]:
    while True:
        if new:
            with durable.written(folder):
                durable.make_folder(folder)
        try:
            lock = (folder / _LOCK).open("a+")
        except FileNotFoundError:
            if new:
                continue
            raise
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _busy(folder, lock) from error
            # Somebody may have swept the folder just before: a lock without a name holds nothing.
            if _same_file(lock, folder / _LOCK):
                yield lock
                return


def _busy(folder: Path, lock: TextIO) -> BranchBusy:
    holder = holder_of(lock)
    hint = "wait until it has ended and run again"
    if holder is not None:
        hint += f"; or end it, which publishes nothing and loses no batch: {holder.remedy}"
    return BranchBusy(
        f"The branch {folder.name!r} has a writer already ({holder or 'it has just begun'}).",
        where=str(folder),
        hint=hint,
    )


def _same_file(handle: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def sweep(branches: Path) -> list[str]:
    """Remove the branches of processes that died; say which."""
    swept = []
    for folder in branches.iterdir() if branches.is_dir() else ():
        # One that has a writer, or that its writer removes right now, is none of ours.
        # It is not signed, because a full disk is when its space is needed most.
        with suppress(BranchBusy, OSError), _locked(folder, new=False):
            swept.append(folder.name)
            _discard(folder)
    return swept


@contextmanager
def doorway(branches: Path) -> Iterator[None]:
    """Sweep and make branches one process at a time: a sweeper would hold one in the making."""
    durable.make_folder(branches)
    door = os.open(branches, os.O_RDONLY)
    try:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield
    finally:
        os.close(door)


def copy_catalog(source: Path, target: Path) -> None:
    """Start a branch from a generation's catalog."""
    with durable.written(target):
        durable.make_folder(target.parent)
        for leftover in _LEFTOVERS:
            # SQLite would replay the journal of a killed writer into the fresh copy.
            target.with_name(target.name + leftover).unlink(missing_ok=True)
        draft = target.with_name(f".{target.name}")
        shutil.copyfile(source, draft)
        # Whole or not at all: somebody may look at it.
        draft.replace(target)
