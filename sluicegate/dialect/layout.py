"""Where in a text its table is: what stands before it, its header, and how wide it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sluicegate.dialect.header import Block, guessed
from sluicegate.dialect.kinds import Kind, kind_of
from sluicegate.dialect.records import Record

_COMMENTS = ("# ", "#", "% ", "%", "//", "! ", "* ")
"""How comments begin."""

MARKS = frozenset({"#", "%", "//", "##"})
"""What stands before the names where a header is written as a comment: it is none of them."""

_NEAR = 100
"""Records below a header that tell the width of its table."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of a table in a text.

    Attributes:
        preamble: lines before the header.
        header: lines of the header.
        width: cells of a record.
        row_names: whether the header names all columns but the first, which names the rows.
    """

    preamble: int
    header: int
    width: int
    row_names: bool = False


def width_of(filled: Sequence[Record], known: int, block: Block | None) -> int:
    """The width that most records have, those near the header where it is known.

    Widths that the header, or the number of names that are known, speaks for count twice.
    """
    if block:
        filled = [record for record in filled if record.line > block.last][:_NEAR]
    counts = Counter(len(record.cells) for record in filled if record.cells)
    if not counts:
        return block.width if block else max(known, 1)
    wanted = {known, *(len(cells) for cells in (block.cells if block else ()))}
    most = max(counts, key=lambda width: (counts[width] * (2 if width in wanted else 1), width))
    if block and not _goes_with(block.cells[-1], most, filled):
        return block.width
    return most


def placed(
    records: Sequence[Record], width: int, block: Block | None, *, known: bool = False
) -> Layout:
    """Find the table among the records of a text.

    Args:
        width: cells of its records.
        block: its header, where the names that are known say so; else it is told by its looks.
        known: whether as many names are known, and stand nowhere: a header is less likely then.
    """
    filled = [record for record in records if not record.blank]
    if block:
        below = [record for record in filled if record.line > block.last]
        lines = block.last - block.first + 1
        return Layout(block.first - 1, lines, width, _rows_named(block.cells[-1], below, width))
    body = _body(filled, width)
    if not body:
        return Layout(0, 1, width)
    first = body[0]
    comment = comment_of(record for record in records if record.line < first.line)
    if comment:
        rest = (record for record in body[1:] if not record.text.startswith(comment))
        body = [first, *rest]
    above = next((each for each in reversed(filled) if each.line < first.line), None)
    if above and len(above.cells) == width - 1 and _goes_with(above.cells, width, body):
        lines = above.last - above.line + 1
        return Layout(above.line - 1, lines, width, _rows_named(above.cells, body, width))
    if heads := guessed(body, width, known=known):
        return Layout(first.line - 1, body[heads - 1].last - first.line + 1, width)
    if above and above is filled[0] and above.last == first.line - 1 and _names(above):
        # Rows that are not as wide as their header cannot be read: they are not given other names.
        return Layout(above.line - 1, above.last - above.line + 1, len(above.cells))
    return Layout(first.line - 1, 0, width)


def _names(record: Record) -> bool:
    """Whether a record has nothing but texts, as the names of columns are."""
    return len(record.cells) > 1 and all(kind_of(cell) is Kind.TEXT for cell in record.cells)


def comment_of(preamble: Iterable[Record]) -> str | None:
    """How all lines before a header begin, if that is how comments do."""
    texts = [record.text for record in preamble if record.text.strip()]
    marks = (mark for mark in _COMMENTS if texts and all(text.startswith(mark) for text in texts))
    return next(marks, None)


def _goes_with(header: Sequence[str], width: int, below: Sequence[Record]) -> bool:
    """Whether a header can name the columns of records that are not as wide as it is.

    It can if it is the wider one: the columns at its end are those that no record has. It can if
    what is beyond it is empty, as where lines end in a delimiter, or if the first column, which it
    does not name, names the rows. Else cells would get the names of others.
    """
    fits = [record for record in below if len(record.cells) == width]
    beyond = sum(any(cell.strip() for cell in record.cells[len(header) :]) for record in fits)
    return beyond <= len(fits) * 0.05 or _rows_named(header, fits, width)


def _rows_named(header: Sequence[str], below: Sequence[Record], width: int) -> bool:
    """Whether the first cells of records are names of rows, for which the header has no name.

    R writes tables so. A delimiter within a text that is not quoted looks the same, so the names
    must be quoted, and each another one.
    """
    fits = [record for record in below if len(record.cells) == width]
    if width != len(header) + 1 or sum(map(bool, header)) < 2 or len(fits) < 2:
        return False
    if not any(record.cells[-1].strip() for record in fits):
        return False
    names = [record.cells[0].strip() for record in fits]
    quoted = all(record.text.lstrip()[:1] in {'"', "'"} for record in fits)
    return quoted and all(names) and len(set(names)) == len(names)


def _body(filled: Sequence[Record], width: int) -> Sequence[Record]:
    """Records from the first that looks like one of the table, and not like a title above it."""
    for at, record in enumerate(filled):
        if record.flaw or len(record.cells) != width:
            continue
        below = [each for each in filled[at + 1 : at + 6] if len(each.cells) == width]
        usual = max((each.filled for each in below), default=record.filled)
        if record.filled > 1 or width == 1 or usual <= 1:
            return filled[at:]
    return []
