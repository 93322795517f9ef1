"""Looking a sheet through before it is read: how far it reaches, and which cells are errors.

``calamine`` takes errors (``#REF!``) for empty cells, and makes room for every cell between the
first and the last one, so that one in the last corner of a sheet would take hundreds of gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from sluicegate.packing import Stream

_PIECE = 1 << 20
_MOST_CELL = 1 << 20
"""Bytes of one cell; a spreadsheet allows 32,767 characters."""

_odd_cell = re.compile(rb'<c(?:[\t\r\n/>]| (?!r="[A-Z]{1,3}[1-9][0-9]{0,6}"))')
_column = re.compile(rb'<c r="([A-Z]{1,3})[0-9]+"[^/>]*>')
_row = re.compile(rb'<c r="[A-Z]{1,3}([0-9]+)"[^/>]*>')
_error = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]+)"[^/>]*? t="e"[^/>]*>(?:(?!</c>).)*?<v>([^<]*)', re.DOTALL
)
_place = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})\Z")


class Uncanonical(Exception):
    """A sheet is not written as spreadsheets write it."""


class Unreadable(Exception):
    """A sheet is no XML, or says something that cannot be."""


class Protected(Exception):
    """A workbook is encrypted."""


@dataclass(slots=True)
class Extent:
    """What a sheet has.

    Attributes:
        rows: numbers of the first and the last row with a value; ``(1, 0)``, if there is none.
        columns: the same of columns, from 1.
        errors: row → column → what the cell says.
        shared: cells with a text that is kept once for all cells that say it.
    """

    rows: tuple[int, int] = (1, 0)
    columns: tuple[int, int] = (1, 0)
    errors: dict[int, dict[int, str]] = field(default_factory=dict)
    shared: int = 0

    @property
    def cells(self) -> int:
        """Cells between the first and the last one."""
        return _length(self.rows) * _length(self.columns)

    def reach(self, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        """Take some cells in."""
        self.rows, self.columns = _hull(self.rows, rows), _hull(self.columns, columns)

    def fault(self, row: int, column: int, text: str) -> None:
        """A cell says an error."""
        self.errors.setdefault(row, {})[column] = text


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0] + 1


def _hull(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    if not _length(one):
        return other
    return min(one[0], other[0]), max(one[1], other[1])


def column_number(letters: str) -> int:
    """The number of a column from its letters; ``A`` is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def sheet_extent(opened: Callable[[], Stream]) -> Extent:
    """What a sheet of an xlsx file has.

    Args:
        opened: opens its XML, from the beginning each time.

    Raises:
        Unreadable: it is none.
    """
    try:
        return _canonical(opened())
    except Uncanonical:
        return _parsed(opened())


def pieces(stream: Stream) -> Iterator[bytes]:
    """A stream, piece by piece."""
    while piece := stream.read(_PIECE):
        yield piece


def _canonical(stream: Stream) -> Extent:
    extent = Extent()
    for cells in whole_cells(stream):
        _look(cells, extent)
    return extent


def whole_cells(stream: Stream) -> Iterator[bytes]:
    """The XML of a sheet in pieces that begin with a cell, but for the first one.

    Raises:
        Uncanonical: a cell is longer than any, as it seems.
    """
    rest = b""
    for piece in pieces(stream):
        text = rest + piece
        cut = max(0, text.rfind(b"<c "))
        rest = text[cut:]
        if len(rest) > _MOST_CELL + _PIECE:
            raise Uncanonical
        yield text[:cut]
    yield rest


def _look(text: bytes, extent: Extent) -> None:
    """Look through some whole cells, all at once."""
    odd = (
        _odd_cell.search(text)
        or b":c " in text
        or text.count(b'"e"') != text.count(b' t="e"')
        or b"'e'" in text
        or b"'s'" in text
    )
    if odd:
        raise Uncanonical
    columns = [column_number(letters.decode()) for letters in set(_column.findall(text))]
    if not columns:
        return
    rows = [int(digits) for digits in set(_row.findall(text))]
    extent.reach((min(rows), max(rows)), (min(columns), max(columns)))
    extent.shared += text.count(b' t="s"')
    faults = text.count(b' t="e"')
    for match in _error.finditer(text) if faults else ():
        extent.fault(int(match[2]), column_number(match[1].decode()), match[3].decode())
        faults -= 1
    if faults:
        raise Uncanonical


def _parsed(stream: Stream) -> Extent:
    """The same for XML that is written in any other way."""
    found = _Sheet()
    parse(stream, found.start)
    return found.extent


def parse(stream: Stream, start: Callable[[str, dict[str, str]], None]) -> None:
    """Tell of each element of an XML.

    Raises:
        Unreadable: it is none, or defines entities.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        for piece in pieces(stream):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as error:
        raise Unreadable from error


def _no_doctype(*_: object) -> None:
    raise Unreadable


class _Sheet:
    """Where the next cell stands: where it says, or else behind the one before."""

    def __init__(self) -> None:
        self.extent = Extent()
        self._row = self._column = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = name.rpartition(":")[2]
        if name == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0
        elif name == "c":
            self._go(attributes.get("r"))
            at = (self._row, self._column)
            self.extent.shared += attributes.get("t") == "s"
            if attributes.get("t") == "e":
                self.extent.fault(*at, "#ERROR!")
        elif name in ("v", "is", "f"):
            self.extent.reach((self._row, self._row), (self._column, self._column))

    def _go(self, place: str | None) -> None:
        if place is None:
            self._column += 1
            return
        match = _place.match(place)
        if not match:
            raise Unreadable
        self._column, self._row = column_number(match[1]), int(match[2])
