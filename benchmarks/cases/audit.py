"""The audit in place of a large table, beside one aggregate by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.case import Case, Side
from benchmarks.site import WORK
from benchmarks.told import Telling

AUDITING = Telling("auditing", WORK / "audit", (f"--folder={WORK / 'audit'}",))

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
    AUDITING.make(rows)
    for side in ("ours", "by_hand"):
        AUDITING.run(side)  # fills the system's cache
    yield Case(
        name="audit",
        about=ABOUT.format(rows=rows),
        subject=Side("audit in place", lambda: AUDITING.run("ours")),
        baselines=[Side("one aggregate by hand", lambda: AUDITING.run("by_hand"))],
        check=_both_found,
        core="the audit",
        size=f"{rows:,} rows",
    )


def _both_found() -> str:
    ours, by_hand = (AUDITING.found(side)["counts"] for side in ("ours", "by_hand"))
    if ours != by_hand or not any(ours.values()):
        raise ValueError(f"the two did not count the same: {ours} and {by_hand}")
    return f"Both counted the same for all {len(ours)} rules."
