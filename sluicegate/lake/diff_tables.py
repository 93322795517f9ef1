"""One table before and after: what has to be read of it, and what came of comparing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.branch import copy_catalog
from sluicegate.lake.connection import Connection, attach, connect, identifier
from sluicegate.lake.diff_columns import ColumnChanges, Pair, changes, compared, paired
from sluicegate.lake.diff_rows import Comparison, Field, Found, Sample, Scan
from sluicegate.lake.lake import Lake
from sluicegate.lake.schema import File, StoredTable

_ALIASES = ("before", "after")


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What became of a table's rows.

    ``before`` is removed + changed + unchanged; ``after`` is added + changed + unchanged.
    """

    before: int
    after: int
    added: int
    removed: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """How many rows changed in a column.

    Attributes:
        share: of the rows that both have, between 0 and 1.
    """

    name: str
    rows: int
    share: float


@dataclass(frozen=True, slots=True)
class TableDiff:
    """A table that both have.

    Attributes:
        key: columns that its rows were matched by; () if they were compared as multisets.
        note: why a key that was asked for could not be used.
        values: for each column that both have and that is not of the key, how often it changed.
    """

    name: str
    key: tuple[str, ...]
    note: str | None
    columns: ColumnChanges
    rows: RowCounts
    values: tuple[ColumnChange, ...]
    sample: Sample

    @property
    def equal(self) -> bool:
        """Whether nothing is different."""
        rows = self.rows
        return not (self.columns.any or rows.added or rows.removed or rows.changed)


@dataclass(frozen=True, slots=True)
class Plan:
    """What comparing two tables of one name takes.

    Attributes:
        pairs: the columns that both have.
        shared: files whose rows are the same on both sides, in all of these columns.
    """

    name: str
    before: StoredTable
    after: StoredTable
    pairs: tuple[Pair, ...]
    shared: frozenset[File]

    @property
    def sides(self) -> tuple[StoredTable, StoredTable]:
        """Before and after."""
        return self.before, self.after

    @property
    def reads(self) -> bool:
        """Whether any row has to be read."""
        others = any(table.inlined or {*table.files} - self.shared for table in self.sides)
        return others and bool(self.pairs)


def plan(name: str, before: StoredTable, after: StoredTable) -> Plan:
    """Find out from the catalogs alone what has to be read.

    A file is written once, and a column of one id, type and default is read from it in one way: in
    one lineage, the rows of a file that both sides read are the same, if what was deleted is.
    """
    pairs = tuple(paired(before, after))
    shared: frozenset[File] = frozenset()
    one_lineage = before.uuid == after.uuid and not (before.inlined or after.inlined)
    same_columns = all(pair.before.identity == pair.after.identity for pair in pairs)
    if pairs and one_lineage and same_columns:
        shared = frozenset(before.files).intersection(after.files)
    return Plan(name, before, after, pairs, shared)


@contextmanager
def opened(lake: Lake, catalogs: Sequence[Path], plans: Sequence[Plan]) -> Iterator[Connection]:
    """A connection with both catalogs, ``before`` and ``after``, without what they share.

    Files that are not to be read are struck from copies of the catalogs, as a branch would do it:
    a scan would open each of them to find that it needs no row of it.

    Raises:
        EnvironmentFailed: a catalog cannot be copied or opened.
    """
    reading = [plan for plan in plans if plan.reads]
    with ExitStack() as held:
        if any(plan.shared for plan in reading):
            catalogs = _thinned(lake, catalogs, reading, held)
        connection = connect()
        held.callback(connection.close)
        for alias, catalog in zip(_ALIASES, catalogs, strict=True):
            attach(connection, catalog, lake.files, read_only=True, alias=alias)
        # Nobody asks for the order of rows, and keeping it takes memory.
        connection.execute("SET preserve_insertion_order = false")
        # One transaction, or every query looks the catalog up again.
        connection.execute("BEGIN")
        yield connection


def _thinned(
    lake: Lake, catalogs: Sequence[Path], plans: Sequence[Plan], held: ExitStack
) -> list[Path]:
    """Copies of both catalogs that do not know what is shared, for as long as the stack lives."""
    copies = []
    try:
        folder = held.enter_context(lake.scratch(f"diff-{uuid4().hex}"))
        for side, catalog in enumerate(catalogs):
            tables = ((plan.sides[side], plan.shared) for plan in plans)
            files = [(f.id,) for table, shared in tables for f in table.files if f in shared]
            copies.append(_without(files, catalog, folder / f"{_ALIASES[side]}.db"))
    except (OSError, sqlite3.Error) as error:
        raise EnvironmentFailed(
            f"The catalogs cannot be copied to be compared: {error}",
            where=str(lake.branches),
            hint="look at the disk, its free space and your permission to write there",
        ) from error
    return copies


def _without(files: list[tuple[int]], catalog: Path, copy: Path) -> Path:
    """A copy of a catalog that does not know these files."""
    copy_catalog(catalog, copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        for table in ("ducklake_data_file", "ducklake_delete_file"):
            connection.executemany(f"DELETE FROM {table} WHERE data_file_id = ?", files)
    return copy


def compare(
    connection: Connection | None,
    plan: Plan,
    *,
    key: Sequence[str],
    personal: Container[str] | None,
    sample: int,
) -> TableDiff:
    """Compare two tables of one name.

    Args:
        connection: see :func:`opened`; None if no row has to be read.
        key: columns that identify a row.
        personal: columns to mask; None for all.
        sample: rows to show of every kind.

    Raises:
        EnvironmentFailed: one of them cannot be read.
    """
    used, note = _key(key, plan.pairs)
    found = Found()
    if connection is not None and plan.reads:
        with _failures(plan.name):
            fields = [
                _field(connection, pair, personal)
                for pair in (*used, *(pair for pair in plan.pairs if pair not in used))
            ]
            if odd := [field.name for field in fields[: len(used)] if not field.sql.comparable]:
                used, note = [], _unusable(odd[0], "has types that do not compare")
            comparison = Comparison(connection, fields, len(used), sample)
            found = comparison.compare(*(_scan(plan, side) for side in range(len(_ALIASES))))
    elif not plan.pairs:
        old, new = plan.before.rows, plan.after.rows
        found = Found(before=old, after=new, removed=old, added=new)
    return _told(plan, found, [pair.after.name for pair in used], note)


def _told(plan: Plan, found: Found, key: Sequence[str], note: str | None) -> TableDiff:
    kept = sum(file.rows for file in plan.shared)
    both = kept + found.before - found.removed
    rest = [pair.after.name for pair in plan.pairs if key and pair.after.name not in key]
    values = [(name, found.columns.get(name, 0)) for name in rest]
    return TableDiff(
        name=plan.name,
        key=tuple(key),
        note=note,
        columns=changes(plan.before, plan.after, plan.pairs),
        rows=RowCounts(
            before=kept + found.before,
            after=kept + found.after,
            added=found.added,
            removed=found.removed,
            changed=found.changed,
            unchanged=both - found.changed,
        ),
        values=tuple(ColumnChange(name, n, n / both if both else 0.0) for name, n in values),
        sample=found.sample,
    )


def _scan(plan: Plan, side: int) -> Scan:
    table = plan.sides[side]
    rows = sum(file.rows for file in table.files if file not in plan.shared)
    name = ".".join(map(identifier, (_ALIASES[side], table.schema, table.name)))
    return Scan(name, None if table.inlined else rows)


def _field(connection: Connection, pair: Pair, personal: Container[str] | None) -> Field:
    names = (pair.before.name, pair.after.name)
    masked = personal is None or any(name in personal for name in names)
    return Field(pair.after.name, masked, compared(connection, pair))


def _key(wanted: Sequence[str], pairs: Sequence[Pair]) -> tuple[list[Pair], str | None]:
    """The pairs that are the key, or why there are none."""
    key = []
    for name in wanted:
        named = [pair for pair in pairs if pair.named(name)]
        if not named:
            return [], _unusable(name, "is not in both")
        key += [pair for pair in named[:1] if pair not in key]
    return key, None


def _unusable(column: str, why: str) -> str:
    return f"rows are compared without a key: its column {column!r} {why}"


@contextmanager
def _failures(table: str) -> Iterator[None]:
    """Name the table that cannot be compared; what DuckDB says of it may quote a value."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            # DuckDB takes Ctrl-C for an error of the query.
            raise KeyboardInterrupt from error
        raise
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise EnvironmentFailed(
            f"The table cannot be read: {str(error).splitlines()[0]}",
            where=table,
            hint="look at the disk or the network, and for lost files: sluicegate lake verify",
        ) from error
    except duckdb.Error as error:
        raise EnvironmentFailed(
            f"The table cannot be compared: DuckDB says {type(error).__name__}.",
            where=table,
            hint="compare the others (--table), and look at this one: sluicegate lake sql",
        ) from None
