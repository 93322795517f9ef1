"""Reading a text under a dialect: every line that is not blank is told what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain

from sluicegate.dialect.dialect import Dialect
from sluicegate.dialect.header import folded, named
from sluicegate.dialect.kinds import TYPED, kind_of
from sluicegate.dialect.layout import MARKS
from sluicegate.dialect.records import FIELDS, Lexer, Record
from sluicegate.errors import BatchRefused

_MOST_HELD = 200
"""Lines that may wait for what follows them to tell what they are."""


class Part(StrEnum):
    """What a line is to its table."""

    PREAMBLE = "preamble"
    """Before the header, or between two headers."""
    HEADER = "header"
    ROW = "row"
    REJECT = "reject"
    COMMENT = "comment"
    FOOTER = "footer"
    """After the last row."""


class Left(StrEnum):
    """What a line is that is no record."""

    PREAMBLE = "preamble"
    REPEATED = "repeated header"
    COMMENT = "comment"
    FOOTER = "footer"
    BLANK = "blank"


_LEFT = {Part.PREAMBLE: Left.PREAMBLE, Part.COMMENT: Left.COMMENT, Part.FOOTER: Left.FOOTER}


@dataclass(slots=True)
class Reading:
    """A text, read once, record by record.

    Attributes:
        dialect: how it is read.
        columns: names of its columns, as far as they are known.
        name: of the file, for messages.
        header: names of the columns; known when the first row is.
        absent: names in the header of columns at its end that no record has.
        counts: records of each part so far.
        left: lines so far that are no records, by what they are.
    """

    dialect: Dialect
    columns: Sequence[str] = ()
    name: str = "text"
    header: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    counts: Counter[Part] = field(default_factory=Counter)
    left: Counter[Left] = field(default_factory=Counter)
    _heads: list[tuple[str, ...]] = field(default_factory=list)
    _folds: set[tuple[str, ...]] = field(default_factory=set)
    _width: int = 0
    _named: int = 0
    _sparse: bool = False

    def parts(self, lines: Iterable[str]) -> Iterator[tuple[Part, Record]]:
        """All records of a text, blank ones left out, each with what it is."""
        for part, record in self._parts(lines):
            self.counts[part] += 1
            if part in _LEFT:
                self._leave(record, _LEFT[part])
            yield part, record

    def _leave(self, record: Record, what: Left) -> None:
        self.left[what] += record.last - record.line + 1

    def _parts(self, lines: Iterable[str]) -> Iterator[tuple[Part, Record]]:
        begin, end = self.dialect.preamble, self.dialect.preamble + self.dialect.header
        records = self._lexed(iter(lines))
        first: Record | None = None
        for record in records:
            if record.blank:
                self._leave(record, Left.BLANK)
            elif record.line > end:
                first = record
                break
            else:
                yield self._above(record, begin), record
        self._begin(first)
        yield from self._table(chain([first], records) if first else ())

    def _above(self, record: Record, begin: int) -> Part:
        """What stands before the table, or names its columns."""
        if record.line <= begin:
            return Part.PREAMBLE
        self._require(record)
        cells = record.cells
        if len(cells) - 1 == self.dialect.width and cells[0].strip() in MARKS:
            cells = cells[1:]
        self._heads.append(cells)
        self._folds.add(tuple(map(folded, record.cells)))
        return Part.HEADER

    def _table(self, records: Iterable[Record]) -> Iterator[tuple[Part, Record]]:
        """The table and what stands between its rows; notes wait until it is known what follows."""
        held: list[tuple[Record, bool]] = []
        gap = False
        for record in records:
            if record.blank:
                self._leave(record, Left.BLANK)
                gap = True
                continue
            if self._held_back(record) and len(held) < _MOST_HELD:
                held.append((record, gap))
                continue
            repeated = self._repeats(record)
            for each, _ in held:
                yield (Part.PREAMBLE, each) if repeated and self._lone(each) else self._judged(each)
            held, gap = [], False
            if repeated:
                self._leave(record, Left.REPEATED)
            yield (Part.HEADER, record) if repeated else self._judged(record)
        yield from self._ended(held)

    def _lexed(self, lines: Iterator[str]) -> Iterator[Record]:
        """Records; those before the table are lines, whatever quotes they open."""
        number = 0
        bare = Lexer(replace(self.dialect, quote=None, escape=None))
        for _ in range(self.dialect.preamble):
            line = next(lines, None)
            if line is None:
                return
            number += 1
            yield from bare.records([line], number)
        head = Lexer(self.dialect)
        end = number + self.dialect.header
        taken: list[str] = []
        while number < end and (line := next(lines, None)) is not None:
            taken.append(line)
            number += 1
        yield from head.records(taken, end - self.dialect.header + 1)
        width = self.dialect.width or None
        yield from Lexer(self.dialect, width or self._known_width()).records(lines, number + 1)

    def _require(self, head: Record) -> None:
        width = self.dialect.width
        if head.flaw and (not head.cells or (width and len(head.cells) != width)):
            raise BatchRefused(
                "The header cannot be read: its quotes do not match, or its encoding is another.",
                where=f"{self.name}, line {head.line}",
            )

    def _known_width(self) -> int | None:
        return max(map(len, self._heads), default=len(self.columns)) or None

    def _begin(self, first: Record | None) -> None:
        """Name the columns, now that the header has been read."""
        width = self.dialect.width or self._known_width() or (len(first.cells) if first else 1)
        self._width = width
        shift = int(self.dialect.row_names)
        if self._heads:
            self._named = max(map(len, self._heads))
            header = named(self._heads, self.columns, max(width - shift, self._named))
            header, beyond = header[: width - shift], header[width - shift :]
            self.absent = tuple(name for name in beyond if name)
            if self.dialect.trimmed:
                header = tuple(name.lstrip(" ") for name in header)
            self.header = ("",) * shift + header
            self._named += shift
        elif len(self.columns) == width:
            self.header = tuple(self.columns)
        else:
            self.header = tuple(f"column_{at}" for at in range(1, width + 1))

    def _judged(self, record: Record) -> tuple[Part, Record]:
        if self.dialect.comment and record.text.startswith(self.dialect.comment):
            return Part.COMMENT, record
        if record.flaw:
            return Part.REJECT, record
        if len(record.cells) != self._width or self._beyond(record):
            return Part.REJECT, replace(record, flaw=FIELDS)
        self._sparse = self._sparse or self._lone(record)
        return Part.ROW, record

    def _beyond(self, record: Record) -> bool:
        """Whether it has something where the header, and all that was looked at, has nothing."""
        return bool(self._named) and any(cell.strip() for cell in record.cells[self._named :])

    def _lone(self, record: Record) -> bool:
        """Whether only its first cell has a text, as a title or a note has."""
        return self._width > 1 and record.filled == 1 and bool(record.cells[0].strip())

    def _held_back(self, record: Record) -> bool:
        if self.dialect.comment and record.text.startswith(self.dialect.comment):
            return False
        return not record.flaw and (
            self._lone(record) or (self._width > 1 and len(record.cells) != self._width)
        )

    def _repeats(self, record: Record) -> bool:
        """Whether it is the header once more; one cell alone may well be a value."""
        return record.filled > 1 and tuple(map(folded, record.cells)) in self._folds

    def _ended(self, held: list[tuple[Record, bool]]) -> Iterator[tuple[Part, Record]]:
        """What stood after the last row: notes, or records that are none."""
        apart = False
        for record, gap in held:
            apart = apart or gap
            if self._noted(record, apart=apart):
                yield Part.FOOTER, record
            else:
                yield self._judged(record)

    def _noted(self, record: Record, *, apart: bool) -> bool:
        """Whether a record after the last row is a note: prose, behind a blank line or alone.

        As wide as the table it is one only where no row has but its first cell filled.
        """
        words = sum(len(cell.split()) for cell in record.cells)
        if kind_of(record.cells[0]) in TYPED:
            return False
        if len(record.cells) == self._width:
            return self._width > 2 and not self._sparse and words > (1 if apart else 3)
        if self._lone(record):
            return words > (1 if apart else 2)
        return apart and words > 3
