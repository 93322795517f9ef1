"""Verifying data files: those that catalogs name are there, whole, and what they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.checksums import digest
from sluicegate.lake.connection import open_read_only
from sluicegate.lake.inventory import DataFile
from sluicegate.lake.problem import Problem
from sluicegate.lake.store import Store

_AT_ONCE = 500
_FOOTERS = "SELECT file_name, num_rows FROM parquet_file_metadata($1)"
_PAGES = "SELECT bit_xor(hash(each)) FROM read_parquet($1) AS each"


@dataclass(slots=True)
class Named:
    """A data file, and what catalogs say of it: they all should say the same.

    Attributes:
        says: what is said of it → who says so.
    """

    key: str
    says: defaultdict[DataFile, list[str]] = field(default_factory=lambda: defaultdict(list))
    checksums: defaultdict[bytes, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def catalogs(self) -> tuple[str, ...]:
        """Every catalog that names it."""
        return tuple(sorted(name for names in self.says.values() for name in names))

    @property
    def elsewhere(self) -> str | None:
        """Its full path, if it is none of the lake's: what a refused run had registered."""
        return next(iter(self.says)).elsewhere

    @property
    def table(self) -> str:
        """A table that it is in."""
        return next(iter(self.says)).table


class FileVerifier:
    """Looks at data files, each once, however many catalogs name it.

    Args:
        sizes: what is in the store: key → bytes.
        catalog: any whole catalog, to open a connection that reaches data files; None if there is
            none.
        deep: read them to the last byte too.
    """

    def __init__(
        self, store: Store, sizes: Mapping[str, int], catalog: Path | None, *, deep: bool
    ) -> None:
        self._store = store
        self._sizes = sizes
        self._catalog = catalog
        self._deep = deep

    def problems(self, named: Iterable[Named]) -> Iterator[Problem]:
        """Everything that is wrong with these files."""
        there = []
        for file in named:
            if file.key not in self._sizes:
                yield self._problem(file, "is not in the lake" if file.elsewhere else "is missing")
                continue
            sound = True
            for said, names in file.says.items():
                if said.size != self._sizes[file.key]:
                    sound = False
                    what = f"has {self._sizes[file.key]:,} bytes instead of {said.size:,}"
                    yield self._problem(file, what, names)
            if sound:
                there.append(file)
        if self._catalog is None:
            if there:
                what = "no catalog is whole: what data files contain was not looked at"
                yield Problem(what, place=self._store.where("files"))
            return
        try:
            connection = open_read_only(self._catalog, self._store.files)
        except EnvironmentFailed as error:
            what = f"what data files contain was not looked at: {error.message}"
            yield Problem(what, place=self._store.where("files"))
            return
        try:
            yield from self._content_problems(connection, there)
        finally:
            connection.close()

    def _content_problems(
        self, connection: duckdb.DuckDBPyConnection, files: list[Named]
    ) -> Iterator[Problem]:
        for start in range(0, len(files), _AT_ONCE):
            some = {self._address(file.key): file for file in files[start : start + _AT_ONCE]}
            found = dict(footers(connection, list(some)))
            for address, file in some.items():
                rows = found.get(address, "DuckDB does not find it")
                if isinstance(rows, str):
                    yield self._problem(file, f"has no readable footer: {rows}")
                    continue
                for said, names in file.says.items():
                    if abs(said.rows) != rows:
                        what = f"has {rows:,} rows instead of {abs(said.rows):,}"
                        yield self._problem(file, what, names)
                if self._deep:
                    yield from self._byte_problems(connection, file, address)

    def _byte_problems(
        self, connection: duckdb.DuckDBPyConnection, file: Named, address: str
    ) -> Iterator[Problem]:
        if not file.checksums:
            try:
                connection.execute(_PAGES, [address])
            except duckdb.Error as error:
                yield self._problem(file, f"cannot be read: {_line(error)}")
            return
        try:
            found = digest(self._store, file.key)
        except OSError as error:
            yield self._problem(file, f"cannot be read: {error.strerror or error}")
            return
        except EnvironmentFailed as error:
            yield self._problem(file, f"cannot be read: {error.message}")
            return
        for checksum, names in file.checksums.items():
            if checksum != found:
                what = f"is not what it was: its SHA-256 is {found.hex()[:12]}…"
                yield self._problem(file, f"{what} instead of {checksum.hex()[:12]}…", names)

    def _address(self, key: str) -> str:
        return self._store.files.path + key.removeprefix("files/")

    def _problem(self, file: Named, what: str, names: list[str] | None = None) -> Problem:
        catalogs = tuple(sorted(names)) if names else file.catalogs
        place = file.elsewhere or self._store.where(file.key)
        return Problem(f"a data file {what}", catalogs, file.table, place)


def footers(
    connection: duckdb.DuckDBPyConnection, addresses: list[str]
) -> Iterator[tuple[str, int | str]]:
    """Address → rows by the footer, or why it cannot be read."""
    if not addresses:
        return
    try:
        yield from connection.execute(_FOOTERS, [addresses]).fetchall()
    except duckdb.Error as error:
        if len(addresses) == 1:
            yield addresses[0], _line(error)
            return
        # One of them at least; DuckDB names the first only.
        middle = len(addresses) // 2
        yield from footers(connection, addresses[:middle])
        yield from footers(connection, addresses[middle:])


def _line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
