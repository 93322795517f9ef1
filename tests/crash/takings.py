"""Runs that take in files, in processes that are killed after so many seconds of their work.

    python -m tests.crash.takings

reads one JSON request a line and answers each with one JSON line. What was imported is there
already when a request comes: it is done by a fork. The kinds of requests:

    {"do": "run", "world": folder}                  run to the end
    {"do": "run", "world": folder, "kill": 0.2}     run, and be killed unless it ended before
    {"do": "look", "world": folder, "out": file}    what there is, once all garbage is collected

A run is that of the pipeline, with its audit, but for what dbt does. It answers how it ended, how
many seconds after it had begun, and in which phase.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from sluicegate.catalogue import Catalogue
from sluicegate.ingestion import Fate, accounts, ingest
from sluicegate.ingestion.table import raw_table
from sluicegate.lake import Archive, Lake, Session, Table, bulk, points
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import connect, identifier
from sluicegate.lake.inventory import data_files
from sluicegate.lake.verify import verify
from sluicegate.pipeline import Platform, Run, stages
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED
from sluicegate.sources import Files, Hold, Load
from tests.crash.crowd import QUICKER
from tests.crash.forks import fork
from tests.unit import kit
from tests.unit.runs import take_in

NOW = timedelta(0)
AT_ONCE = 150
"""Rows that are read and written together: the large file has several such parts."""

INGEST = ingest.__module__
PHASES = {
    "discover": (stages, "discover"),
    "archive": (Archive, "keep_stream"),
    "open accounts": (stages, "open_harvest"),
    "read": (Files, "read"),
    "sift": (INGEST, "sift"),
    "load": (INGEST, "load"),
    "weigh": ("sluicegate.ingestion.load", "weigh"),
    "quarantine": ("sluicegate.ingestion.quarantine", "put"),
    "account": ("sluicegate.ingestion.accounts", "record_batches"),
    "audit": (stages, "audit"),
    "publish": (stages, "publish"),
}
"""Phase of a run → what is at work in it, innermost first where one calls another."""

_phase = mmap.mmap(-1, 64)
"""What the run at work is in, shared with who kills it."""


def sources() -> dict[str, Files]:
    """One of each kind of load, and both of what waits when a batch is refused."""
    made = (
        # A large file, part by part; one of which too much is rejected is held alone.
        kit.source("orders", match="orders/*.csv", tolerate="20 %", holds=Hold.BATCH),
        # Small files together.
        kit.source("returns", match="returns/*.csv"),
        # Later files correct earlier ones, also under their names.
        kit.source("prices", match="prices/*.csv", load=Load.MERGE, holds=Hold.BATCH),
        # What the newest file does not have leaves.
        kit.source("stock", match="stock/*.csv", load=Load.REPLACE),
    )
    return {source.name: source for source in made}


def run(world: Path) -> None:
    """Take in what is new, audit and publish it."""
    settings = kit.settings_of(world)
    lake = Lake.of(settings)
    lake.prepare()
    catalogue = Catalogue(sources(), {})
    ledger = Ledger(lake.store, "dev")
    take_in(Run(Platform(settings, catalogue, lake, Archive(lake.store), ledger)))


def look(world: Path, out: Path) -> None:
    """Collect all garbage, and write down what there is."""
    lake = Lake.of(kit.settings_of(world))
    lake.prepare()
    collect(lake, keep=NOW, grace=NOW)
    last = Ledger(lake.store, "dev").last(FINISHED) or {}
    told = {
        "held": last["held"],
        "receipts": [_receipt(each) for each in last["batches"] if each["held"]],
        "moves": [move.action for move in lake.refs.log("dev")],
        "archive": sorted(stored.key for stored in lake.store.list("archive/")),
        "problems": [each.what for each in verify(lake, keep=NOW, deep=True).problems],
        "left": _left(lake),
    }
    with lake.read("dev") as session:
        kept = session.frame(f"SELECT * FROM {accounts.BATCHES.sql} ORDER BY ALL").to_dicts()
        told["receipts"] += [_receipt(each) for each in kept]
        for table in [*map(raw_table, sources().values()), *accounts.TABLES]:
            told[str(table)] = _rows(session, table)
    out.write_text(json.dumps(told))


def _receipt(told: Mapping[str, Any]) -> list[Any]:
    """The account of a batch: where it came from, rows in, and what they became."""
    return [told[each] for each in ("source", "name", "rows_in", *Fate)]


def _rows(session: Session, table: Table) -> list[str]:
    """All rows of a table, but for what says which run brought them, and when."""
    ((columns,),) = session.rows(
        "SELECT list(column_name ORDER BY column_name) FROM duckdb_columns()"
        " WHERE (schema_name, table_name) = (?, ?) AND column_name NOT IN ('run', 'at')",
        [table.schema, table.name],
    )
    named = ", ".join(map(identifier, columns))
    return sorted(map(str, session.rows(f"SELECT {named} FROM {table.sql}")))


def _left(lake: Lake) -> list[str]:
    """What nobody needs: unnamed files, drafts, branches, scratch."""
    named = {file.key for name in lake.generations() for file in data_files(lake.catalog(name))}
    left = [stored.key for stored in lake.store.list("files/") if stored.key not in named]
    left += [str(file) for file in lake.root.rglob(".*")]
    return left + [str(folder) for folder in lake.branches.iterdir()]


def main() -> None:
    """Serve requests until nobody asks any more."""
    duckdb.connect = partial(duckdb.connect, config=QUICKER)  # type: ignore[assignment]
    connect().close()
    # Nobody cuts the power here, and what a killed process wrote the kernel has.
    os.fsync = lambda _: None
    Platform.fingerprint = "code"  # type: ignore[assignment]
    for module in (INGEST, "sluicegate.ingestion.sift"):
        vars(import_module(module))["ROWS_AT_ONCE"] = AT_ONCE
    bulk.MANY = AT_ONCE // 2  # Files that polars writes are among those that are left behind.
    for phase, (place, name) in PHASES.items():
        owner = import_module(place) if isinstance(place, str) else place
        setattr(owner, name, _told(phase, getattr(owner, name)))
    points.hook = lambda point: _say(f"{_now().split(', ')[0]}, {point}")
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        world = Path(request["world"])
        if request["do"] == "look":
            answer = _wait(fork(partial(look, world, Path(request["out"]))))
        else:
            answer = _run(world, request.get("kill"))
        print(json.dumps(answer), flush=True)  # noqa: T201 - a command speaks


def _run(world: Path, kill: float | None) -> dict[str, Any]:
    """Have a fork do a run, and kill it so many seconds after it began."""
    _say("begin")
    ready, begun = os.pipe()

    def work() -> None:
        sources()  # A contract tries its checks once: that is no part of a run.
        os.write(begun, b"!")
        run(world)

    pid = fork(work)
    ended = os.pidfd_open(pid)
    os.read(ready, 1)
    began = time.monotonic()
    if not select.select([ended], [], [], kill)[0]:
        os.kill(pid, signal.SIGKILL)
    code = _wait(pid)
    for descriptor in (ready, begun, ended):
        os.close(descriptor)
    return {"code": code, "seconds": time.monotonic() - began, "phase": _now()}


def _wait(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _told(phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same work, which says when it is on."""

    @contextmanager
    def within() -> Iterator[None]:
        before = _now()
        _say(phase)
        yield
        _say(before)

    @wraps(work)
    def telling(*args: Any, **options: Any) -> Any:
        with within():
            made = work(*args, **options)
        return _each(made) if phase == "read" else made

    def _each(parts: Iterator[Any]) -> Iterator[Any]:
        while True:
            with within():
                part = next(parts, None)
            if part is None:
                return
            yield part

    return telling


def _say(phase: str) -> None:
    _phase[:] = phase.encode().ljust(len(_phase))


def _now() -> str:
    return bytes(_phase).decode().strip("\0 ")


if __name__ == "__main__":
    main()
