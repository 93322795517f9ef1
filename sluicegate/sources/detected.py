"""Delimited text whose dialect is told from each file, by the names of the contract's columns.

It is read record by record, in plain Python: at a fraction of the speed of
:class:`~sluicegate.sources.delimited.Delimited`, whose dialect is declared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

import polars as pl

from sluicegate.dialect import (
    Declared,
    Dialect,
    Left,
    Part,
    Reading,
    Record,
    detect_file,
    lines_of_file,
)
from sluicegate.errors import BatchRefused
from sluicegate.opening import Content, Reached
from sluicegate.sources.members import require_glob
from sluicegate.sources.records import LINE, Records, rejects_of
from sluicegate.sources.text import count_lines, require_encoding


@dataclass(frozen=True, slots=True)
class Detected:
    """Delimited text in whatever dialect a file turns out to have.

    Lines before the table and after it, comments and headers that come again are no records. A
    file whose dialect cannot be told is refused, and not guessed.

    Attributes:
        delimiter: what stands between two cells; like all others, None if each file tells.
        quote: the character around a cell that may hold delimiters.
        encoding: what its bytes mean, by the name that Python has for it.
        preamble: lines before the header.
        header: lines of the header; 0 if the columns are those of the contract, in its order.
        comment: how lines begin that are no records.
        members: which files of a zip are meant, such as ``*.csv``; by default all of them.
    """

    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    preamble: int | None = None
    header: int | None = None
    comment: str | None = None
    members: str | None = None

    def __post_init__(self) -> None:
        require_glob(self.members)
        if self.encoding is not None:
            require_encoding(self.encoding)
        # Whatever cannot be is told there.
        Dialect(**self._declared())

    def read(
        self, content: Content, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        names = tuple(column for column in columns if column != LINE)
        found = detect_file(content, columns=names, declared=self._declared(), name=name)
        reading = Reading(found.dialect, names, name)
        reached = Reached()
        with lines_of_file(content, found.dialect, name, reached) as lines:
            records = _records(reading, lines)
            ahead, told, left = [*islice(records, 1)], False, Counter[Left]()
            while ahead or not told:
                part, told = [*ahead, *islice(records, most - len(ahead))], True
                # One ahead: what stands behind the last row comes with it.
                ahead = [*islice(records, 1)]
                more, left = reading.left - left, reading.left.copy()
                yield replace(
                    _part(part, _named(reading.header, names, name)),
                    share=reached.share(),
                    left_out={what.value: lines for what, lines in more.items()},
                )

    def count(self, content: Content) -> int:
        """Records, if the dialect can be told without a name to go by; else lines with a text."""
        try:
            found = detect_file(content, declared=self._declared())
            with lines_of_file(content, found.dialect) as lines:
                return sum(1 for _ in _records(Reading(found.dialect), lines))
        except BatchRefused:
            return count_lines(content, self.encoding or "utf-8")

    def _declared(self) -> Declared:
        options = {option: getattr(self, option) for option in self.__dataclass_fields__}
        del options["members"]
        return cast(Declared, {k: value for k, value in options.items() if value is not None})


def _records(reading: Reading, lines: Iterator[str]) -> Iterator[tuple[Part, Record]]:
    """Rows and rejects of a text; all else in it is no record."""
    return (each for each in reading.parts(lines) if each[0] in (Part.ROW, Part.REJECT))


def _named(header: Sequence[str], names: Sequence[str], name: str) -> dict[str, int]:
    """Column → its place; one without a name of its own is in nobody's way, unless it is wanted.

    Raises:
        BatchRefused: a column of the contract is there twice.
    """
    counts = Counter(header)
    if twice := [column for column in names if counts[column] > 1]:
        raise BatchRefused(
            f"The header names a column of the contract twice: {', '.join(twice)}.", where=name
        )
    return {
        column: place
        for place, column in enumerate(header)
        if column and counts[column] == 1 and column != LINE
    }


def _part(records: Sequence[tuple[Part, Record]], columns: dict[str, int]) -> Records:
    rows = [record for part, record in records if part is Part.ROW]
    cells = [*zip(*(record.cells for record in rows), strict=True)] if rows else []
    frame = pl.DataFrame(
        {name: cells[place] if rows else [] for name, place in columns.items()},
        schema=dict.fromkeys(columns, pl.String),
    )
    return Records(
        tuple(columns),
        frame.with_columns(pl.Series(LINE, [record.line for record in rows], dtype=pl.Int64)),
        rejects_of(
            (record.line, record.text, record.flaw or "")
            for part, record in records
            if part is Part.REJECT
        ),
    )
