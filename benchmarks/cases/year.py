"""How a lake grows that is published to every hour for a year, beside DuckLake as it comes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.case import Case, Side
from benchmarks.measure import Spent, measured
from benchmarks.site import ROOT, WORK
from benchmarks.year import APPENDED, DAY, REPLACED, ROWS

FOLDER = WORK / "year"
HOURS = 365 * DAY
_HOURS = {"ours": HOURS, "plain": HOURS // 10}

ABOUT = (
    f"{{hours:,}} publishes, one an hour of a year: {ROWS} rows are added to each of"
    f" {len(APPENDED)} tables and {len(REPLACED)} tables of {ROWS} rows are replaced. Ours makes a"
    " branch, publishes it, keeps what readers saw in the last thirty days (720 generations to go"
    " back to) and collects once a day. Beside it, a tenth of the year by one transaction an hour"
    " on one DuckLake catalog, nothing expired, merged or removed: its whole history stays, so it"
    " grows as fast for the rest. Both have one thread, and load DuckDB's extensions without"
    " checking their signatures."
)


@contextmanager
def prepared(_rows: int) -> Iterator[Case]:
    """Make the case ready; its size is its own."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    yield Case(
        name="year",
        about=ABOUT.format(hours=HOURS),
        subject=Side("sluicegate.lake", lambda: _lived("ours")),
        baselines=[Side("a tenth of it, by DuckLake as it comes", lambda: _lived("plain"))],
        check=_both_lived,
        size=f"{HOURS:,} publishes",
    )


def _lived(side: str) -> Spent:
    shutil.rmtree(FOLDER / side, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.year", side]
    command += [f"--folder={FOLDER / side}", f"--hours={_HOURS[side]}"]
    spent = measured(command, cwd=ROOT, env=os.environ, log=FOLDER / "said.log")
    (FOLDER / f"{side}.json").write_text(spent.out)
    return spent


def _both_lived() -> str:
    ours, plain = (json.loads((FOLDER / f"{side}.json").read_text()) for side in ("ours", "plain"))
    for side, told in (("ours", ours), ("plain", plain)):
        if told["rows"] != _HOURS[side] * ROWS:
            raise ValueError(f"rows were lost: {told}")
    return (
        f"Each growing table has {ours['rows']:,} rows at the end. After each quarter of the year:"
        f" ours {_grown(ours)}; after each quarter of a tenth of it: DuckLake as it comes"
        f" {_grown(plain)}. At the end an hour took"
        f" {ours['hour']:.0f} ms here (branch, writing, compaction, publish) and"
        f" {plain['hour']:.0f} ms there (writing); a rollback {ours['rollback']:.0f} ms; collecting"
        f" at most {ours['collect']:.1f} s."
    )


def _grown(told: dict[str, Any]) -> str:
    """Size of the newest catalog, number of all files, and what they hold together."""
    return " → ".join(
        f"catalog {each['catalog'] / 1e3:,.0f} kB, {each['files']:,} files,"
        f" {each['bytes'] / 1e6:,.0f} MB"
        for each in told["quarters"]
    )
