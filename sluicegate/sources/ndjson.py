"""JSON records, one object a line.

Most lines of a file say the same members in the same order. Those are recognised by a pattern, and
parsed all at once; every other line is parsed by itself, to the same cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from sluicegate.contracts.texts import sent
from sluicegate.opening import Content
from sluicegate.sources.json_quotes import cut_of
from sluicegate.sources.json_shapes import shape_of
from sluicegate.sources.jsons import Rejected, gathered, one_by_one
from sluicegate.sources.members import require_glob
from sluicegate.sources.records import (
    BLANK,
    ENCODING,
    LINE,
    Records,
    left_out,
    rejects_of,
)
from sluicegate.sources.text import BLOCK, Block, blocks, count_lines, require_encoding

_MOST_SHAPES = 8
"""Shapes that are looked for in one block; what has none of them is read line by line."""

_LOOKED_AT = 20
"""Lines among which one with a shape is looked for."""

_MANY = 5_000
"""Lines from which on it is worth it to find out how they can be cut."""


@dataclass(frozen=True, slots=True)
class Ndjson:
    """One JSON object a line, packed or not.

    Attributes:
        encoding: what its bytes mean, by the name that Python has for it.
        members: which files of a zip are meant, such as ``*.csv``; by default all of them.
    """

    encoding: str = "utf-8"
    members: str | None = None

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        require_glob(self.members)

    def read(
        self, content: Content, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        del columns
        for records in read_ndjson(content, name=name, encoding=self.encoding):
            yield from records.parts(most)

    def count(self, content: Content) -> int:
        """Lines that are not blank."""
        return count_lines(content, self.encoding)


def read_ndjson(
    content: Content | bytes, *, name: str = "", encoding: str = "utf-8", size: int = BLOCK
) -> Iterator[Records]:
    """Read a text with one object a line; see :func:`records_of`.

    Args:
        encoding: what its bytes mean.
        size: bytes of a block, about.

    Raises:
        BatchRefused: it is damaged, or no text at all.
    """
    return records_of(blocks(content, name, encoding, size))


def records_of(blocks: Iterable[Block]) -> Iterator[Records]:
    """Read lines with one object each, block by block; there is at least one part.

    Each part has the columns of those before it, so that a member which all records of a part lack
    is an absent value, and no other table. Blocks of blank lines are told with the part that
    follows; the last ones are a part without records.
    """
    header: tuple[str, ...] = ()
    told, blank, share = False, 0, 0.0
    for block in blocks:
        records = _records(block)
        header = tuple(dict.fromkeys([*header, *records.header]))
        blank += block.count - records.count
        share += block.share
        if records.count or (block.last and (blank or share or not told)):
            told = True
            left = left_out(BLANK, blank)
            yield replace(_widened(records, header), share=share, left_out=left)
            blank, share = 0, 0.0


def _records(block: Block) -> Records:
    parts, left = _recognised(block)
    if len(parts) == 1 and left.is_empty():
        (rows,) = parts
        return Records(_names(rows), rows, rejects_of([]), named=False)
    undecoded = [
        (number, Rejected(line, ENCODING))
        for number, line in left.filter("invalid").select(LINE, "line").iter_rows()
    ]
    others = gathered([*undecoded, *one_by_one(left.filter(~pl.col("invalid")))])
    # Columns in the order in which they are first told of.
    parts = sorted([*parts, others.rows], key=lambda part: part[LINE].min() or 0)
    rows = pl.concat(parts, how="diagonal").sort(LINE)
    return replace(others, header=_names(rows), rows=rows)


def _recognised(block: Block) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Lines whose values are found by their place, in parts; and those that are left to parse."""
    left = block.lines.filter(pl.col("line") != "")
    parts: list[pl.DataFrame] = []
    known: set[tuple[str, ...]] = set()
    found = _cut(block, left)
    while len(parts) < _MOST_SHAPES and (found := found or _matched(left, known)):
        rows, same = found
        if left["invalid"].any():
            rows = rows.join(left.filter("invalid"), on=LINE, how="anti")
            same &= ~left["invalid"]
        parts.append(rows)
        left, found = left.filter(~same), None
    return parts, left


def _cut(block: Block, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series] | None:
    """What is found by cutting lines at their quotes, if that is worth it."""
    if lines.height < max(_MANY, block.count):
        return None
    cut = cut_of(lines["line"])
    return cut.read(block.raw, lines) if cut else None


def _matched(
    lines: pl.DataFrame, known: set[tuple[str, ...]]
) -> tuple[pl.DataFrame, pl.Series] | None:
    """What is found by the shape of one of the first lines, which is known from then on."""
    shape = next(filter(None, map(shape_of, lines["line"].head(_LOOKED_AT))), None)
    if shape is None:
        return None
    # What said a text, and says a number now, may say either.
    wide = shape.between in known
    known.add(shape.between)
    return (shape.wider if wide else shape).read(lines)


def _names(rows: pl.DataFrame) -> tuple[str, ...]:
    return tuple(name for name in rows.columns if name != LINE)


def _widened(records: Records, header: tuple[str, ...]) -> Records:
    if header == records.header:
        return records
    rows = records.rows.select(
        *(
            sent(name) if name in records.header else pl.lit(None, dtype=pl.String).alias(name)
            for name in header
        ),
        LINE,
    )
    return replace(records, header=header, rows=rows)
