"""Taking in a large text file, beside copying it unlooked at and beside dlt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.case import Case, Side
from benchmarks.measure import Spent
from benchmarks.peers.installed import installed
from benchmarks.site import WORK
from benchmarks.told import Telling

LEAST = 1_000_000
"""Rows that it takes for the rows to be what is measured."""

ABOUT = (
    "{kind} of {rows:,} payments with 10 columns. Ours reads it, validates it against a contract of"
    " 20 rules, sets aside what breaks one, looks for copies, commits the rest to a branch of a"
    " lake, and accounts for every row. DuckDB copies the file to Parquet and looks at nothing."
    " Dlt loads it into a DuckDB database: as its documentation does{fast}."
    " The process counts with its imports; the line about the taking in is without them."
)
FAST = ", and as fast as it can be told to (`read_csv_duckdb` with pyarrow)"


@contextmanager
def prepared_csv(rows: int) -> Iterator[Case]:
    """Make the case ready: delimited text."""
    yield _prepared("ingest_csv", "csv", rows)


@contextmanager
def prepared_ndjson(rows: int) -> Iterator[Case]:
    """Make the case ready: JSON, an object a line."""
    yield _prepared("ingest_ndjson", "ndjson", rows)


def _prepared(name: str, kind: str, rows: int) -> Case:
    rows = max(rows, LEAST)
    folder = WORK / name
    ingesting = Telling("ingesting", folder, (f"--folder={folder}", f"--kind={kind}"))
    apart = installed() / "bin" / "python"
    sides = {"copy": "DuckDB's COPY", "dlt": "dlt"}
    if kind == "csv":
        sides["dlt_fast"] = "dlt, fastest"
    ingesting.make(rows)
    ingesting.run("copy")  # fills the system's cache
    return Case(
        name=name,
        about=ABOUT.format(kind=kind.upper(), rows=rows, fast=FAST if "dlt_fast" in sides else ""),
        subject=Side("sluicegate", lambda: ingesting.run("ours")),
        baselines=[
            Side(told, _runner(ingesting, side, apart if side.startswith("dlt") else None))
            for side, told in sides.items()
        ],
        check=lambda: _all_there(ingesting, ("ours", *sides), rows),
        core="the taking in",
        size=f"{rows:,} rows",
    )


def _runner(ingesting: Telling, side: str, python: Path | None) -> Callable[[], Spent]:
    return lambda: ingesting.run(side, python) if python else ingesting.run(side)


def _all_there(ingesting: Telling, sides: Sequence[str], rows: int) -> str:
    kept = {side: ingesting.found(side)["rows"] for side in sides}
    if set(kept.values()) != {rows}:
        raise ValueError(f"they did not keep {rows} rows each: {kept}")
    return f"All of them kept {rows:,} rows."
