"""A year of hourly publishes, by us or by DuckLake as it comes; tells how the lake grew.

python -m benchmarks.year ours|plain --folder=FOLDER --hours=N

An hour lasts as long as its publish takes. The collector is given the same clock: what was shown in
the last thirty days is kept, which is what the last 720 publishes showed, and the grace period is
24 of them. The signatures of DuckDB's extensions are not checked: with 8,760 connections in a
process that would be half of the year, and nothing is told of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

REF = "prod"
DAY = 24
KEEP = 30 * DAY
APPENDED = ("raw.payments", "accounts.quarantine")
REPLACED = ("marts.corridors", "marts.coverage", "marts.merchants")
ROWS = 200
"""Rows that an hour adds to each table of the first kind; one of the second has as many."""

COLUMNS = (
    "{hour} * {rows} + i AS id, (i * 7919 % 1000003 / 100)::DECIMAL(18, 2) AS amount,"
    " ['settled', 'pending', 'failed'][1 + i % 3] AS status,"
    " TIMESTAMPTZ '2026-01-01' + INTERVAL ({hour}) HOUR AS at FROM range({rows}) AS t(i)"
)


def main() -> None:
    """Live through the year, and print what became of the lake."""
    parser = argparse.ArgumentParser(description="A year of hourly publishes.")
    parser.add_argument("side", choices=("ours", "plain"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--hours", type=int, required=True)
    chosen = parser.parse_args()
    quick: dict[str, str | bool | int | float | list[str]] = {
        "allow_unsigned_extensions": "true",
        "threads": "1",
    }
    duckdb.connect = partial(duckdb.connect, config=quick)
    live = ours if chosen.side == "ours" else plain
    sys.stdout.write(json.dumps(live(chosen.folder, chosen.hours)))


def ours(folder: Path, hours: int) -> dict[str, Any]:
    """A branch, an audit's worth of reading and a publish an hour; the collector once a day."""
    from sluicegate.lake import Lake
    from sluicegate.lake.collect import collect

    lake = Lake(folder)
    lake.prepare()
    moments: list[datetime] = []
    collecting: list[float] = []

    def hour(number: int) -> None:
        with lake.branch(REF, f"hour-{number}") as branch:
            with branch.session() as session:
                write(session.execute, number)
            moments.append(lake.publish(branch, run=None).at)
        if number % DAY == 0 and number:
            now = datetime.now(UTC)
            since = [now - moments[max(0, len(moments) - span)] for span in (KEEP, DAY)]
            began = time.perf_counter()
            collect(lake, keep=since[0], grace=since[1])
            collecting.append(time.perf_counter() - began)

    def catalog() -> Path:
        return lake.resolve(REF)

    told = _lived(folder, hours, hour, catalog)
    before = time.perf_counter()
    lake.rollback(REF)
    rollback = (time.perf_counter() - before) * 1000
    with lake.read(REF) as session:
        ((rows,),) = session.rows("SELECT count(*) FROM raw.payments")
    # Rolled back by one hour.
    return {**told, "rows": rows + ROWS, "rollback": rollback, "collect": max(collecting)}


def plain(folder: Path, hours: int) -> dict[str, Any]:
    """One catalog, a transaction an hour, nothing expired, merged or removed."""
    from sluicegate.lake import Lake
    from sluicegate.lake.connection import attach, connect

    lake = Lake(folder)
    lake.prepare()
    file = folder / "catalog.db"
    connection = connect()
    try:
        attach(connection, file, lake.files, read_only=False)

        def hour(number: int) -> None:
            connection.execute("BEGIN")
            write(connection.execute, number)
            connection.execute("COMMIT")

        told = _lived(folder, hours, hour, lambda: file)
        ((rows,),) = connection.execute("SELECT count(*) FROM lake.raw.payments").fetchall()
    finally:
        connection.close()
    return {**told, "rows": rows}


def write(execute: Callable[[str], object], number: int) -> None:
    """What an hour brings."""
    if number == 0:
        for schema in ("raw", "accounts", "marts"):
            execute(f"CREATE SCHEMA lake.{schema}")
    rows = f"SELECT {COLUMNS.format(hour=number, rows=ROWS)}"
    for table in APPENDED:
        create = f"CREATE TABLE lake.{table} AS" if number == 0 else f"INSERT INTO lake.{table}"
        execute(f"{create} {rows}")
    for table in REPLACED:
        execute(f"CREATE OR REPLACE TABLE lake.{table} AS {rows}")


def _lived(
    folder: Path, hours: int, hour: Callable[[int], None], catalog: Callable[[], Path]
) -> dict[str, Any]:
    quarters, spent = [], []
    for number in range(hours):
        began = time.perf_counter()
        hour(number)
        spent.append(time.perf_counter() - began)
        if (number + 1) % max(1, hours // 4) == 0:
            quarters.append(_size(folder, catalog()))
    return {"quarters": quarters, "hour": _middle(spent[-KEEP:]) * 1000}


def _size(folder: Path, catalog: Path) -> dict[str, int]:
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return {"catalog": catalog.stat().st_size, "files": len(sizes), "bytes": sum(sizes)}


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
