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

import csv
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

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
    """The score of a reading: rows of cells, the header first."""
    if not read:
        return FAILED
    return Score(
        success=True,
        header=compared(read[0], meant[0] if meant else ()),
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
