"""JSON records, one object a line.

Most lines of a file say the same members in the same order. Those are recognised by a pattern, and
parsed all at once; every other line is parsed by itself, to the same cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from sluicegate.sources.json_shapes import shape_of
from sluicegate.sources.jsons import Rejected, Sent, gathered, parse
from sluicegate.sources.records import ENCODING, JSON, LINE, Records, rejects_of
from sluicegate.sources.text import BLOCK, Block, blocks, count_lines

_MOST_SHAPES = 8
"""Shapes that are looked for in one block; what has none of them is read line by line."""


@dataclass(frozen=True, slots=True)
class Ndjson:
    """One JSON object a line, packed or not."""

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        del columns
        for records in read_ndjson(content, name=name):
            yield from records.parts(most)

    def count(self, content: Path) -> int:
        """Lines that are not blank."""
        return count_lines(content)


def read_ndjson(content: Path | bytes, *, name: str = "", size: int = BLOCK) -> Iterator[Records]:
    """Read a text with one object a line, block by block; there is at least one.

    Each part has the columns of those before it, so that a member which all records of a part lack
    is an absent value, and no other table.

    Args:
        size: bytes of a block, about.

    Raises:
        BatchRefused: it is damaged, or no text at all.
    """
    header: tuple[str, ...] = ()
    told = False
    for block in blocks(content, name, size=size):
        records = _records(block)
        header = tuple(dict.fromkeys([*header, *records.header]))
        if records.count or (block.last and not told):
            told = True
            yield _widened(records, header)


def _records(block: Block) -> Records:
    lines = block.lines()
    if (rows := _all_alike(block, lines)) is not None:
        return Records(_names(rows), rows, rejects_of([]), named=False)
    left = lines.filter(pl.col("line") != "")
    parts: list[pl.DataFrame] = []
    while not left.is_empty() and len(parts) < _MOST_SHAPES:
        shape = None if left["invalid"][0] else shape_of(left["line"][0])
        if shape is None:
            break
        same = shape.recognises(left["line"]) & ~left["invalid"]
        parts.append(shape.cells(left.filter(same)))
        left = left.filter(~same)
    undecoded = [
        (number, Rejected(line, ENCODING))
        for number, line in left.filter("invalid").select(LINE, "line").iter_rows()
    ]
    others = gathered([*undecoded, *one_by_one(left.filter(~pl.col("invalid")))])
    rows = pl.concat([*parts, others.rows], how="diagonal").sort(LINE)
    return replace(others, header=_names(rows), rows=rows)


def _all_alike(block: Block, lines: pl.DataFrame) -> pl.DataFrame | None:
    """The rows of a block whose lines have one shape and nothing that needs a closer look."""
    shape = None if lines.is_empty() or lines["invalid"].any() else shape_of(lines["line"][0])
    if shape is None or not shape.recognises(lines["line"]).all():
        return None
    return shape.cells_at_once(block.raw, lines[LINE])


def _names(rows: pl.DataFrame) -> tuple[str, ...]:
    return tuple(name for name in rows.columns if name != LINE)


def _widened(records: Records, header: tuple[str, ...]) -> Records:
    if header == records.header:
        return records
    rows = records.rows.select(
        *(
            pl.col(name) if name in records.header else pl.lit(None, dtype=pl.String).alias(name)
            for name in header
        ),
        LINE,
    )
    return replace(records, header=header, rows=rows)


def one_by_one(lines: pl.DataFrame) -> Iterator[tuple[int, object]]:
    """Parse lines (``_line``, ``line``), each by itself: what reading by shape is held against."""
    for number, line in lines.select(LINE, "line").iter_rows():
        try:
            yield number, Sent(parse(line), line)
        except (ValueError, RecursionError):
            yield number, Rejected(line, JSON)
