"""Read-only SQL for people: one statement that reads, on one ref, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from sluicegate.errors import ConfigurationError
from sluicegate.lake.connection import open_read_only
from sluicegate.lake.lake import Lake

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows of a query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def query(lake: Lake, name: str, sql: str) -> Answer:
    """Answer one reading statement on a ref or generation.

    Raises:
        ConfigurationError: it is not one statement, does more than read, or is wrong.
        UnknownName: there is no such ref or generation.
    """
    connection = open_read_only(lake.resolve(name), lake.files)
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _READING:
            raise ConfigurationError(
                "Only one statement that reads is allowed here: SELECT, DESCRIBE, SHOW, EXPLAIN.",
                hint="changes go through a run; work of your own goes on a branch",
            )
        result = connection.execute(statements[0])
        return Answer([column[0] for column in result.description or []], result.fetchall())
    except duckdb.Error as error:
        raise ConfigurationError(f"The query failed: {error}", where=name) from error
    finally:
        connection.close()
