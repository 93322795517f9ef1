"""A lake of 10,000 files and what moves in it; tells milliseconds, without imports.

python -m benchmarks.environments make|moves --lake=FOLDER
python -m benchmarks.environments fill --lake=FILE    the same rows, in a DuckDB file
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluicegate.lake import Move

TABLES = 50
DAYS = 200
"""Partitions of a table; each is one file."""

ROWS = 200
"""Rows of a partition."""

TIMES = 20
"""How often each move is made."""

REF = "prod"

ROW = (
    "i AS payment_id, (i * 7919 % 1000003 / 100)::DECIMAL(18, 2) AS amount, i % {days} AS day,"
    " ['settled', 'pending', 'failed'][1 + i % 3] AS status FROM range({rows}) AS t(i)"
)


def main() -> None:
    """Do one of these."""
    parser = argparse.ArgumentParser(description="A lake of 10,000 files.")
    parser.add_argument("what", choices=("make", "moves", "fill"))
    parser.add_argument("--lake", type=Path, required=True)
    chosen = parser.parse_args()
    if chosen.what == "make":
        make(chosen.lake)
    elif chosen.what == "fill":
        fill(chosen.lake)
    else:
        sys.stdout.write(json.dumps(moves(chosen.lake)))


def selected() -> str:
    """The rows of every table, here and at those that are compared."""
    return f"SELECT {ROW.format(days=DAYS, rows=DAYS * ROWS)}"


def make(folder: Path) -> None:
    """Publish tables that are partitioned by day, as payments are in many a lake."""
    from sluicegate.lake import Lake

    lake = Lake(folder)
    lake.prepare()
    with lake.branch(REF, "load") as branch:
        with branch.session() as session:
            session.execute("CREATE SCHEMA lake.marts")
            for number in range(TABLES):
                table = f"lake.marts.model_{number}"
                session.execute(f"CREATE TABLE {table} AS {selected()} LIMIT 0")
                session.execute(f"ALTER TABLE {table} SET PARTITIONED BY (day)")
                session.execute(f"INSERT INTO {table} {selected()}")
        lake.publish(branch, run="load")


def fill(file: Path) -> None:
    """What the models of others read: one table for each of ours."""
    import duckdb

    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE SCHEMA raw")
        for number in range(TABLES):
            connection.execute(f"CREATE TABLE raw.payments_{number} AS {selected()}")


def moves(folder: Path) -> dict[str, Any]:
    """How long each move takes: the median and the most, in milliseconds."""
    from sluicegate.lake import Lake
    from sluicegate.lake.inventory import data_files

    lake = Lake(folder)
    files = len(list(data_files(lake.resolve(REF))))
    told: dict[str, list[float]] = {"branch": [], "publish": [], "ref move": [], "rollback": []}

    def timed(name: str, work: Callable[[], Move]) -> Move:
        began = time.perf_counter()
        move = work()
        told[name].append((time.perf_counter() - began) * 1000)
        return move

    for number in range(TIMES):
        ref = f"try-{number}"
        timed("branch", partial(lake.start, ref, REF))
        with lake.branch(ref, ref) as branch:
            with branch.session() as session:
                session.execute(f"DELETE FROM lake.marts.model_0 WHERE payment_id = {number}")
            published = timed("publish", partial(lake.publish, branch, run=None))
        back = timed("rollback", partial(lake.rollback, ref))
        again = partial(lake.refs.move, ref, back, published.generation)
        timed("ref move", partial(again, action="publish", run=None))
        lake.delete(ref)
    times = {name: [median(each), max(each)] for name, each in told.items()}
    return {"files": files, "times": times}


if __name__ == "__main__":
    main()
