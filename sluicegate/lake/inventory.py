"""What a catalog names: its data files, read from its SQLite tables without DuckDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.names import full_name

_JOURNALS = ("-journal", "-wal")
_FOLDER = "files/"

_FILES = """
SELECT s.schema_name, t.table_name,
       CASE WHEN f.path_is_relative THEN
         CASE WHEN t.path_is_relative THEN coalesce(s.path, '') ELSE '' END
           || coalesce(t.path, '') || f.path
       ELSE f.path END,
       f.file_size_bytes, f.record_count
FROM (SELECT table_id, path, path_is_relative, file_size_bytes, record_count
      FROM ducklake_data_file {current}
      UNION ALL
      SELECT table_id, path, path_is_relative, file_size_bytes,
             CASE typeof(delete_count) WHEN 'integer' THEN -delete_count ELSE delete_count END
      FROM ducklake_delete_file {current_deletions}) AS f
JOIN (SELECT table_id, schema_id, table_name, path, path_is_relative, max(begin_snapshot)
      FROM ducklake_table GROUP BY table_id) AS t USING (table_id)
JOIN (SELECT schema_id, schema_name, path, max(begin_snapshot)
      FROM ducklake_schema GROUP BY schema_id) AS s USING (schema_id)
"""
_NAMED = """
SELECT (SELECT count(*) FROM ducklake_data_file) + (SELECT count(*) FROM ducklake_delete_file)
"""
# A file of a table that was dropped in the transaction that wrote it is never ended.
_CURRENT = """WHERE end_snapshot IS NULL
  AND table_id IN (SELECT table_id FROM ducklake_table WHERE end_snapshot IS NULL)"""
_CURRENT_FILES = f"(SELECT data_file_id FROM ducklake_data_file {_CURRENT})"
_COLUMNS = """
SELECT s.schema_name, t.table_name,
       c.column_name, c.column_type, c.nulls_allowed, c.column_id, c.initial_default
FROM ducklake_column AS c
JOIN ducklake_table AS t USING (table_id) JOIN ducklake_schema AS s USING (schema_id)
WHERE c.end_snapshot IS NULL AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL
ORDER BY c.column_order, c.column_id
"""
# SQLite takes the other columns of a GROUP BY with max() from the row that has the maximum.


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that a catalog names.

    Attributes:
        table: the table it belongs to, with its schema.
        key: its place in the store.
        size: bytes.
        rows: rows in it; of a file of deletions, minus their number.
    """

    table: str
    key: str
    size: int
    rows: int

    @property
    def elsewhere(self) -> str | None:
        """Its full path or address, if the catalog names it by that and not by a key."""
        path = self.key.removeprefix(_FOLDER)
        return path if path.startswith("/") or "://" in path else None


def data_files(catalog: Path, *, current: bool = False) -> list[DataFile]:
    """Every data file and file of deletions that a catalog names.

    Args:
        current: only those that the newest snapshot reads.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged.
    """
    sql = _FILES.format(
        current=_CURRENT if current else "",
        # Those of a file that was dropped as a whole are not ended with it.
        current_deletions=f"{_CURRENT} AND data_file_id IN {_CURRENT_FILES}" if current else "",
    )
    with read_catalog(catalog) as connection:
        rows = connection.execute(sql).fetchall()
    if not all(map(_sound, rows)):
        # Who took it for less than it says could remove, or leave behind, what it means.
        raise EnvironmentFailed(
            "The catalog is damaged: it has values that make no sense.",
            where=str(catalog),
            hint="look for other damage: sluicegate lake verify; restore it from a backup",
        )
    return [_data_file(*row) for row in rows]


def readable_files(catalog: Path) -> tuple[list[DataFile], int]:
    """The files that a catalog names as far as it makes sense, and of how many it makes none.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged as a whole.
    """
    with read_catalog(catalog) as connection:
        rows = connection.execute(_FILES.format(current="", current_deletions="")).fetchall()
        ((named,),) = connection.execute(_NAMED)
    sound = [row for row in rows if _sound(row)]
    return [_data_file(*row) for row in sound], max(named, len(rows)) - len(sound)


def _sound(row: tuple[object, ...]) -> bool:
    """Whether what was read has the types that it should: SQLite takes anything anywhere."""
    schema, table, path, *numbers = row
    texts = all(isinstance(text, str) for text in (schema, table, path))
    return texts and all(isinstance(number, int) for number in numbers)


def _data_file(schema: str, table: str, path: str, size: int, rows: int) -> DataFile:
    return DataFile(full_name(schema, table), _FOLDER + path, size, rows)


def state_of(catalog: Path, table: str) -> tuple[object, ...]:
    """What the newest snapshot holds of a table: equal states are equal rows of equal columns.

    Args:
        table: with its schema. Of a table that is not there, the state is empty.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged.
    """
    return states(catalog).get(table, ())


def states(catalog: Path) -> dict[str, tuple[object, ...]]:
    """The states of all tables of a catalog, see :func:`state_of`; no state of these is empty.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged.
    """
    found: dict[str, list[object]] = {}
    with read_catalog(catalog) as connection:
        for schema, table, *column in connection.execute(_COLUMNS):
            # The id tells a column from one that took over its name.
            found.setdefault(full_name(schema, table), []).append(tuple(column))
    for file in sorted(data_files(catalog, current=True), key=lambda file: file.key):
        if file.table in found:
            found[file.table].append(file)
    return {table: tuple(state) for table, state in found.items()}


def require_alone(catalog: Path) -> None:
    """Be sure that nothing lies beside a catalog that SQLite would take for a part of it.

    Nobody writes to what was published, so a journal beside it is not ours, and to apply it would
    show, or even make, another generation.

    Raises:
        EnvironmentFailed: something does.
    """
    for ending in _JOURNALS:
        journal = catalog.with_name(catalog.name + ending)
        if journal.exists():
            raise EnvironmentFailed(
                "A journal lies beside a catalog that nobody ever writes to: it is not applied,"
                " and not ignored.",
                where=str(journal),
                hint="find out who made it, and remove it; then: sluicegate lake verify --deep",
            )


def _is_kept(catalog: Path) -> bool:
    """Whether nobody may write to it: what is still a branch may have a journal of its writer."""
    with suppress(OSError):
        return not catalog.stat().st_mode & 0o222
    return False


@contextmanager
def read_catalog(catalog: Path) -> Iterator[sqlite3.Connection]:
    """A catalog as the SQLite database that it is, read-only.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged.
    """
    if _is_kept(catalog):
        require_alone(catalog)
    # A path may hold '#', '?' and '%'.
    address = f"{catalog.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise EnvironmentFailed(
            f"The catalog cannot be read: {error}.",
            where=str(catalog),
            hint="look for other damage: sluicegate lake verify; restore it from a backup",
        ) from error


@contextmanager
def write_catalog(catalog: Path) -> Iterator[sqlite3.Connection]:
    """A branch's catalog, to be written to past DuckLake; committed at the end.

    Nothing is made durable, and a process that dies in it leaves half a catalog: the branch is lost
    with it then anyway, and what becomes a generation is synced later.

    Raises:
        EnvironmentFailed: the file is no catalog, damaged, or the disk is full.
    """
    try:
        with closing(sqlite3.connect(catalog)) as connection, connection:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            yield connection
    except sqlite3.DatabaseError as error:
        raise EnvironmentFailed(
            f"The catalog cannot be written: {error}.",
            where=str(catalog),
            hint="look at the disk and its free space; nothing was published, run again after that",
        ) from error
