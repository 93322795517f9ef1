"""One taking in of a large text file, by us or by others; tells its CPU without imports.

python -m benchmarks.ingesting make|copy|ours|dlt|dlt_fast --folder=F --kind=csv|ndjson [--rows=N]

Ten columns. Ours reads the file, validates and splits its rows by a contract, finds duplicates,
commits what is good to a branch of a lake, and accounts for every row. DuckDB copies the file to
Parquet and looks at nothing; dlt loads it into a DuckDB database.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

COLUMNS = (
    *("payment_id", "booked_at", "amount", "currency", "merchant_id"),
    *("customer_id", "status", "channel", "attempts", "description"),
)
CURRENCIES = ("CHF", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK")
STATES = ("authorised", "captured", "settled", "failed")
CHANNELS = ("web", "app", "pos", "moto")
_AT_ONCE = 1_000_000
"""Rows that are made at once."""


def main() -> None:
    """Do one side, and print what it took and how many rows it kept."""
    sides: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
        "copy": copy,
        "ours": ours,
        "dlt": dlt,
        "dlt_fast": dlt_fast,
    }
    parser = argparse.ArgumentParser(description="One taking in of a large file.")
    parser.add_argument("side", choices=("make", *sides))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kind", choices=("csv", "ndjson"), required=True)
    parser.add_argument("--rows", type=int, default=0)
    chosen = parser.parse_args()
    file = chosen.folder / f"payments.{chosen.kind}"
    if chosen.side == "make":
        make(file, chosen.rows)
        return
    with tempfile.TemporaryDirectory(dir=chosen.folder) as scratch:
        sys.stdout.write(json.dumps(sides[chosen.side](file, Path(scratch))))


def make(file: Path, rows: int) -> None:
    """Write the file, some rows at a time, as a processor does: quotes where CSV needs them."""
    with file.open("wb") as target:
        for start in range(0, rows, _AT_ONCE):
            frame = _payments(start, min(start + _AT_ONCE, rows))
            if file.suffix == ".csv":
                frame.write_csv(target, include_header=start == 0)
            else:
                frame.with_columns(pl.col("amount").cast(pl.Float64)).write_ndjson(target)


def _payments(start: int, end: int) -> pl.DataFrame:
    number = pl.int_range(start, end)
    salted = (number * 7919) % 1_000_003

    def pick(values: tuple[str, ...], salt: int) -> pl.Expr:
        at = ((salted + salt) * (salted + salt)) % len(values)
        return at.replace_strict(dict(enumerate(values)), return_dtype=pl.String)

    booked = pl.datetime(2026, 1, 1) + pl.duration(seconds=number * 7)
    cents = salted % 9_000_000 + 100
    return pl.select(
        payment_id="P" + number.cast(pl.String).str.zfill(10),
        booked_at=booked.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        amount=(cents // 100).cast(pl.String) + "." + (cents % 100).cast(pl.String).str.zfill(2),
        currency=pick(CURRENCIES, 7),
        merchant_id="M" + (salted % 20_000).cast(pl.String).str.zfill(6),
        customer_id="C" + (salted % 300_000).cast(pl.String).str.zfill(7),
        status=pick(STATES, 3),
        channel=pick(CHANNELS, 13),
        attempts=salted % 9 + 1,
        description=pl.when(salted % 5 == 1)
        .then("order " + salted.cast(pl.String) + ", thank you")
        .when(salted % 5 > 1)
        .then("invoice " + salted.cast(pl.String)),
    ).select(COLUMNS)


def copy(file: Path, scratch: Path) -> dict[str, Any]:
    """DuckDB, from the file to Parquet."""
    import duckdb

    read = "read_csv" if file.suffix == ".csv" else "read_json"
    with duckdb.connect() as connection:
        began = time.process_time()
        target = scratch / "out.parquet"
        connection.execute(f"COPY (FROM {read}('{file}')) TO '{target}' (FORMAT parquet)")
        spent = time.process_time() - began
        ((rows,),) = connection.execute(f"SELECT count(*) FROM '{target}'").fetchall()
    return {"cpu": spent, "rows": rows}


def ours(file: Path, scratch: Path) -> dict[str, Any]:
    """As a run takes a batch in: from the file to a committed branch with its receipt.

    It tells what it had spent, and held, when a part was done.
    """
    from benchmarks.ingesting_contract import source
    from sluicegate.ingestion import create, ingest
    from sluicegate.ingestion.accounts import open_accounts
    from sluicegate.lake import Lake
    from sluicegate.sources import Batch

    declared = source(file.suffix)
    batch = Batch("0" * 16, file.name, file, file.stat().st_size)
    lake = Lake(scratch / "lake")
    lake.prepare()
    notes: list[tuple[float, float, int]] = []

    def note(done: int, total: int, what: str) -> None:
        del what
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        notes.append((done / total, time.process_time() - began, held))

    with lake.branch("dev", "bench") as branch, branch.session() as session:
        open_accounts(session)
        create(declared, session)
        began = time.process_time()
        intake = ingest(declared, [batch], session, "bench", note)
        spent = time.process_time() - began
    (receipt,) = intake.receipts
    return {"cpu": spent, "rows": receipt.published, "bytes": batch.size, "notes": notes}


def dlt(file: Path, scratch: Path) -> dict[str, Any]:
    """Dlt as its documentation loads files of this kind."""
    from benchmarks.peers.dlt import loaded

    return loaded(file, scratch, fast=False)


def dlt_fast(file: Path, scratch: Path) -> dict[str, Any]:
    """Dlt as fast as it can be told to: Arrow tables that DuckDB reads."""
    from benchmarks.peers.dlt import loaded

    return loaded(file, scratch, fast=True)


if __name__ == "__main__":
    main()
