"""The diff of a large table that shares no file, beside one full join by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.case import Case, Side
from benchmarks.site import WORK
from benchmarks.told import Telling

DIFFING = Telling("differing", WORK / "diff", (f"--lake={WORK / 'diff' / 'lake'}",))

LEAST = 5_000_000
"""Rows that it takes for the join to be what is measured."""

ABOUT = (
    "`sluicegate.lake.diff` of a table with {rows:,} rows and 4 columns, keyed by a number. The two"
    " refs share no data file of it; 1 % of the rows have another amount, 0.1 % were added and"
    " 0.1 % removed. Beside it, one full join with a count a column over the same Parquet files, in"
    " DuckDB as it comes: no catalogs, no samples, no thought for keys that are there twice. The"
    " process counts with its imports; the line about the diff is without them."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready."""
    rows = max(rows, LEAST)
    DIFFING.make(rows)
    for side in ("ours", "by_hand"):
        DIFFING.run(side)  # fills the system's cache
    yield Case(
        name="diff",
        about=ABOUT.format(rows=rows),
        subject=Side("sluicegate.lake.diff", lambda: DIFFING.run("ours")),
        baselines=[Side("full join by hand", lambda: DIFFING.run("by_hand"))],
        check=_both_found,
        core="the diff",
        size=f"{rows:,} rows",
    )


def _both_found() -> str:
    told = [DIFFING.found(side) for side in ("ours", "by_hand")]
    found = [{name: each[name] for name in ("rows", "columns")} for each in told]
    added, removed = found[0]["rows"]
    changed = sum(found[0]["columns"].values())
    if found[0] != found[1] or 0 in (added, removed, changed):
        raise ValueError(f"the two did not find the same: {told}")
    return f"Both found {added:,} rows added, {removed:,} removed and {changed:,} values changed."
