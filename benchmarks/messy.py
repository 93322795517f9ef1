"""Readers of messy files that know nothing but the names of the columns.

    python -m benchmarks.messy SIDE --source FOLDER --folder WORK

It writes the readings into a folder of ``WORK`` and prints, as JSON, the CPU seconds of reading and
the score.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.scoring import Found, total


def ours(file: Path, names: Sequence[str], place: Path) -> None:
    """What ``sluicegate preview --columns --output`` writes."""
    from sluicegate.errors import SluicegateError
    from sluicegate.pipeline.preview import preview

    try:
        preview(file, columns=names, output=place)
    except SluicegateError as error:
        sys.stderr.write(f"{file.name}: {error}\n")


def duckdb(file: Path, _: Sequence[str], place: Path) -> None:
    """What DuckDB detects by itself, all columns as texts."""
    if rows := _detected(file):
        _write(rows, place)


def duckdb_named(file: Path, names: Sequence[str], place: Path) -> None:
    """The rows that DuckDB detects, under the names that are known."""
    if rows := _detected(file):
        _write([tuple(names), *rows[1:]], place)


READERS: Mapping[str, Callable[[Path, Sequence[str], Path], None]] = {
    "ours": ours,
    "duckdb": duckdb,
    "duckdb_named": duckdb_named,
}


def read(side: str, found: Found, readings: Path) -> None:
    """Let a reader write its readings of all files into a folder."""
    for file in found.files:
        READERS[side](file, found.names(file), readings / file.name)


def _detected(file: Path) -> list[tuple[str, ...]]:
    import duckdb as engine

    try:
        table = engine.connect().read_csv(str(file), all_varchar=True)
        return [
            tuple(table.columns),
            *(tuple(cell or "" for cell in row) for row in table.fetchall()),
        ]
    except engine.Error:
        return []


def _write(rows: Sequence[Sequence[str]], place: Path) -> None:
    with place.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Let one reader read, and say how well. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.messy", description=__doc__)
    parser.add_argument("side", choices=READERS)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    found = Found.at(chosen.source)
    readings = chosen.folder / chosen.side
    shutil.rmtree(readings, ignore_errors=True)
    readings.mkdir(parents=True)
    before = time.process_time()
    read(chosen.side, found, readings)
    cpu = time.process_time() - before
    scores = found.scores(readings)
    print(json.dumps({"cpu": cpu, "score": total(scores.values()), "files": len(scores)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
