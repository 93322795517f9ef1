"""Runs on a disk that is full, in a process of its own: tells as JSON what became of each.

    python -m tests.crash.full_disk tmpfs FOLDER    a file system of 8 MB is mounted there
    python -m tests.crash.full_disk limit FOLDER    no file may grow beyond a limit: needs no root

How much room there is differs from run to run, so that they fail at different steps.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import duckdb

from sluicegate.errors import EnvironmentFailed
from sluicegate.ingestion import create, ingest
from sluicegate.ingestion.accounts import open_accounts
from sluicegate.lake import Archive, Lake
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import data_files
from sluicegate.lake.verify import verify
from sluicegate.pipeline import Platform, Run
from sluicegate.release import Ledger
from tests.unit import kit

LINES = (f"{number * 7919 % 20_011},,{number}.00," for number in range(1, 20_001))
CONTENT = gzip.compress("\n".join([kit.HEADER, *LINES]).encode())
"""What a run takes in: more bytes of Parquet than a catalog has."""


def main(kind: str, folder: Path) -> None:
    """Publish once, then run again and again with less room than it takes; print what happened."""
    unchecked = {"allow_unsigned_extensions": "true"}  # quicker
    duckdb.connect = partial(duckdb.connect, config=unchecked)  # type: ignore[assignment]
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    Platform.fingerprint = "code"  # type: ignore[assignment]
    lake = Lake(folder / "lake")
    lake.prepare()
    head = kit.publish(lake, 1)
    catalog = lake.catalog(head.generation).stat().st_size
    batch = kit.batch(folder, CONTENT)
    short = _full if kind == "tmpfs" else _limited
    # All of them are too little: a run writes about 270 kB of rows, its accounts and a catalog.
    more = (-catalog, 3_000 - catalog, -catalog // 2, 4_000, 50_000, 150_000, 250_000, 310_000)
    runs = []
    for room in (catalog + each for each in more):
        with short(room, folder):
            failed = _run(lake, batch)
        runs.append({"failed": failed, "shown": kit.numbers(lake), "head": _head(lake)})
    told = {"runs": runs, "before": _unnamed(lake), "head": head.generation}
    # A limit of the size of files stays, whatever is removed: it must let what is written down be.
    with short(0 if kind == "tmpfs" else 4_096, folder):
        told["freed"] = _freed(lake, grace=timedelta(0))
    told["after"] = _unnamed(lake)
    former = _head(lake)
    told["published"] = _run(lake, batch) is None and _head(lake) != head.generation
    lake.condemned.add(former, datetime.now(UTC) - timedelta(days=2))
    # All that there is to remove now is what is due; where nothing at all can be written.
    with short(0, folder):
        told["freed again"] = _freed(lake, grace=timedelta(days=1))
    told["kept"] = former in lake.generations()
    told["problems"] = [each.what for each in verify(lake, keep=timedelta(days=1)).problems]
    print(json.dumps(told))  # noqa: T201 - a command speaks


def _freed(lake: Lake, grace: timedelta) -> int:
    """How much more room there is once somebody has collected."""
    before = os.statvfs(lake.root).f_bavail
    collect(lake, keep=timedelta(0), grace=grace)
    stat = os.statvfs(lake.root)
    return (stat.f_bavail - before) * stat.f_frsize


def _head(lake: Lake) -> str:
    return lake.refs.require("dev").generation


def _unnamed(lake: Lake) -> list[str]:
    """What takes room and is of no use: files without a catalog, drafts, branches."""
    named = {file.key for name in lake.generations() for file in data_files(lake.catalog(name))}
    files = [stored.key for stored in lake.store.list("files/") if stored.key not in named]
    hidden = [str(file) for file in lake.root.rglob(".*")]
    return files + hidden + [folder.name for folder in lake.branches.iterdir()]


def _run(lake: Lake, batch: Any) -> str | None:
    """A run of the pipeline, but for what dbt does; how it failed."""
    ledger = Ledger(lake.store, "dev")
    platform = Platform(
        kit.settings_of(lake.root.parent),
        cast("Any", None),
        lake,
        Archive(lake.store),
        ledger,
    )
    source = kit.source("orders")
    try:
        lake.prepare()
        run = Run(platform)
        with run.recorded(), run.turn(), run.patience(), run.branch() as branch:
            platform.archive.keep_bytes(batch.content.read_bytes())
            with branch.session() as session:
                open_accounts(session)
                create(source, session)
                ingest(source, [batch], session, run.id)
            lake.publish(branch, run=run.id)
    except EnvironmentFailed as error:
        return error.message
    return None


@contextmanager
def _full(room: int, folder: Path) -> Iterator[None]:
    """A disk on which so many bytes are free."""
    stat = os.statvfs(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(0, stat.f_bavail * stat.f_frsize - room)))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def _limited(room: int, _folder: Path) -> Iterator[None]:
    """A disk on which no file can have more than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
