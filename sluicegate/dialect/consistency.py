"""How much like a table a text looks under a dialect.

A text taken apart rightly has records of one width, and cells that look like something. The measure
is the product of both, after van den Burg, Nazábal and Sutton, "Wrangling messy CSV files by
detecting row and type patterns" (2019), with the dispersion of the widths in place of the number of
patterns (García, "Detecting CSV file dialects by table uniformity measurement and data type
inference", 2024), so that a preamble or a second table costs what it takes of the text, no more.
Looks count twice: a decimal comma cuts numbers in two as regularly as a delimiter does.
Names of columns that are known count more than either, where the text has them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluicegate.dialect.candidates import likelihood
from sluicegate.dialect.dialect import Dialect
from sluicegate.dialect.header import Block, find, named
from sluicegate.dialect.kinds import TYPED, Kind, kind_of, passes
from sluicegate.dialect.layout import width_of
from sluicegate.dialect.records import QUOTING, Record

_MOST_CELLS = 4000
"""Cells whose looks are judged."""

_MOST_TYPED = 100
"""Records whose cells are held against the types that are known."""

_LEAST = 1e-3
"""Uniformity of a table of one column: any text is one."""

_LOOSE = 0.2
"""What it costs if quotes are not as they should be, though cells can be told."""

_NO_QUOTES = 0.5
"""How likely it is that double quotes in a text are characters like others."""


@dataclass(frozen=True, slots=True)
class Look:
    """A text under a dialect.

    Attributes:
        records: of the text, blank ones included.
        width: cells of a record of the table.
        block: its header, where the names that are known say so.
        score: more is better.
    """

    dialect: Dialect
    records: Sequence[Record]
    width: int
    block: Block | None
    score: float


def look(
    dialect: Dialect,
    records: Sequence[Record],
    names: Sequence[str],
    types: Mapping[str, Kind],
) -> Look:
    """Judge a dialect by the records that a text has under it."""
    filled = [record for record in records if not record.blank]
    block = find(records, names)
    width = width_of(filled, len(names), block)
    fits = [record.cells for record in filled if len(record.cells) == width]
    score = likelihood(dialect.delimiter) * _uniformity(filled, width)
    # Any text may stand in a column that is known to be alone.
    score *= 1.0 if dialect.delimiter is None and len(names) == 1 else _looks(fits) ** 2
    score *= _worth(width, fits, len(names))
    loose = sum(record.flaw == QUOTING for record in filled)
    score *= 1 - _LOOSE * loose / max(1, len(filled))
    if dialect.quote is None and any('"' in record.text for record in filled):
        score *= _NO_QUOTES
    if names and width in {len(names), block.width if block else 0}:
        score *= 2
    if types and len(fits) > 1:
        called = named(block.cells, names, width) if block else names
        score *= 0.1 + _fitting(fits, [types.get(name) for name in called])
    score *= 1 + 10 * (block.found if block else 0)
    return Look(dialect, records, width, block, score)


def _uniformity(filled: Sequence[Record], width: int) -> float:
    """Share of records that have the width, and dispersion of the others."""
    if not filled:
        return _LEAST
    widths = Counter(len(record.cells) for record in filled)
    share = widths[width] / len(filled)
    alike = sum(count * count for count in widths.values()) / len(filled) ** 2
    return max(share * math.sqrt(alike), _LEAST)


def _worth(width: int, fits: Sequence[Sequence[str]], known: int) -> float:
    """What a width is worth: the more columns, the less it can be chance.

    One column is a table if it is known to be one, or if all its cells are numbers or moments.
    """
    if width > 1:
        return (width - 1) / width
    if known == 1:
        return 1.0
    cells = [kind_of(cells[0]) for cells in fits[1:_MOST_TYPED]]
    return 0.4 if cells and all(kind in TYPED for kind in cells) else _LEAST


def _looks(fits: Sequence[Sequence[str]]) -> float:
    """Share of cells that look like something."""
    known = total = 0
    for cells in fits:
        known += sum(kind_of(cell) is not Kind.ODD for cell in cells)
        total += len(cells)
        if total > _MOST_CELLS:
            break
    return max(known / total if total else 0.0, _LEAST)


def _fitting(fits: Sequence[Sequence[str]], types: Sequence[Kind | None]) -> float:
    """Share of cells that look like what their column is known to hold."""
    right = total = 0
    for cells in fits[:_MOST_TYPED]:
        for cell, wanted in zip(cells, types, strict=False):
            if wanted is not None and (kind := kind_of(cell)) is not Kind.EMPTY:
                right += passes(kind, wanted)
                total += 1
    return right / total if total else 1.0
