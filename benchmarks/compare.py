"""Whether the pipeline and the script by hand made the same tables, row by row.

python -m benchmarks.compare LAKE BY_HAND
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from sluicegate.lake import Lake
from sluicegate.lake.connection import Connection, attach, connect, identifier, literal

OURS_ALONE = frozenset({"accounts", "staging"})
"""Schemas that a script has no need of: what became of every row, and views that rename columns."""

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """A table that is not the same in both.

    Attributes:
        rows: how many rows only one of the two has; None where the columns differ.
        sample: a few of them, the side that has them in front.
    """

    table: str
    rows: int | None
    sample: tuple[str, ...]


def compare(lake: Path, by_hand: Path, env: str = "dev") -> tuple[dict[str, int], list[Difference]]:
    """Compare every table that readers of an environment see with the one made by hand.

    Returns:
        table → its number of rows, and what is not the same.
    """
    connection = connect()
    ours = Lake(lake)
    attach(connection, ours.resolve(env), ours.files, read_only=True)
    catalog = literal(f"ducklake:sqlite:{by_hand / 'catalog.db'}")
    connection.execute(f"ATTACH {catalog} AS by_hand (READ_ONLY)")
    rows: dict[str, int] = {}
    differences = []
    for table in sorted(_tables(connection, "lake") | _tables(connection, "by_hand")):
        difference = _difference(connection, *table)
        if difference is not None:
            differences.append(difference)
        else:
            rows[".".join(table)] = _one(connection, f"SELECT count(*) FROM {_sql('lake', table)}")
    connection.close()
    return rows, differences


def _difference(connection: Connection, schema: str, name: str) -> Difference | None:
    table = (schema, name)
    columns, others = (_columns(connection, side, table) for side in ("lake", "by_hand"))
    if columns != others or not columns:
        uneven = sorted(set(columns.items()) ^ set(others.items()))
        return Difference(f"{schema}.{name}", None, tuple(map(str, uneven[:SHOWN])))
    listed = ", ".join(map(identifier, columns))
    mine, theirs = (f"SELECT {listed} FROM {_sql(side, table)}" for side in ("lake", "by_hand"))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE uneven AS"
        f" (SELECT 'pipeline' AS side, * FROM ({mine} EXCEPT ALL {theirs})) UNION ALL"
        f" (SELECT 'by hand' AS side, * FROM ({theirs} EXCEPT ALL {mine}))"
    )
    count = _one(connection, "SELECT count(*) FROM uneven")
    if not count:
        return None
    some = connection.execute(f"FROM uneven LIMIT {SHOWN}").fetchall()
    return Difference(f"{schema}.{name}", count, tuple(map(str, some)))


def _tables(connection: Connection, side: str) -> set[tuple[str, str]]:
    found = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [side]
    ).fetchall()
    return {(schema, name) for schema, name in found if schema not in OURS_ALONE}


def _columns(connection: Connection, side: str, table: tuple[str, str]) -> dict[str, str]:
    """Columns and types, but for those that say where a row is from or when it was written."""
    found = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE (database_name, schema_name,"
        " table_name) = (?, ?, ?)",
        [side, *table],
    ).fetchall()
    return {name: kind for name, kind in sorted(found) if not name.startswith(("_", "dbt_"))}


def _sql(side: str, table: tuple[str, str]) -> str:
    return ".".join(map(identifier, (side, *table)))


def _one(connection: Connection, sql: str) -> int:
    ((value,),) = connection.execute(sql).fetchall()
    return int(value)


def main() -> int:
    """Print how many tables are equal; exit with 1 if one is not."""
    parser = argparse.ArgumentParser(description="Compare the pipeline's tables with the script's.")
    parser.add_argument("lake", type=Path)
    parser.add_argument("by_hand", type=Path)
    chosen = parser.parse_args()
    rows, differences = compare(chosen.lake, chosen.by_hand)
    for each in differences:
        counted = "other columns" if each.rows is None else f"{each.rows:,} rows differ"
        sys.stderr.write(f"{each.table}: {counted}: {'; '.join(each.sample)}\n")
    sys.stdout.write(
        f"{len(rows)} tables with {sum(rows.values()):,} rows are the same in both, row by row.\n"
    )
    return 1 if differences or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
