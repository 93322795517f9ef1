"""Readers, a publisher and a collector on one lake, each a process of its own.

    python -m tests.crash.readers FOLDER READERS PUBLISHES TABLES

Every table carries the number of its release. Prints as JSON how many reads there were, which of
them saw two releases at once, and which failed. What was imported is there already when the
processes begin.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from sluicegate.errors import UnknownName
from sluicegate.lake import Lake
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import connect
from tests.crash.forks import fork

QUICKER = {"allow_unsigned_extensions": "true", "threads": "1"}
KEPT = timedelta(seconds=1)
"""How long what a ref showed is kept: whoever reads it longer is protected by his lease."""


def publish(lake: Lake, count: int, tables: int) -> None:
    """Publish releases, and go back after every fifth."""
    for number in range(1, count + 1):
        with lake.branch("dev", f"release-{number}") as branch:
            with branch.session() as session:
                session.execute("CREATE SCHEMA IF NOT EXISTS lake.marts")
                with session.transaction():
                    for table in range(tables):
                        name = f"lake.marts.t{table}"
                        session.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {number} AS n")
            lake.publish(branch, run=f"release-{number}")
        if number % 5 == 0:
            # Back to one that was collected by then nobody goes.
            with suppress(UnknownName):
                lake.rollback("dev")


def read(lake: Lake, tables: int, stop: Path, told: Path) -> None:
    """Read all tables again and again until told to stop, and write down what was seen."""
    os.nice(4)  # Somebody must publish what they read.
    union = " UNION ALL ".join(f"SELECT n FROM marts.t{table}" for table in range(tables))
    result: dict[str, Any] = {"reads": 0, "releases": 0, "mixed": [], "failed": []}
    seen: set[int] = set()
    while not stop.exists():
        try:
            with lake.read("dev") as session:
                numbers = [n for (n,) in session.rows(f"SELECT DISTINCT n FROM ({union})")]
        except Exception as error:  # noqa: BLE001 - whatever it is, the read failed
            result["failed"].append(f"{type(error).__name__}: {error}")
            continue
        result["reads"] += 1
        seen.update(numbers)
        if len(numbers) != 1:
            result["mixed"].append(numbers)
    result["releases"] = len(seen)
    told.write_text(json.dumps(result))


def sweep(lake: Lake, stop: Path, told: Path) -> None:
    """Collect again and again until told to stop, and write down how much that was."""
    os.nice(4)
    removed = files = 0
    while not stop.exists():
        found = collect(lake, keep=KEPT, grace=timedelta(0))
        removed, files = removed + len(found.removed), files + found.files
    told.write_text(json.dumps({"collected": removed, "files": files}))


def main(folder: Path, readers: int, publishes: int, tables: int) -> None:
    """Let them work until everything is published."""
    duckdb.connect = partial(duckdb.connect, config=QUICKER)  # type: ignore[assignment]
    connect().close()
    gc.freeze()
    lake, stop = Lake(folder / "lake"), folder / "stop"
    lake.prepare()
    _require(os.waitpid(fork(partial(publish, lake, 1, tables)), 0)[1])
    told = [folder / f"told-{number}" for number in range(readers + 1)]
    workers = [fork(partial(read, lake, tables, stop, file)) for file in told[1:]]
    workers.append(fork(partial(sweep, lake, stop, told[0])))
    publisher = fork(partial(publish, lake, publishes, tables))
    _require(os.waitpid(publisher, 0)[1])
    stop.touch()
    for worker in workers:
        _require(os.waitpid(worker, 0)[1])
    swept, *results = (json.loads(file.read_text()) for file in told)
    total = {key: sum((each[key] for each in results[1:]), results[0][key]) for key in results[0]}
    print(json.dumps({**total, **swept}))  # noqa: T201 - a command speaks


def _require(status: int) -> None:
    if status:
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
