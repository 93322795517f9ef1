"""Plain JSON lines, cut at their quotes: how most lines of a large file are read.

Where no text has an escape, quotes stand around names and texts and nowhere else, and the pieces
between them have the same place in each line; a null instead of a text moves those behind it by
two. Polars' reader of delimited text cuts lines faster than a pattern matches them. What was cut is
put together again, and only a line that comes out as it was is taken: all others are for the
pattern of their shape, and for the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from arro3.core import Array

from sluicegate.sources.json_shapes import NUMBER, Shape, shape_of
from sluicegate.sources.records import LINE
from sluicegate.sources.text import taken_for_packed

_SAMPLE = 50
"""Lines that tell how the others are, evenly from all of them."""

_PLAIN = 0.9
"""Share of them that must be plain and of one shape. Every other line is read twice."""

_PIECE_COSTS, _NUMBER_COSTS = 27, 50
"""How many bytes of a line a pattern matches in the time that a piece more than there are members
takes, and a number, which is matched by a pattern of its own. Of many nulls each moves the rest."""

_SLICE = 1 << 14
"""Lines that are put together at once: few enough for their memory to be used again."""

_NOT_PLAIN = re.compile(r"[\\\x00-\x1f]")
_MOVED = "moved"


@dataclass(frozen=True, slots=True)
class _Member:
    """A value of each line.

    Attributes:
        before: what stands before it.
        outside: number of the piece outside of quotes that it is in, or begins after.
        head: what this piece begins with.
        tail: what it ends with, where the value is in it.
        text: whether it is a text; if not, it is a number, true or false. Each may be null.
        nulls: whether it is a text that is null in some lines.
    """

    name: str
    before: str
    outside: int
    head: str
    tail: str
    text: bool
    nulls: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the values are in lines that are cut at their quotes.

    Attributes:
        members: the values, in their order.
        end: what stands behind the last one.
    """

    members: tuple[_Member, ...]
    end: str

    def read(self, raw: bytes, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series] | None:
        """The values of the lines that are plain, the numbers as they were written.

        Args:
            raw: the bytes of these lines, and no others.
            lines: ``_line`` and ``line``.

        Returns:
            A column of texts a name and ``_line``, in their order; and which lines they are of.
            None if they cannot be cut.
        """
        pieces = self._pieces(raw)
        if pieces is None or pieces.height != lines.height:
            return None
        cells = self._cells(pieces)
        same = self._same(cells, lines["line"])
        if b"\\" in raw:
            same &= ~lines["line"].str.contains("\\", literal=True)
        ends = lines.height - (not raw.endswith(b"\n"))
        if _controls(raw) > ends + (raw.count(b"\r\n") if b"\r" in raw else 0):
            same &= ~lines["line"].str.contains(r"[\x00-\x1f]")
        cells = cells.with_columns(lines[LINE]).rechunk()
        # Last of all: in expressions a name such as an asterisk stands for several.
        cells.columns = [*(member.name for member in self.members), LINE]
        return (cells if same.all() else cells.filter(same)), same

    def _pieces(self, raw: bytes) -> pl.DataFrame | None:
        if taken_for_packed(raw):
            return None
        needed = sorted({piece for member in self._places() for piece in member})
        try:
            return pl.read_csv(
                raw,
                has_header=False,
                schema=dict.fromkeys(map(str, range(needed[-1] + 1)), pl.String),
                columns=needed,
                separator='"',
                quote_char=None,
                empty_string_is_null=False,
                truncate_ragged_lines=True,
                missing_columns="insert",
                extra_columns="ignore",
            )
        except pl.exceptions.PolarsError:
            return None

    def _places(self) -> Iterator[list[int]]:
        """For each member the pieces that it may be in, and that tell whether it is null."""
        moves = 0
        for member in self.members:
            found = [member.outside + member.text] + [member.outside] * member.nulls
            yield [piece - 2 * moved for piece in found for moved in range(moves + 1)]
            moves += member.nulls

    def saves(self, length: float) -> bool:
        """Whether it is quicker than a pattern, of lines of some length."""
        more = sum(map(len, self._places())) - len(self.members)
        numbers = sum(not member.text for member in self.members)
        return more * _PIECE_COSTS + numbers * _NUMBER_COSTS < length

    def _cells(self, pieces: pl.DataFrame) -> pl.DataFrame:
        moves, cells = 0, []
        pieces = pieces.with_columns(pl.lit(0, pl.Int16).alias(_MOVED))
        for number, member in enumerate(self.members):
            outside = _piece(member.outside, moves)
            null = outside == f"{member.head}null{member.tail}"
            cell = _piece(member.outside + 1, moves)
            if not member.text:
                value = f"^{re.escape(member.head)}({NUMBER}|true|false){re.escape(member.tail)}$"
                cell = outside.str.extract(value)
            if member.nulls:
                cell = pl.when(~null).then(cell)
            cells.append(pieces.select(cell.alias(str(number))))
            if member.nulls:
                moves += 1
                pieces = pieces.with_columns(pl.col(_MOVED) + null)
        return pl.concat(cells, how="horizontal")

    def _same(self, cells: pl.DataFrame, lines: pl.Series) -> pl.Series:
        """Which lines come out as they were."""
        parts: list[pl.Expr] = []
        behind = ""
        for name, member in zip(cells.columns, self.members, strict=True):
            value, quote = pl.col(name), '"' if member.text else ""
            if cells[name].null_count():
                written = pl.concat_str(pl.lit(quote), value, pl.lit(quote)) if quote else value
                value, quote = pl.coalesce(written, pl.lit("null")), ""
            parts += [pl.lit(behind + member.before + quote), value]
            behind = quote
        whole = pl.concat_str(*parts, pl.lit(behind + self.end)).alias("whole")
        same = [
            part.select(whole)["whole"] == lines.slice(start, part.height)
            for part, start in zip(
                cells.iter_slices(_SLICE), range(0, cells.height, _SLICE), strict=True
            )
        ]
        return pl.concat(same)


def cut_of(lines: pl.Series) -> Cut | None:
    """How lines can be cut, by a sample of them; None if few are plain, or cutting is slower."""
    sample = lines.gather_every(max(1, len(lines) // _SAMPLE)).to_list()
    plain = (line for line in sample if not _NOT_PLAIN.search(line))
    shapes = [shape for line in plain if (shape := shape_of(line))]
    if not shapes:
        return None
    first, *_ = shapes
    alike = [shape for shape in shapes if shape.between == first.between]
    if len(alike) < _PLAIN * len(sample):
        return None
    kinds = [{shape.kinds[number] for shape in alike} for number in range(len(first.names))]
    if any({"text", "bare"} <= each for each in kinds):
        return None
    cut = Cut(tuple(_members(first, kinds)), first.between[-1])
    return cut if cut.saves(sum(map(len, sample)) / len(sample)) else None


def _members(shape: Shape, kinds: Sequence[set[str]]) -> Iterator[_Member]:
    """The values of a shape; ``any`` is what a null is taken for."""
    outside = 0
    following = shape.between[1:]
    for name, before, after, found in zip(
        shape.names, shape.between, following, kinds, strict=False
    ):
        outside += before.count('"')
        text = "text" in found
        yield _Member(
            name=name,
            before=before,
            outside=outside,
            head=before.rpartition('"')[2],
            tail=after.partition('"')[0],
            text=text,
            nulls=text and "any" in found,
        )
        outside += 2 * text


def _piece(number: int, moves: int) -> pl.Expr:
    """A piece of lines that up to so many nulls may have moved."""
    found = pl.col(str(number - 2 * moves))
    for moved in range(moves):
        here = pl.col(str(number - 2 * moved))
        found = pl.when(pl.col(_MOVED) == moved).then(here).otherwise(found)
    return found


def _controls(raw: bytes) -> int:
    """How many bytes are control characters, the ends of lines among them."""
    return int((pl.Series(Array.from_buffer(raw)) < ord(" ")).sum())
