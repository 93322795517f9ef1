"""How well messy delimited files were read, beside the tables that they mean.

The score of Pollock (Vitagliano et al., "Pollock: A Data Loading Benchmark", PVLDB 16(8), 2023): a
reading is plain CSV with a header. Header, records and cells are compared as multisets with those
of the clean table, each by precision, recall and F1, and whether there is a reading at all is the
tenth number. The score is their sum, from 0 to 10.

    python -m benchmarks.scoring FOLDER                       # our reading, DuckDB's beside it
    python -m benchmarks.scoring FOLDER --readings READINGS   # a folder of readings by file name

FOLDER holds ``csv/`` (files as found), ``clean/`` (what they mean) and ``parameters/`` (JSON, of
which only the names of the columns are used).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

csv.field_size_limit(sys.maxsize)

Row = tuple[str, ...]

BEST = 10.0
"""What a perfect reading scores."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How much of what was read is right, how much of what is right was read, and both in one."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def sum(self) -> float:
        """The three numbers, added."""
        return self.precision + self.recall + self.f1


NOTHING = Measure(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Score:
    """The ten numbers of one file."""

    success: bool
    header: Measure = NOTHING
    records: Measure = NOTHING
    cells: Measure = NOTHING

    @property
    def sum(self) -> float:
        """From 0, not read, to 10."""
        return self.success + self.header.sum + self.records.sum + self.cells.sum


FAILED = Score(success=False)


def compared(read: Iterable[Hashable], meant: Iterable[Hashable]) -> Measure:
    """Precision and recall of what was read, as a multiset; all of nothing is right."""
    ours, theirs = Counter(read), Counter(meant)
    right = (ours & theirs).total()
    if not ours.total() and not theirs.total():
        return Measure(1.0, 1.0)
    return Measure(
        right / ours.total() if ours else 0.0,
        right / theirs.total() if theirs else 0.0,
    )


def score(read: Sequence[Row], meant: Sequence[Row]) -> Score:
    """The score of a reading: rows of cells, the header first; of nothing, nothing is right."""
    return Score(
        success=True,
        header=compared(*(rows[0] if rows else () for rows in (read, meant))),
        records=compared(read[1:], meant[1:]),
        cells=compared(_cells(read[1:]), _cells(meant[1:])),
    )


def rows_of(file: Path) -> list[Row]:
    """The rows of plain CSV, in UTF-8; blank lines are none."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        return [tuple(row) for row in csv.reader(text) if row]


def total(scores: Iterable[Score]) -> float:
    """The simple score of a set of files: the mean of each number, added."""
    return fmean(each.sum for each in scores)


def _cells(rows: Iterable[Row]) -> Iterable[str]:
    return (cell for row in rows for cell in row)


@dataclass(frozen=True, slots=True)
class Found:
    """A folder of messy files with the tables that they mean.

    Attributes:
        files: by name.
    """

    folder: Path
    files: tuple[Path, ...]

    @classmethod
    def at(cls, folder: Path) -> Found:
        """Look for it.

        Raises:
            FileNotFoundError: it is not there, or not whole.
        """
        files = tuple(sorted(file for file in (folder / "csv").iterdir() if file.is_file()))
        missing = [file.name for file in files if not (folder / "clean" / file.name).is_file()]
        if missing or not files:
            raise FileNotFoundError(f"{folder} has no clean table of {missing or 'anything'}")
        return cls(folder, files)

    def names(self, file: Path) -> list[str]:
        """Names of the columns of a file: all that a reader is told of it."""
        parameters = self.folder / "parameters" / f"{file.name}_parameters.json"
        names: list[str] = json.loads(parameters.read_text(encoding="utf-8"))["column_names"]
        return names

    def scores(self, readings: Path) -> dict[str, Score]:
        """The score of each file by a folder of readings; one that is not there has failed."""
        found = {}
        for file in self.files:
            reading = readings / file.name
            meant = rows_of(self.folder / "clean" / file.name)
            found[file.name] = score(rows_of(reading), meant) if reading.is_file() else FAILED
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Score readings and print the numbers, the worst files first. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("folder", type=Path, help="with csv/, clean/ and parameters/")
    parser.add_argument("--readings", type=Path, help="score these, instead of reading the files")
    chosen = parser.parse_args(arguments)
    found = Found.at(chosen.folder)
    if chosen.readings:
        _tell(found.scores(chosen.readings))
        return 0
    from benchmarks.messy import READERS, read

    for name in READERS:
        with TemporaryDirectory() as readings:
            read(name, found, Path(readings))
            sys.stdout.write(f"{name}: ")
            _tell(found.scores(Path(readings)), worst=20 if name == "ours" else 0)
    return 0


def _tell(scores: Mapping[str, Score], worst: int = 20) -> None:
    sys.stdout.write(f"{total(scores.values()):.3f} of {BEST:.0f}, {len(scores)} files\n")
    for name, each in sorted(scores.items(), key=lambda item: item[1].sum)[:worst]:
        if each.sum < BEST:
            parts = (each.header.f1, each.records.f1, each.cells.f1)
            told = "  ".join(f"{part:.2f}" for part in parts)
            sys.stdout.write(f"  {each.sum:6.3f}  {told}  {name}\n")


if __name__ == "__main__":
    sys.exit(main())
