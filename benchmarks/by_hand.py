"""The baseline of the pipeline: what a good data engineer writes in an afternoon.

One process, plain DuckDB, one script of SQL (``by_hand.sql``) from the landed files and the two
APIs to every raw table and mart, in a DuckLake of Parquet files with a SQLite catalog. It has no
validation, no quarantine, no receipts, no branch, no orchestrator and no second run: it shares no
code with what it is compared to, and yields the same tables.

    python benchmarks/by_hand.py --landing data/landing --reference data/reference \
        --ecb http://127.0.0.1:8417/service/data --processor http://127.0.0.1:8417/processor \
        --lake by_hand
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import urllib.request
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

import duckdb

SCRIPT = Path(__file__).with_suffix(".sql")
RATES = "EXR/D..EUR.SP00.A?startPeriod=2025-01-01&detail=dataonly&format=csvdata"
LISTS = ("refunds", "chargebacks")
PAGE = 500


def main() -> None:
    """Build the lake anew."""
    parser = argparse.ArgumentParser(description="Build every table with plain DuckDB.")
    parser.add_argument("--landing", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--ecb", required=True)
    parser.add_argument("--processor", required=True)
    parser.add_argument("--lake", type=Path, required=True)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as answers:
        fetch(chosen.ecb, chosen.processor, Path(answers))
        connection = connect(chosen.lake)
        for name, value in (
            ("landing", chosen.landing),
            ("reference", chosen.reference),
            ("answers", answers),
        ):
            connection.execute(f"SET VARIABLE {name} = ?", [value])
        connection.execute(SCRIPT.read_text())
        connection.close()


def fetch(ecb: str, processor: str, folder: Path) -> None:
    """Download the rates and every page of the processor's lists."""
    (folder / "rates.csv").write_bytes(_get(f"{ecb}/{RATES}"))
    for name in LISTS:
        query: dict[str, str | int] = {"limit": PAGE}
        page = 0
        while True:
            body = _get(f"{processor}/v1/{name}?{urlencode(query)}")
            (folder / f"{name}_{page:05d}.json").write_bytes(body)
            cursor = json.loads(body)["links"]["next_cursor"]
            if cursor is None:
                break
            query["cursor"] = cursor
            page += 1


def connect(lake: Path) -> duckdb.DuckDBPyConnection:
    """Open DuckDB on a new, empty lake."""
    shutil.rmtree(lake, ignore_errors=True)
    lake.mkdir(parents=True)
    connection = duckdb.connect()
    for extension in ("ducklake", "sqlite_scanner", "icu"):
        # Where the extension's wheel put it: installing would change the user's home.
        place = files(f"duckdb_extension_{extension}") / "extensions" / f"v{duckdb.__version__}"
        connection.load_extension(str(place / f"{extension}.duckdb_extension"))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"ATTACH 'ducklake:sqlite:{lake}/catalog.db' AS lake (DATA_PATH '{lake}/files/')"
    )
    connection.execute("USE lake")
    return connection


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
    return body


if __name__ == "__main__":
    main()
