"""One more environment on 10,000 files, beside copying them and beside what others make of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from benchmarks.case import Case, Side
from benchmarks.environments import DAYS as FILES
from benchmarks.environments import REF, ROWS, TABLES, TIMES
from benchmarks.measure import Spent, measured
from benchmarks.peers.dbt import Dbt
from benchmarks.peers.sqlmesh import Sqlmesh
from benchmarks.site import CONSOLE, ROOT, WORK

FOLDER = WORK / "environment"
LAKE = FOLDER / "lake"

ABOUT = (
    f"`sluicegate lake branch NAME --from {REF}` on a lake of {TABLES} tables in {{files:,}} files"
    f" ({{rows:,}} rows). Beside it: `cp -r` of the lake; `sqlmesh plan NAME` for {TABLES} models"
    f" over the same rows in a DuckDB file, unchanged, so that it makes views; and `dbt build` of"
    f" {TABLES} models into a schema of its own, which copies the rows. Each is a process, its"
    " imports included."
)


@contextmanager
def prepared(_rows: int) -> Iterator[Case]:
    """Make the case ready; its size is its own."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    _called("make")
    dbt, sqlmesh = Dbt(FOLDER / "dbt"), Sqlmesh(FOLDER / "sqlmesh")
    names = count(1)
    yield Case(
        name="environment",
        about=ABOUT.format(files=TABLES * FILES, rows=TABLES * FILES * ROWS),
        subject=Side("sluicegate lake branch", lambda: _branch(f"feature/{next(names)}")),
        baselines=[
            Side("cp -r", _copied),
            Side(sqlmesh.name, sqlmesh.environment),
            Side(dbt.name, dbt.environment),
        ],
        check=lambda: _all_made(dbt, sqlmesh),
        size=f"{TABLES * FILES:,} files",
    )


def _branch(name: str) -> Spent:
    env = {**os.environ, "SLUICEGATE_LAKE__ROOT": str(LAKE), "SLUICEGATE_PROJECT": str(ROOT)}
    command = [str(CONSOLE), "lake", "branch", name, "--from", REF]
    return measured(command, cwd=ROOT, env=env, log=FOLDER / "said.log")


def _copied() -> Spent:
    shutil.rmtree(FOLDER / "copy", ignore_errors=True)
    command = ["cp", "-r", str(LAKE), str(FOLDER / "copy")]
    return measured(command, cwd=ROOT, env=os.environ, log=FOLDER / "said.log")


def _called(what: str) -> Spent:
    command = (sys.executable, "-m", "benchmarks.environments", what, f"--lake={LAKE}")
    return measured(command, cwd=ROOT, env=os.environ, log=FOLDER / "said.log")


def _all_made(dbt: Dbt, sqlmesh: Sqlmesh) -> str:
    made = {dbt.made(), sqlmesh.made()}
    told = json.loads(_called("moves").out)
    if made != {TABLES} or told["files"] != TABLES * FILES:
        raise ValueError(f"not all environments are whole: {made}, {told['files']} files")
    times = ", ".join(
        f"{name} {middle:.1f} ({most:.1f})" for name, (middle, most) in told["times"].items()
    )
    return (
        f"Every environment shows all {TABLES} models. Inside a process at work, in milliseconds,"
        f" the median and the most of {TIMES}: {times}. The publish is of one row deleted, its"
        " catalog compacted, checked and made durable; the ref move is its last step."
    )
