"""Preview: how files of delimited text would be read, without a contract."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sluicegate.csv_files import CsvWriter, told, whole_file
from sluicegate.dialect import (
    Detected,
    Kind,
    Part,
    Reading,
    Record,
    Shape,
    detect_file,
    folded,
    lines_of_file,
    sample_of,
    shape_of,
)
from sluicegate.errors import BatchRefused, ConfigurationError, SluicegateError
from sluicegate.opening import Content, Member, members_of

MOST_READ = 100_000
"""Records that are read where nothing is written."""

_MOST_LOOKED_AT = 1_000
"""Rows whose cells tell the types of columns."""

_MOST_REJECTED = 1_000
"""Rejected lines that are kept to be shown."""

_PACKINGS = frozenset({"gz", "zst", "bz2", "xz", "zip"})

_AGAIN = "have the provider send it again, unless there was nothing to send"

_NOTHING = b"\0\t\n\r \xef\xbb\xbf\xfe\xff"


@dataclass(frozen=True, slots=True)
class Previewed:
    """How a file would be read.

    Attributes:
        detected: its dialect; None of an empty file, which has none.
        header: names of the columns.
        absent: names in the header of columns that no row has.
        shapes: what each of them looks like.
        rows: the first ones.
        rejected: lines that could not be read, up to a number of them.
        counts: records by what they are.
        whole: whether all of the file was read.
        written: where the reading is, if it was written.
        changed: cells that were written otherwise, so that no spreadsheet runs them.
        named: how many names were given.
        unknown: those of them that no column has.
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

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": str(self.file),
            "dialect": self.detected and self.detected.dialect.to_dict(),
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
            "records": {part.value: self.counts[part] for part in Part},
            "whole": self.whole,
            "written": self.written and str(self.written),
            "changed": self.changed,
        }


def inputs(files: Sequence[Path]) -> list[Content]:
    """What is previewed by itself: files, and the files of zips that have several."""
    return [each for file in files for each in _within(file)]


def _within(file: Path) -> Sequence[Content]:
    try:
        found = members_of(file, file.name)
    except (SluicegateError, OSError):
        # Whatever is wrong with it is told when it is read.
        found = None
    if found is None or len(found) == 1:
        return [file]
    return found


def preview(
    file: Content,
    *,
    columns: Sequence[str] = (),
    output: Path | None = None,
    exact: bool = True,
    rows: int = 10,
) -> Previewed:
    """Read a file as ingestion would, and write the reading if there is a place for it.

    Args:
        columns: names of its columns, as far as they are known.
        output: the file to write: CSV by RFC 4180 with a header, UTF-8, line feeds. It is there
            as a whole or not at all.
        exact: whether its cells are written as they are, or so that no spreadsheet runs them.
        rows: how many to keep to be shown.

    Raises:
        BatchRefused: the file would be held; for a lack of records if nothing is to be written.
        ConfigurationError: there is no such file.
        EnvironmentFailed: it cannot be read, or the reading cannot be written.
    """
    name, place = _named(file)
    with told(place):
        if not sample_of(file, name).head.strip(_NOTHING):
            if output is not None:
                return _nothing(file, tuple(columns), output, exact=exact)
            raise BatchRefused(
                "The file is empty: it has not even a header.", where=name, hint=_AGAIN
            )
        detected = detect_file(file, columns=columns, name=name)
        reading = Reading(detected.dialect, columns, name)
        with lines_of_file(file, detected.dialect, name) as lines:
            parts = reading.parts(lines)
            if output is None:
                seen = _Seen(reading, rows)
                seen.all(islice(parts, MOST_READ))
                whole = next(parts, None) is None
                _require_records(file, reading, name, whole=whole)
            else:
                with whole_file(output) as target:
                    seen = _Seen(reading, rows, CsvWriter(target, exact=exact))
                    seen.all(parts)
                whole = True
    return Previewed(
        file,
        detected,
        reading.header,
        tuple(_shape(column, reading.counts[Part.ROW]) for column in seen.columns()),
        tuple(seen.rows[:rows]),
        tuple(seen.rejected),
        reading.counts,
        whole,
        output,
        reading.absent,
        seen.changed,
        len(columns),
        _unknown(columns, (*reading.header, *reading.absent)),
    )


def _nothing(file: Content, columns: tuple[str, ...], output: Path, *, exact: bool) -> Previewed:
    """An empty file, written: a table without rows, of columns that only the caller knows."""
    with whole_file(output) as target:
        writer = CsvWriter(target, exact=exact)
        writer.write([columns] if columns else [])
    empty = tuple(Shape(Kind.EMPTY) for _ in columns)
    return Previewed(file, None, columns, empty, written=output, changed=writer.changed)


def _shape(cells: Sequence[str], rows: int) -> Shape:
    """What a column looks like; of one that is empty, how far down that is known."""
    shape = shape_of(cells)
    if shape.kind is Kind.EMPTY and len(cells) < rows:
        return Shape(shape.kind, (f"in the first {len(cells):,} rows",))
    return shape


def _unknown(names: Sequence[str], header: Sequence[str]) -> tuple[str, ...]:
    """The names that are none of the header's, however they are written there."""
    found = {folded(name) for name in header}
    return tuple(name for name in names if folded(name) not in found)


def _require_records(file: Content, reading: Reading, name: str, *, whole: bool = True) -> None:
    """Refuse a file without records, as a source does that does not say otherwise.

    One file of a zip may have none: the others are of the same batch.
    """
    found = reading.counts[Part.ROW] + reading.counts[Part.REJECT]
    if found or not whole or isinstance(file, Member):
        return
    raise BatchRefused(
        "The file has a header and not a single record.",
        where=name,
        hint=f"{_AGAIN}; a source that declares may_be_empty=True takes it as it is",
    )


def _named(file: Content) -> tuple[str, Path]:
    """What messages call a file, and where it is."""
    if isinstance(file, Member):
        return f"{file.archive.name}, member {file.told}", file.archive
    return file.name, file


def places(files: Sequence[Content], output: str | None) -> list[Path | None]:
    """Where the reading of each file goes: a file for one, files in a folder for several.

    Args:
        output: a folder if there is one, or if it ends as folders do.

    Raises:
        ConfigurationError: two readings would have one place, or one the place of a file.
        EnvironmentFailed: the folder cannot be made.
    """
    if output is None:
        return [None] * len(files)
    root = Path(output)
    folder = len(files) > 1 or output.endswith(os.sep) or root.is_dir()
    found = [root / _plain_name(file) if folder else root for file in files]
    twice = [place.name for place, count in Counter(found).items() if count > 1]
    if twice:
        raise ConfigurationError(
            f"Several files would be written as {twice[0]!r}.",
            where=output,
            hint="preview them one by one, each with an --output of its own",
        )
    taken = {_named(file)[1].resolve() for file in files}
    for place in found:
        if place.resolve() in taken:
            raise ConfigurationError(
                "The reading would take the place of the file.",
                where=str(place),
                hint="write it elsewhere",
            )
    if folder:
        with told(root, "written"):
            root.mkdir(parents=True, exist_ok=True)
    return list(found)


def _plain_name(file: Content) -> str:
    """What a file is called when it is no longer packed; one of a zip is called after it, too."""
    if isinstance(file, Member):
        within = file.told.replace("/", "_").replace("\\", "_")
        return f"{_unpacked(file.archive.name)}.{_unpacked(within)}"
    name = _unpacked(file.name)
    return name if name == file.name or Path(name).suffix else f"{name}.csv"


def _unpacked(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return _unpacked(stem) if stem and dot and ending.lower() in _PACKINGS else name


class _Seen:
    """What is kept of a reading, and written of it."""

    def __init__(self, reading: Reading, rows: int, writer: CsvWriter | None = None) -> None:
        self.reading = reading
        self.rows: list[tuple[str, ...]] = []
        self.rejected: list[Record] = []
        self._most = max(rows, _MOST_LOOKED_AT)
        self._writer = writer
        self._begun = False

    def all(self, parts: Iterator[tuple[Part, Record]]) -> None:
        """Take in all records."""
        for part, record in parts:
            if part is Part.ROW:
                if len(self.rows) < self._most:
                    self.rows.append(record.cells)
                self._write(record.cells)
            elif part is Part.REJECT and len(self.rejected) < _MOST_REJECTED:
                self.rejected.append(record)
        self._write()

    def columns(self) -> list[tuple[str, ...]]:
        """Cells of each column."""
        return list(zip(*self.rows, strict=True)) or [() for _ in self.reading.header]

    @property
    def changed(self) -> int:
        """Cells that were written otherwise."""
        return self._writer.changed if self._writer else 0

    def _write(self, *rows: tuple[str, ...]) -> None:
        if self._writer:
            if not self._begun:
                self._writer.write([self.reading.header])
                self._begun = True
            self._writer.write(rows)
