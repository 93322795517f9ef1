"""Read-only SQL for people: one statement that reads, on one ref, as rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb

from sluicegate.errors import ConfigurationError
from sluicegate.lake.connection import ALIAS, MARTS, open_read_only
from sluicegate.lake.lake import Lake
from sluicegate.lake.session import machine_failures

_TABLE_FUNCTIONS = frozenset(
    {
        "ducklake_list_files",
        "ducklake_snapshots",
        "ducklake_table_changes",
        "ducklake_table_deletions",
        "ducklake_table_info",
        "ducklake_table_insertions",
        "duckdb_columns",
        "duckdb_constraints",
        "duckdb_functions",
        "duckdb_schemas",
        "duckdb_settings",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "generate_series",
        "range",
        "snapshots",
        "unnest",
    }
)
"""Those that only read, and only the lake: others open files, run SQL or rewrite data files."""


_LIKE_A_FILE = re.compile(
    r"[/\\\\*?]|\.(?:parquet|[ct]sv|n?d?jsonl?|gz|zst|db|duckdb)$", re.IGNORECASE
)
"""DuckDB takes such a name for a file if there is no table of that name."""

_AT_ONCE = 10_000
"""Rows that are fetched together."""

_THERE = """
SELECT 1 FROM duckdb_tables() WHERE (database_name, schema_name, table_name) = ($1, $2, $3)
UNION ALL
SELECT 1 FROM duckdb_views() WHERE (database_name, schema_name, view_name) = ($1, $2, $3)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows of a query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of a query, and its rows as they come."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]


def query(lake: Lake, name: str, sql: str) -> Answer:
    """Answer one reading statement on a ref or generation; see :func:`rows_of`."""
    with rows_of(lake, name, sql) as found:
        return Answer(found.columns, list(found.rows))


@contextmanager
def rows_of(lake: Lake, name: str, sql: str) -> Iterator[Rows]:
    """Answer one reading statement on a ref or generation, row by row, however many there are.

    Raises:
        ConfigurationError: it is not one statement, does more than read, or is wrong.
        UnknownName: there is no such ref or generation.
        EnvironmentFailed: the lake cannot be read, or a data file is missing.
    """
    with lake.held(name) as lease:
        connection = open_read_only(lease.catalog, lake.files, first=MARTS)
        try:
            _require_reading(connection, sql)
            with machine_failures(partial(lake.gone, lease)):
                result = connection.execute(sql)
                yield Rows([column[0] for column in result.description or []], _fetched(result))
        except duckdb.Error as error:
            raise ConfigurationError(f"The query failed: {error}", where=name) from error
        finally:
            connection.close()


def _fetched(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := result.fetchmany(_AT_ONCE):
        yield from rows


def _require_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Judge a statement by what DuckDB's own parser makes of it; ours could be fooled."""
    ((parsed,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    tree = json.loads(parsed)
    if tree.get("error_type") == "parser":
        raise ConfigurationError(f"The query cannot be parsed: {tree['error_message']}.")
    # What is no SELECT has no tree; EXPLAIN has none either, and EXPLAIN ANALYZE would run it.
    if len(tree.get("statements", ())) != 1:
        raise ConfigurationError(
            "Only one statement that reads is allowed here: SELECT, DESCRIBE, SHOW, SUMMARIZE.",
            hint="changes go through a run; work of your own goes on a branch",
        )
    if files := sorted(_files(tree, connection)):
        raise ConfigurationError(
            f"A query here reads tables of the lake, and no file: {', '.join(files)}.",
            hint="SHOW ALL TABLES lists what there is",
        )
    if refused := sorted(set(_table_functions(tree)) - _TABLE_FUNCTIONS):
        raise ConfigurationError(
            f"A query here cannot call {', '.join(refused)}: it reads the lake and nothing else.",
            hint=f"table functions that only read: {', '.join(sorted(_TABLE_FUNCTIONS))}",
        )


def _table_functions(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            # In lower case, however it was typed.
            yield node["function"]["function_name"]


def _files(tree: Any, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Names that DuckDB would take for files."""
    for node in _nodes(tree):
        if node.get("type") != "BASE_TABLE":
            continue
        catalog, *table = (node[part] for part in ("catalog_name", "schema_name", "table_name"))
        # All of it: "folder".parquet is a file for DuckDB as well.
        name = ".".join(part for part in (catalog, *table) if part)
        if not _LIKE_A_FILE.search(name):
            continue
        # One that is a table by its full name is that table, whatever it is called.
        if catalog not in ("", ALIAS) or not connection.execute(_THERE, [ALIAS, *table]).fetchall():
            yield name


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _nodes(child)
