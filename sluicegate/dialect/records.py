"""Records of delimited text: lines taken apart, and what cannot be a record.

RFC 4180, and what files do beside it:

- A cell that does not begin with a quote holds quotes as they are.
- Blanks around a quoted cell are not part of it.
- A quote inside a quoted cell that is not doubled is a character if nothing else gives the record
  the width of the table.
- An open quote takes in following lines only if the record is well-formed in the end and has the
  width of the table. If not, its first line alone is no record: it must not swallow the file.

Every line is looked at a bounded number of times, whatever stands in it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sluicegate.dialect.dialect import Dialect

ENCODING = "record:encoding"
"""A line is not what its encoding allows, or holds a NUL character."""
QUOTING = "record:quoting"
"""Quotes of a record do not match."""
FIELDS = "record:fields"
"""A record has more or fewer cells than the table has columns."""

MOST_LINES = 50
MOST_CHARACTERS = 1 << 20
"""Lines, and characters, that one quoted record may span."""

_DAMAGED = re.compile("^\ufeff|[\udc00-\udcff\0]")


@dataclass(frozen=True, slots=True)
class Record:
    """One record, or a line that is none.

    Attributes:
        line: its first line, from 1.
        last: its last line.
        text: as it stands in the file, without the line end.
        cells: its texts; of a record with a flaw, those that it would have without it, or none.
        flaw: the rule it breaks, if it does.
    """

    line: int
    last: int
    text: str
    cells: tuple[str, ...]
    flaw: str | None = None

    @property
    def blank(self) -> bool:
        """Whether there is nothing in it: no cell has a text, and none is quoted."""
        return not self.flaw and not self.filled and '"' not in self.text and "'" not in self.text

    @property
    def filled(self) -> int:
        """Cells that have a text."""
        return sum(bool(cell.strip()) for cell in self.cells)


class Lexer:
    """Takes text apart under a dialect.

    Args:
        width: cells that a record must have to span lines, or to hold quotes that are not doubled;
            None if the width is not known yet.
    """

    def __init__(self, dialect: Dialect, width: int | None = None) -> None:
        self.dialect = dialect
        self.width = width
        self._delimiter = dialect.delimiter
        self._grammar = _Grammar(dialect)

    def records(self, lines: Iterable[str], start: int = 1) -> Iterator[Record]:
        """The records of lines, each with its line end, blank ones included."""
        source = iter(lines)
        ahead: deque[str] = deque()
        number = start - 1
        while (line := ahead.popleft() if ahead else next(source, None)) is not None:
            number += 1
            record = self._one(number, line.rstrip("\r\n"))
            if record is None:
                record = self._spanning(number, line, source, ahead)
                for _ in range(record.last - record.line):
                    ahead.popleft()
                number = record.last
            yield record

    def _one(self, number: int, text: str) -> Record | None:
        """A line as a record; None if it ends within quotes."""
        if not text.isascii() or "\0" in text:
            text = text.translate(_C1) if self.dialect.relabelled else text
            if _DAMAGED.search(text):
                return Record(number, number, spelled(text), (), ENCODING)
        if self._grammar.plain(text):
            return Record(number, number, text, self._trimmed(self._split(text)))
        inner = self._grammar.unwrapped(text) if self.dialect.wrapped else text
        cells, open_at = self._grammar.cells(inner)
        if open_at is not None and inner is text:
            return None
        return self._judged(number, text, None if open_at is not None else cells)

    def _judged(self, number: int, text: str, cells: tuple[str, ...] | None) -> Record:
        if cells is not None:
            return Record(number, number, text, self._trimmed(cells))
        loose = self._grammar.loose(text)
        if loose is not None and self.width in {None, len(loose)}:
            flaw = None if self.width else QUOTING
            return Record(number, number, text, self._trimmed(loose), flaw)
        return Record(number, number, text, (), QUOTING)

    def _spanning(
        self, number: int, first: str, source: Iterator[str], ahead: deque[str]
    ) -> Record:
        """The record that begins at a line whose last quote is open."""
        text = first
        cells, at = self._grammar.cells(text.rstrip("\r\n"))
        taken = 0
        while at is not None and taken < MOST_LINES and len(text) < MOST_CHARACTERS:
            if taken == len(ahead):
                if (line := next(source, None)) is None:
                    break
                ahead.append(line)
            line = ahead[taken]
            taken += 1
            text += line
            if self._grammar.quote in line:
                cells, at = self._grammar.cells(text.rstrip("\r\n"), cells, at)
        whole = text.rstrip("\r\n")
        if self.dialect.relabelled:
            whole = whole.translate(_C1)
            cells = cells and tuple(cell.translate(_C1) for cell in cells)
        if at is None and cells and self.width in {None, len(cells)}:
            if not _DAMAGED.search(whole):
                return Record(number, number + taken, whole, self._trimmed(cells))
            return Record(number, number + taken, spelled(whole), (), ENCODING)
        return self._judged(number, first.rstrip("\r\n"), None)

    def _trimmed(self, cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cell.lstrip(" ") for cell in cells) if self.dialect.trimmed else cells

    def _split(self, text: str) -> tuple[str, ...]:
        if self._delimiter is None:
            return (text,)
        if self.dialect.runs:
            return tuple(cell for cell in text.split(self._delimiter) if cell) or ("",)
        return tuple(text.split(self._delimiter))


class _Grammar:
    """The regular expressions of a dialect. None of them can backtrack over what it matched."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.quote = dialect.quote or "\0"
        quote = re.escape(self.quote)
        mark = _mark(dialect)
        inner = f"[^{quote}]*+(?:{quote * 2}[^{quote}]*+)*+"
        bare = f"(?:(?!{mark}).)*+" if len(dialect.delimiter or "") > 1 else f"[^{mark}]*+"
        if dialect.escape:
            escape = re.escape(dialect.escape)
            inner = f"[^{quote}{escape}]*+(?:(?:{quote * 2}|{escape}.)[^{quote}{escape}]*+)*+"
            bare = f"(?:(?!{mark})[^{escape}]|{escape}(?:.|$))*+"
            self._escaped = re.compile(f"{escape}([{escape}{quote}]|{mark})", re.DOTALL)
        blank = "" if dialect.delimiter in {" ", "\t"} else " *+"
        end = f"({mark}+|$)" if dialect.runs else f"({mark}|$)"
        if dialect.delimiter is None:
            bare, end = ".*+", "($)"
        self._cell = re.compile(
            f"{blank}{quote}({inner}){quote}{blank}{end}|(?!{blank}{quote})({bare}){end}", re.DOTALL
        )
        self._whole = re.compile(f"\\s*{quote}({inner}){quote}\\s*", re.DOTALL)
        self._open = re.compile(f"{blank}{quote}{inner}$", re.DOTALL)
        self._loose = re.compile(
            f"{blank}{quote}((?:[^{quote}]|{quote}(?!{blank}{end}))*+){quote}{blank}{end}"
            f"|(?!{blank}{quote})({bare}){end}",
            re.DOTALL,
        )

    def unwrapped(self, text: str) -> str:
        """The record that a line holds as its only cell; the line itself if it is none."""
        match = self._whole.fullmatch(text)
        return match.group(1).replace(self.quote * 2, self.quote) if match else text

    def plain(self, text: str) -> bool:
        """Whether nothing in a line needs the grammar."""
        escape = self.dialect.escape
        return self.quote not in text and not (escape and escape in text)

    def cells(
        self, text: str, known: tuple[str, ...] | None = None, at: int = 0
    ) -> tuple[tuple[str, ...] | None, int | None]:
        """The cells of a text from a place on, and where a quote opens that is not closed.

        The cells are None where quotes are not as they should be.
        """
        found = list(known or ())
        if self.dialect.runs and not at:
            at = len(text) - len(text.lstrip(self.dialect.delimiter))
        while True:
            match = self._cell.match(text, at)
            if match is None:
                return (tuple(found), at) if self._open.match(text, at) else (None, None)
            quoted, ends, bare, stops = match.group(1, 2, 3, 4)
            found.append(self._meant(bare) if quoted is None else self._meant(quoted, quoted=True))
            at = match.end()
            if not (ends if quoted is not None else stops):
                return tuple(found), None
            if self.dialect.runs and at == len(text):
                return tuple(found), None

    def loose(self, text: str) -> tuple[str, ...] | None:
        """The cells of a line whose quotes are not doubled; None if it cannot be read so either."""
        found, at = [], 0
        while match := self._loose.match(text, at):
            quoted, bare = match.group(1), match.group(4)
            if quoted is None and self.quote in bare:
                return None
            found.append(self._meant(bare) if quoted is None else self._meant(quoted, quoted=True))
            at = match.end()
            if not (match.group(3) if quoted is not None else match.group(5)):
                return tuple(found)
        return None

    def _meant(self, cell: str, *, quoted: bool = False) -> str:
        if quoted:
            cell = cell.replace(self.quote * 2, self.quote)
        return self._escaped.sub(r"\1", cell) if self.dialect.escape else cell


def spelled(text: str) -> str:
    r"""A text whose damaged bytes are written as ``\xNN``: nothing of them is lost."""
    return _DAMAGED.sub(lambda found: f"\\x{ord(found.group()) & 0xFF:02x}", text)


def _mark(dialect: Dialect) -> str:
    return re.escape(dialect.delimiter) if dialect.delimiter else "\n"


def _c1() -> dict[int, str]:
    table = {}
    for code in range(0x80, 0xA0):
        try:
            table[code] = bytes([code]).decode("cp1252")
        except UnicodeDecodeError:
            continue
    return table


_C1 = _c1()
