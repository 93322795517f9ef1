"""The tables and views of a catalog as its newest snapshot has them, read without DuckDB.

What makes two columns or files of two catalogs the same is an identity that a branch inherits: the
id of a column in a table of one UUID, and the name of a file that nobody writes twice.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sluicegate.lake.connection import identifier
from sluicegate.lake.inventory import read_catalog
from sluicegate.lake.names import full_name

_NAMES = """
(SELECT schema_id, schema_name, path AS folder FROM ducklake_schema WHERE end_snapshot IS NULL)
"""
_TABLES = f"""
SELECT t.table_id, t.table_uuid, s.schema_name, t.table_name
FROM ducklake_table AS t JOIN {_NAMES} AS s USING (schema_id) WHERE t.end_snapshot IS NULL
"""
_VIEWS = f"""
SELECT s.schema_name, v.view_name, v.sql, coalesce(v.column_aliases, '')
FROM ducklake_view AS v JOIN {_NAMES} AS s USING (schema_id) WHERE v.end_snapshot IS NULL
"""
_FILES = f"""
SELECT f.table_id, f.data_file_id,
       CASE WHEN f.path_is_relative THEN
         CASE WHEN t.path_is_relative THEN coalesce(s.folder, '') ELSE '' END
           || coalesce(t.path, '') || f.path
       ELSE f.path END,
       f.record_count, f.mapping_id, d.path, coalesce(d.delete_count, 0)
FROM ducklake_data_file AS f
JOIN ducklake_table AS t USING (table_id)
JOIN {_NAMES} AS s USING (schema_id)
LEFT JOIN ducklake_delete_file AS d
  ON d.data_file_id = f.data_file_id AND d.table_id = f.table_id AND d.end_snapshot IS NULL
WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL
"""
_COLUMNS = """
SELECT table_id, column_id, parent_column, column_name, column_type, initial_default,
       begin_snapshot, end_snapshot IS NULL
FROM ducklake_column ORDER BY table_id, column_order, begin_snapshot
"""
_MAPPINGS = """
SELECT mapping_id, source_name, target_field_id, parent_column, column_id
FROM ducklake_name_mapping ORDER BY mapping_id, column_id
"""
_INLINED = "SELECT DISTINCT table_id FROM ducklake_inlined_data_tables"

_TYPES = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "int128": "HUGEINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "uint128": "UHUGEINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timetz": "TIME WITH TIME ZONE",
}
"""DuckLake's names of types, where DuckDB's are others than the same in capitals."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: what it is called now.
        kind: its DuckDB type.
        identity: what a file of this table needs to be read for it: its id, type and default, and
            those of what is nested in it. Its name is no part of that.
        names: every (snapshot, name) that the catalog remembers of it.
    """

    name: str
    kind: str
    identity: tuple[object, ...]
    names: frozenset[tuple[int, str]]

    @property
    def id(self) -> object:
        """Its id, which a rename does not change."""
        return self.identity[0]


@dataclass(frozen=True, slots=True)
class File:
    """A data file of a table, with what was deleted from it.

    Attributes:
        id: its number in this catalog, which tells nothing in another one.
        path: its place below the data path; of a file that is elsewhere, its whole path.
        rows: rows that are left in it.
        deletions: files that name the deleted ones.
        mapping: where the catalog says which of its names are which columns: each name with the id.
    """

    id: int = field(compare=False)
    path: str
    rows: int
    deletions: frozenset[str]
    mapping: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of a catalog.

    Attributes:
        schema: its schema.
        name: its name there.
        uuid: given once, when it was created; branches inherit it.
        inlined: whether the catalog may hold rows of it that are in no file.
    """

    schema: str
    name: str
    uuid: str
    columns: tuple[Column, ...]
    files: tuple[File, ...]
    inlined: bool

    @property
    def rows(self) -> int:
        """Rows in its files, as the catalog counts them."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class CatalogSchema:
    """What a catalog has, by ``schema.name`` (:func:`~sluicegate.lake.names.full_name`).

    Attributes:
        tables: its tables.
        views: the SQL of its views, with the names that they give their columns.
    """

    tables: dict[str, StoredTable]
    views: dict[str, tuple[str, str]]


def read_schema(catalog: Path) -> CatalogSchema:
    """Read what the newest snapshot of a catalog has.

    Raises:
        EnvironmentFailed: the file is no catalog, or damaged.
    """
    with read_catalog(catalog) as connection:
        columns, files = _columns(connection), _files(connection)
        inlined = {table for (table,) in connection.execute(_INLINED)}
        tables = {
            full_name(schema, name): StoredTable(
                schema, name, uuid, columns[table], tuple(files[table]), table in inlined
            )
            for table, uuid, schema, name in connection.execute(_TABLES)
        }
        views = {
            full_name(schema, name): (sql, aliases)
            for schema, name, sql, aliases in connection.execute(_VIEWS)
        }
    return CatalogSchema(tables, views)


def _files(connection: sqlite3.Connection) -> defaultdict[int, list[File]]:
    """Data files by table; one that several files of deletions are about is put together."""
    found: dict[tuple[int, int], File] = {}
    names = _mappings(connection)
    for table, number, path, rows, mapping, deletion, deleted in connection.execute(_FILES):
        file = File(number, path, rows, frozenset(), names[mapping])
        file = found.get((table, number), file)
        if deletion is not None:
            deletions = file.deletions | {deletion}
            file = replace(file, rows=file.rows - deleted, deletions=deletions)
        found[table, number] = file
    files: defaultdict[int, list[File]] = defaultdict(list)
    for (table, _), file in found.items():
        files[table].append(file)
    return files


def _mappings(connection: sqlite3.Connection) -> defaultdict[int | None, tuple[Any, ...]]:
    """What names in files mean, by the number of the mapping, which tells nothing elsewhere."""
    found: defaultdict[int | None, tuple[Any, ...]] = defaultdict(tuple)
    for mapping, *names in connection.execute(_MAPPINGS):
        found[mapping] += (tuple(names),)
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of ``ducklake_column``."""

    id: int
    parent: int | None
    name: str
    type: str
    default: str | None
    begin: int
    current: bool


def _columns(connection: sqlite3.Connection) -> defaultdict[int, tuple[Column, ...]]:
    rows: defaultdict[int, list[_Row]] = defaultdict(list)
    for table, *row in connection.execute(_COLUMNS):
        rows[table].append(_Row(*row))
    columns: defaultdict[int, tuple[Column, ...]] = defaultdict(tuple)
    for table, listed in rows.items():
        names: defaultdict[int, set[tuple[int, str]]] = defaultdict(set)
        nested: defaultdict[int | None, list[_Row]] = defaultdict(list)
        for row in listed:
            names[row.id].add((row.begin, row.name))
            if row.current:
                nested[row.parent].append(row)
        columns[table] = tuple(
            Column(row.name, _kind(row, nested), _identity(row, nested), frozenset(names[row.id]))
            for row in nested[None]
        )
    return columns


_Nested = defaultdict[int | None, list[_Row]]


def _identity(row: _Row, nested: _Nested) -> tuple[object, ...]:
    inner = tuple((each.name, *_identity(each, nested)) for each in nested[row.id])
    return (row.id, row.type, row.default, inner)


def _kind(row: _Row, nested: _Nested) -> str:
    """The DuckDB type of a column, as DuckDB spells it."""
    inner = [(each.name, _kind(each, nested)) for each in nested[row.id]]
    kinds = [kind for _, kind in inner]
    match row.type:
        case "struct":
            return f"STRUCT({', '.join(f'{identifier(name)} {kind}' for name, kind in inner)})"
        case "list":
            return f"{kinds[0]}[]"
        case "map":
            return f"MAP({', '.join(kinds)})"
        case plain:
            return _TYPES.get(plain, plain.upper())
