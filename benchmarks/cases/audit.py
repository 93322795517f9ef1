"""The audit in place of a large table, beside one aggregate by hand."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.case import Case, Side
from benchmarks.measure import Spent, measured
from benchmarks.site import ROOT, WORK

FOLDER = WORK / "audit"

LEAST = 5_000_000
"""Rows that it takes for the counting to be what is measured."""

ABOUT = (
    "The audit of a table with {rows:,} rows and 13 columns in a lake, of which one row of a"
    " hundred breaks a rule: 28 rules of rows, and whether its key is unique. Ours is compiled from"
    " the contract and shows some rows of each broken rule; beside it, one aggregate with the same"
    " 28 counts and one of the key, written by hand, through the same connection. The process"
    " counts with its imports; the line about the audit is without them."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready."""
    rows = max(rows, LEAST)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    _called("make", f"--rows={rows}")
    for side in ("ours", "by_hand"):
        _audited(side)  # fills the system's cache
    yield Case(
        name="audit",
        about=ABOUT.format(rows=rows),
        subject=Side("audit in place", lambda: _audited("ours")),
        baselines=[Side("one aggregate by hand", lambda: _audited("by_hand"))],
        check=_both_found,
        core="the audit",
        size=f"{rows:,} rows",
    )


def _audited(side: str) -> Spent:
    spent = _called(side)
    (FOLDER / f"{side}.json").write_text(spent.out)
    return replace(spent, core=float(json.loads(spent.out)["cpu"]))


def _called(side: str, *more: str) -> Spent:
    command = (sys.executable, "-m", "benchmarks.auditing", side, f"--folder={FOLDER}", *more)
    return measured(command, cwd=ROOT, env=os.environ, log=FOLDER / "said.log")


def _both_found() -> str:
    ours, by_hand = (
        json.loads((FOLDER / f"{side}.json").read_text())["counts"] for side in ("ours", "by_hand")
    )
    if ours != by_hand or not any(ours.values()):
        raise ValueError(f"the two did not count the same: {ours} and {by_hand}")
    return f"Both counted the same for all {len(ours)} rules."
