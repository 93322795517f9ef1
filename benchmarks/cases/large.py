"""Taking in one very large text file: whether memory, or the time a byte takes, grows with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from benchmarks.case import Case, Side
from benchmarks.site import WORK
from benchmarks.told import Telling

LEAST = 5_000_000
"""Rows that it takes for a tenth of them to be several parts."""

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)

ABOUT = (
    "One CSV file of {rows:,} payments with 10 columns, taken in as in `ingest_csv`: read,"
    " validated against a contract of 20 rules, split, looked through for copies, committed to a"
    " branch of a lake. Beside it, the same with a file of a tenth of the rows: what is bounded has"
    " a ratio near 1, and what each byte takes one near 10. The process counts with its imports;"
    " the line about the taking in is without them."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready; its files are gone when it is over."""
    rows = max(rows, LEAST)
    folder = WORK / "large"
    shutil.rmtree(folder, ignore_errors=True)
    whole, tenth = (
        Telling("ingesting", folder / name, (f"--folder={folder / name}", "--kind=csv"))
        for name in ("whole", "tenth")
    )
    try:
        whole.make(rows)
        tenth.make(rows // 10)
        yield Case(
            name="large",
            about=ABOUT.format(rows=rows),
            subject=Side("sluicegate", lambda: whole.run("ours")),
            baselines=[Side("a tenth of it", lambda: tenth.run("ours"))],
            check=lambda: _told(whole.found("ours"), tenth.found("ours"), rows),
            core="the taking in",
            size=f"{rows:,} rows",
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _told(whole: dict[str, Any], tenth: dict[str, Any], rows: int) -> str:
    if (whole["rows"], tenth["rows"]) != (rows, rows // 10):
        raise ValueError(f"they did not keep all rows: {whole['rows']}, {tenth['rows']}")
    spent, held = [], []
    for start, end in pairwise(QUARTERS):
        before, after = _at(whole, start), _at(whole, end)
        spent.append((after[1] - before[1]) / (after[0] - before[0]) / whole["bytes"] * 1e9)
        held.append(after[2] / 1e6)
    return (
        f"{whole['bytes'] / 1e9:.2f} GB at {_a_gigabyte(whole):.1f} CPU s a GB; a tenth of it,"
        f" {tenth['bytes'] / 1e9:.2f} GB, at {_a_gigabyte(tenth):.1f}. Quarter by quarter of the"
        f" whole: {' → '.join(f'{each:.1f}' for each in spent)} CPU s a GB, and"
        f" {' → '.join(f'{each:,.0f}' for each in held)} MB that it had held at most by then."
        f" All rows were kept."
    )


def _a_gigabyte(told: dict[str, Any]) -> float:
    """CPU seconds a GB."""
    return float(told["cpu"] / told["bytes"] * 1e9)


def _at(told: dict[str, Any], share: float) -> tuple[float, float, float]:
    """What was noted when so much was done: how much it was, CPU seconds, bytes of memory."""
    done, spent, held = next(note for note in told["notes"] if note[0] >= share)
    return float(done), float(spent), float(held)
