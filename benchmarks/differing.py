"""One diff of two large tables, by us or by hand; tells its CPU seconds without imports.

python -m benchmarks.differing make|ours|by_hand --lake=FOLDER [--rows=N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

BEFORE, AFTER = "before", "after"
COLUMNS = ("amount", "status", "booked_at")


def main() -> None:
    """Do one side, and print what it took and what it found."""
    parser = argparse.ArgumentParser(description="One diff of two large tables.")
    parser.add_argument("side", choices=("make", "ours", "by_hand"))
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.side == "make":
        make(chosen.lake, chosen.rows)
        return
    told = (ours if chosen.side == "ours" else by_hand)(chosen.lake)
    sys.stdout.write(json.dumps(told))


def make(folder: Path, rows: int) -> None:
    """Publish the table to two refs that share nothing, and note the files of each.

    One row of a hundred has another amount after, one of a thousand is new, one has gone.
    """
    from sluicegate.lake import Lake
    from sluicegate.lake.inventory import data_files

    lake = Lake(folder)
    lake.prepare()
    gone, new = f"id < {rows // 1000}", f"range({rows + rows // 1000})"
    for ref, numbers, where in ((BEFORE, f"range({rows})", "true"), (AFTER, new, f"NOT {gone}")):
        more = " + (hash(id) % 100 = 0)::INTEGER" if ref == AFTER else ""
        with lake.branch(ref, ref) as branch:
            with branch.session() as session:
                session.execute("CREATE SCHEMA lake.raw")
                session.execute(
                    "CREATE TABLE lake.raw.payments AS SELECT id,"
                    f" ((id * 7919 % 1000003) / 100 {more})::DECIMAL(18,2) AS amount,"
                    " ['settled', 'pending', 'failed'][1 + id % 3] AS status,"
                    " TIMESTAMPTZ '2026-10-01' + INTERVAL (id % 86400) SECOND AS booked_at"
                    f" FROM {numbers} AS t(id) WHERE {where}"
                )
            lake.publish(branch, run=ref)
        files = [lake.store.where(file.key) for file in data_files(lake.resolve(ref))]
        (folder / f"{ref}.json").write_text(json.dumps(files))


def ours(folder: Path) -> dict[str, Any]:
    """As ``lake diff`` does it, the catalogs opened and a sample taken."""
    from sluicegate.lake import Lake
    from sluicegate.lake.diff import diff

    began = time.process_time()
    (table,) = diff(Lake(folder), BEFORE, AFTER, keys={"raw.payments": ("id",)}).tables
    spent = time.process_time() - began
    rows = table.rows
    return {
        "cpu": spent,
        "rows": [rows.added, rows.removed],
        "columns": {column.name: column.rows for column in table.values},
    }


def by_hand(folder: Path) -> dict[str, Any]:
    """One full join over the same Parquet files, as anybody would write it."""
    import duckdb

    before, after = (json.loads((folder / f"{ref}.json").read_text()) for ref in (BEFORE, AFTER))
    counts = ", ".join(
        f"count(*) FILTER (WHERE a.id = b.id AND a.{name} IS DISTINCT FROM b.{name})"
        for name in COLUMNS
    )
    began = time.process_time()
    ((added, removed, *columns),) = duckdb.execute(
        "SELECT count(*) FILTER (WHERE a.id IS NULL), count(*) FILTER (WHERE b.id IS NULL),"
        f" {counts} FROM read_parquet($1) AS a FULL JOIN read_parquet($2) AS b ON a.id = b.id",
        [before, after],
    ).fetchall()
    spent = time.process_time() - began
    found = dict(zip(COLUMNS, columns, strict=True))
    return {"cpu": spent, "rows": [added, removed], "columns": found}


if __name__ == "__main__":
    main()
