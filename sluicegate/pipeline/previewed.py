"""What a preview tells of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluicegate.dialect import Detected, Kind, Part, Record, Shape, folded, shape_of
from sluicegate.opening import Content

MOST_READ = 100_000
"""Records that are read where nothing is written."""

MOST_LOOKED_AT = 1_000
"""Rows whose cells tell the types of columns."""

MOST_REJECTED = 1_000
"""Rejected records that are kept to be shown."""

AGAIN = "have the provider send it again, unless there was nothing to send"
"""What to do about a file without records."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """How a file would be read.

    Attributes:
        detected: its dialect; None of an empty file, and of one that is no delimited text.
        header: names of the columns.
        absent: names in the header of columns that no row has.
        shapes: what each of them looks like.
        rows: the first ones.
        rejected: lines that could not be read, up to a number of them.
        counts: records by what they are.
        broken: all rejected records that were read, by the rule they break.
        whole: whether all of the file was read.
        written: where the reading is, if it was written.
        changed: cells that were written otherwise, so that no spreadsheet runs them.
        named: how many names were given.
        unknown: those of them that no column has.
        form: what it is, if it is no delimited text; and how a source declares that.
        remarks: what one should know of how it is read.
    """

    file: Content
    detected: Detected | None
    header: tuple[str, ...]
    shapes: tuple[Shape, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    rejected: tuple[Record, ...] = ()
    counts: Counter[Part] = field(default_factory=Counter)
    whole: bool = True
    written: Path | None = None
    absent: tuple[str, ...] = ()
    changed: int = 0
    named: int = 0
    unknown: tuple[str, ...] = ()
    form: tuple[str, str] | None = None
    remarks: tuple[str, ...] = ()
    broken: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": str(self.file),
            "dialect": self.detected and self.detected.dialect.to_dict(),
            "format": self.form and self.form[1],
            "confidence": self.detected and round(self.detected.confidence, 3),
            "columns": [
                {"name": name, "type": shape.kind.value, "notes": list(shape.notes)}
                for name, shape in zip(self.header, self.shapes, strict=True)
            ],
            "absent": list(self.absent),
            "unknown": list(self.unknown),
            "rows": [list(row) for row in self.rows],
            "rejected": [
                {"line": record.line, "rule": record.flaw, "text": record.text}
                for record in self.rejected
            ],
            "broken": dict(sorted(self.broken.items())),
            "records": {part.value: self.counts[part] for part in Part},
            "whole": self.whole,
            "written": self.written and str(self.written),
            "changed": self.changed,
            "remarks": list(self.remarks),
        }


def seen_as(cells: Sequence[str], rows: int) -> Shape:
    """What a column looks like; of one that is empty, how far down that is known."""
    shape = shape_of(cells)
    if shape.kind is Kind.EMPTY and len(cells) < rows:
        return Shape(shape.kind, (f"in the first {len(cells):,} rows",))
    return shape


def unknown_of(names: Sequence[str], header: Sequence[str]) -> tuple[str, ...]:
    """The names that are none of the header's, however they are written there."""
    found = {folded(name) for name in header}
    return tuple(name for name in names if folded(name) not in found)
