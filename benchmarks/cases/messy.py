"""Reading messy files of the real world right, beside what DuckDB detects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.case import Case, Side, SkippedError
from benchmarks.scoring import BEST, Found
from benchmarks.site import WORK
from benchmarks.told import Telling

ABOUT = (
    "{files} files of open-data portals and instruments, as they were found, and nothing known but"
    " the names of their columns. The score is that of Pollock (`scoring.py`): whether a file is"
    " read, and precision, recall and F1 of header, records and cells, added up. Ours is what"
    " `sluicegate preview --columns --output` writes. The process counts with its imports; the line"
    " about the reading is without them."
)


@contextmanager
def prepared(_: int) -> Iterator[Case]:
    """Make the case ready, for the files in the folder that the variable ``FOLDER`` names."""
    source = os.environ.get("FOLDER", "")
    if not source:
        raise SkippedError("it reads the files of a folder: make bench CASE=messy FOLDER=...")
    files = len(Found.at(Path(source)).files)
    folder = WORK / "messy"
    folder.mkdir(parents=True, exist_ok=True)
    reading = Telling("messy", folder, (f"--source={source}", f"--folder={folder}"))
    reading.run("duckdb_named")
    yield Case(
        name="messy",
        about=ABOUT.format(files=files),
        subject=Side("sluicegate preview", lambda: reading.run("ours")),
        baselines=[Side("DuckDB, detecting", lambda: reading.run("duckdb"))],
        check=lambda: _scored(reading),
        core="the reading",
        size=f"{files} files",
    )


def _scored(reading: Telling) -> str:
    ours, theirs, named = (
        reading.found(side)["score"] for side in ("ours", "duckdb", "duckdb_named")
    )
    return (
        f"Score, of {BEST:.0f}: **{ours:.2f}**; DuckDB's detection {theirs:.2f}, its rows under the"
        f" right names {named:.2f}."
    )
