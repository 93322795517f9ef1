"""Where a lake keeps its small immutable objects: entries of logs, catalogs, evidence, raw batches.

A store has one promise that everything else is built on: :meth:`Store.create` makes a name that
nobody made before, with its whole content, or says that it is taken. On a folder that is a hard
link, on object storage a conditional PUT.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of a store: its key, its size in bytes, and when it was written."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class DataFiles:
    """Where the data files of a lake are, as DuckDB is told.

    Attributes:
        path: folder or address, with a slash at its end.
        spill: folder of this machine for what does not fit into memory.
        access: what ``CREATE SECRET`` is told, for object storage: options and their values.
    """

    path: str
    spill: Path
    access: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def remote(self) -> bool:
        """Whether they are reached over the network."""
        return bool(self.access)


class Store(Protocol):
    """Immutable objects by key; keys are parts joined by ``/``.

    Attributes:
        address: what people know it by.
        workspace: folder of this machine for branches, locks and what was fetched.
    """

    address: str
    workspace: Path

    @property
    def files(self) -> DataFiles:
        """Where DuckDB writes data files: below the key ``files/``."""

    def prepare(self) -> None:
        """Be sure that objects can be written.

        Raises:
            EnvironmentFailed: they cannot.
        """

    def where(self, key: str) -> str:
        """What people are told where an object is."""

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object below a prefix that ends in ``/``, in any order."""

    def names(self, prefix: str, after: str = "") -> Iterator[str]:
        """Names of the objects right below a prefix that ends in ``/``, in any order.

        Args:
            after: a name; those that sort behind it are enough, if that is less work.
        """

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""

    def read(self, key: str) -> bytes:
        """Content of an object.

        Raises:
            FileNotFoundError: there is none.
        """

    def stream(self, key: str) -> Iterator[bytes]:
        """Content of an object, piece by piece, however large it is.

        Raises:
            FileNotFoundError: there is none.
        """

    def read_all(self, keys: Sequence[str]) -> Sequence[bytes]:
        """Contents of several objects, in the order of their keys.

        Raises:
            FileNotFoundError: one of them is not there.
        """

    def create(self, key: str, content: bytes) -> bool:
        """Make an object that nobody made before; say whether it was us.

        Raises:
            EnvironmentFailed: it cannot be written.
        """

    def settle(self, draft: Path, key: str) -> None:
        """Move a finished file in; an equal object may be there already.

        Raises:
            EnvironmentFailed: it cannot be written.
        """

    def local(self, key: str) -> Path:
        """A file of this machine with an object's content, not to be written to.

        Raises:
            FileNotFoundError: there is no such object.
        """

    def sync(self, keys: set[str]) -> None:
        """Make data files durable that DuckDB has written.

        Raises:
            EnvironmentFailed: the disk fails.
        """

    def remove(self, key: str) -> None:
        """Remove an object for good; one that is gone already is no error."""


class Folder:
    """A store in a folder of this machine, whose writes survive a power cut."""

    def __init__(self, root: Path) -> None:
        # dbt works in another folder than we do.
        self.root = self.workspace = root.absolute()
        self.address = str(self.root)

    @property
    def files(self) -> DataFiles:
        """Where DuckDB writes data files."""
        return DataFiles(f"{self.root / 'files'}/", self.root / "spill")

    def prepare(self) -> None:
        """Make the folder, and be sure that we may write into it.

        Raises:
            EnvironmentFailed: we may not, or the disk is full.
        """
        try:
            durable.make_folder(self.root / "files")
            with durable.drafted(self.root) as probe:
                probe.write_bytes(b"x")
        except OSError as error:
            raise EnvironmentFailed(
                f"The lake's folder cannot be written: {error.strerror or error}.",
                where=str(self.root),
                hint="give this user write permission, or set SLUICEGATE_LAKE__ROOT elsewhere",
            ) from error

    def where(self, key: str) -> str:
        """Path of an object."""
        return str(self.root / key)

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every file below a folder, drafts apart.

        A folder that cannot be read is not taken for an empty one: its files would be nobody's.
        """
        with durable.readable(self.root / prefix):
            for folder, _, names in os.walk(self.root / prefix, onerror=_require_gone):
                place = Path(folder).relative_to(self.root)
                for name in names:
                    if name.startswith("."):
                        continue
                    with suppress(FileNotFoundError):
                        status = Path(folder, name).stat()
                        if S_ISREG(status.st_mode):
                            modified = datetime.fromtimestamp(status.st_mtime, UTC)
                            yield Stored((place / name).as_posix(), status.st_size, modified)

    def names(self, prefix: str, after: str = "") -> Iterator[str]:  # noqa: ARG002 - the disk lists all
        """Names in a folder, drafts apart."""
        try:
            with durable.readable(self.root / prefix), os.scandir(self.root / prefix) as entries:
                names = [entry.name for entry in entries if entry.is_file()]
        except FileNotFoundError:
            return
        yield from (name for name in names if not name.startswith("."))

    def exists(self, key: str) -> bool:
        """Whether there is a file."""
        with durable.readable(self.root / key):
            return (self.root / key).is_file()

    def read(self, key: str) -> bytes:
        """Content of a file."""
        with durable.readable(self.root / key):
            return (self.root / key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        """Content of a file, a megabyte at a time."""
        with durable.readable(self.root / key), (self.root / key).open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece

    def read_all(self, keys: Sequence[str]) -> Sequence[bytes]:
        """Contents of several files."""
        return [self.read(key) for key in keys]

    def create(self, key: str, content: bytes) -> bool:
        """Make a file that nobody made before; say whether it was us."""
        with durable.written(self.root / key):
            return durable.create(self.root / key, content)

    def settle(self, draft: Path, key: str) -> None:
        """Give a finished file its final name, as one that nobody may write."""
        with durable.written(self.root / key):
            draft.chmod(0o444)
            durable.settle(draft, self.root / key)

    def local(self, key: str) -> Path:
        """The file itself."""
        if not self.exists(key):
            raise FileNotFoundError(key)
        return self.root / key

    def sync(self, keys: set[str]) -> None:
        """Flush data files, then the lists of names that they are in, up to the first."""
        # A file that a branch wrote and dropped again may be gone.
        files = {file for key in keys if (file := self.root / key).exists()}
        # DuckDB makes folders for new schemas and tables, and flushes none of their names.
        folders = {folder for file in files for folder in file.parents}
        with durable.written(self.root):
            for file in sorted(files):
                durable.sync_file(file)
            for folder in sorted(folders - {self.root, *self.root.parents}, reverse=True):
                durable.sync_folder(folder)

    def remove(self, key: str) -> None:
        """Remove a file. Its folder stays: somebody may be about to write into it."""
        (self.root / key).unlink(missing_ok=True)


def _require_gone(error: OSError) -> None:
    """What a walk is told of a folder that it cannot list: one that vanished is no trouble."""
    if not isinstance(error, FileNotFoundError):
        raise error


def require_folder(root: Path) -> None:
    """Be sure that there is a folder, or that one could be made.

    Raises:
        EnvironmentFailed: there is a file.
    """
    there = next((each for each in (root, *root.parents) if os.path.lexists(each)), None)
    if there is not None and not there.is_dir():
        raise EnvironmentFailed(
            "The lake is in a folder, and there is a file.",
            where=str(there),
            hint="set SLUICEGATE_LAKE__ROOT, or lake.root of the environment, to a folder",
        )
