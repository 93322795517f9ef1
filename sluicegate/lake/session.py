"""A session on one catalog of the lake: polars frames in and out, names quoted, values bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import bulk
from sluicegate.lake.connection import ALIAS, attach, identifier, in_memory, machine_failed
from sluicegate.lake.names import full_name, parts
from sluicegate.lake.store import DataFiles

BESIDE = "beside"
_REMOVES = re.compile(r"\s*(DROP|ALTER|ROLLBACK)\b", re.IGNORECASE)

Gone = Callable[[duckdb.Error], EnvironmentFailed | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake."""

    schema: str
    name: str

    @classmethod
    def of(cls, text: str) -> Table:
        """The table that a text like ``marts.customers`` names."""
        return cls(*parts(text))

    @property
    def sql(self) -> str:
        """Its full, quoted name."""
        return f"{ALIAS}.{identifier(self.schema)}.{identifier(self.name)}"

    def __str__(self) -> str:
        return full_name(self.schema, self.name)


class Session:
    """What ingestion and audits may do with a catalog.

    Args:
        gone: what to tell of what was collected meanwhile, or is damaged.
        files: where data files go, if it writes.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        gone: Gone | None = None,
        files: DataFiles | None = None,
    ) -> None:
        self._connection = connection
        self._files = files
        # Asking DuckLake what there is takes longer than most of what we ask for.
        self._there: frozenset[tuple[str, str]] = frozenset()
        self._gone = gone

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement."""
        with machine_failures(self._gone):
            self._connection.execute(sql, list(parameters))
        if _REMOVES.match(sql):
            self._there = frozenset()

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """Run a query and return its rows; time stamps come back in UTC."""
        with machine_failures(self._gone):
            frame = pl.DataFrame(self._connection.sql(sql, params=list(parameters)))
        return frame.with_columns(
            pl.col(pl.Datetime(time_zone="Etc/UTC")).dt.convert_time_zone("UTC")
        )

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return its rows as tuples."""
        with machine_failures(self._gone):
            return self._connection.execute(sql, list(parameters)).fetchall()

    def settled(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a query beside the transaction at hand, and return what others would see."""
        # In it, what is read of the catalog's own tables would stay locked until it commits.
        with machine_failures(self._gone), self._connection.cursor() as aside:
            return aside.execute(sql, list(parameters)).fetchall()

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a query that yields one value."""
        ((value,),) = self.rows(sql, parameters)
        return value

    def exists(self, table: Table) -> bool:
        """Whether the catalog has this table or view."""
        name = (table.schema, table.name)
        if name not in self._there:
            # Nobody else writes to the catalog of a session: what was there once still is.
            sql = (
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1"
                " UNION ALL "
                "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = $1"
            )
            self._there = frozenset(self.rows(sql, [ALIAS]))
        return name in self._there

    def types(self, table: Table) -> dict[str, str]:
        """A table's columns, in order, with their DuckDB types; empty if there is no such table."""
        if not self.exists(table):
            return {}
        return {name: kind for name, kind, *_ in self.rows(f"DESCRIBE {table.sql}")}

    def add_column(self, table: Table, name: str, kind: str) -> None:
        """Add a column that is null in every row that is there."""
        self.execute(f"ALTER TABLE {table.sql} ADD COLUMN {identifier(name)} {kind}")

    def required(self, table: Table) -> set[str]:
        """Columns of a table that cannot be null."""
        return {name for name, _, null, *_ in self.rows(f"DESCRIBE {table.sql}") if null == "NO"}

    def allow_null(self, table: Table, name: str) -> None:
        """Let a column be null from now on."""
        self.execute(f"ALTER TABLE {table.sql} ALTER COLUMN {identifier(name)} DROP NOT NULL")

    def create(self, table: Table, columns: Mapping[str, str]) -> None:
        """Create a table if it is not there.

        Args:
            columns: name → DuckDB type, from our own code.
        """
        if self.exists(table):
            return
        listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
        self.create_schema(table.schema)
        self.execute(f"CREATE TABLE IF NOT EXISTS {table.sql} ({listed})")

    def create_schema(self, name: str) -> None:
        """Create a schema if it is not there."""
        self.execute(f"CREATE SCHEMA IF NOT EXISTS {ALIAS}.{identifier(name)}")

    def insert(self, table: Table, frame: pl.DataFrame) -> None:
        """Append rows; columns are matched by name, absent ones become null."""
        if frame.is_empty():
            return
        if frame.height >= bulk.MANY and self._files is not None:
            there = bulk.target(self, table, self._files)
            if there is not None and there.takes(frame):
                bulk.append(self, there, frame)
                return
        with self.lend(frame) as name:
            self.execute(f"INSERT INTO {table.sql} BY NAME SELECT * FROM {name}")

    @contextmanager
    def lend(self, frame: pl.DataFrame, name: str = "lent") -> Iterator[str]:
        """Let SQL see a frame under a name, without a copy, for the length of the block."""
        stream = _Stream(frame)
        self._connection.register(name, stream)
        try:
            yield name
        finally:
            self._connection.unregister(name)
            # Until a transaction ends, DuckDB keeps what was registered in it.
            stream.let_go()

    @contextmanager
    def transaction(self, message: str = "") -> Iterator[None]:
        """All statements of the block, or none."""
        self.execute("BEGIN")
        try:
            yield
            if message:
                self.execute(f"CALL {ALIAS}.set_commit_message('sluicegate', ?)", [message])
        except BaseException:
            self._there = frozenset()
            # A full disk ends the transaction by itself; what it said is not to be hidden.
            with suppress(duckdb.TransactionException):
                self._connection.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @contextmanager
    def beside(self, catalog: Path, files: DataFiles) -> Iterator[str]:
        """Let SQL read another catalog of the lake too; yields what it is called."""
        attach(self._connection, catalog, files, read_only=True, alias=BESIDE)
        try:
            yield BESIDE
        finally:
            self.execute(f"DETACH {BESIDE}")

    def close(self) -> None:
        """End the session; the catalog file is complete and free after this."""
        self._connection.close()


@contextmanager
def scratch() -> Iterator[Session]:
    """A session on an empty catalog in memory, for whoever tries something out: no file, no lake.

    Raises:
        EnvironmentFailed: an extension is missing.
    """
    session = Session(in_memory())
    try:
        yield session
    finally:
        session.close()


@contextmanager
def machine_failures(gone: Gone | None = None) -> Iterator[None]:
    """Name a full disk, a lost file, too little memory or Ctrl-C for what it is.

    Args:
        gone: what to tell of what was collected meanwhile, or is damaged.
    """
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            # DuckDB takes Ctrl-C for an error of the query.
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        if gone and (told := gone(error)):
            raise told from error
        # A branch has one writer, so a commit fails for no other reason than its catalog's disk.
        commit = isinstance(error, duckdb.TransactionException) and "Failed to commit" in str(error)
        if not commit and not isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
            raise
        raise machine_failed(error) from error


class _Stream:
    """A polars frame as a bare Arrow stream, which DuckDB reads without pyarrow."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def let_go(self) -> None:
        """Hold the rows no longer; nobody reads them any more."""
        self._frame = self._frame.clear()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)
