"""Text of fixed width: what stands at certain characters of a line is a column.

A line that is too short to hold all its columns, or too long, is a reject with its text: whatever
shifted it, its values would be other ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import cast

import polars as pl

from sluicegate.errors import BatchRefused, ContractError, meant
from sluicegate.opening import Content
from sluicegate.sources.members import require_glob
from sluicegate.sources.records import BLANK, ENCODING, LINE, WIDTH, Records, left_out, rejects_of
from sluicegate.sources.text import blocks, count_lines, require_encoding

Span = tuple[int, int]
"""The first and the last character of a column, from 1."""


@dataclass(frozen=True, slots=True)
class FixedWidth:
    """Text of fixed width, packed or not.

    Attributes:
        columns: name → where in a line it stands: its first and its last character, from 1; or
            how many characters, if it follows the column before. What is between is not read.
        header: whether the first line that is not blank says the names, each in its place.
        optional: columns at the end of a line that it may lack, in part or as a whole, because
            blanks at its end are not sent.
        width: characters that a line may have; by default up to the end of its last column.
        encoding: what its bytes mean, by the name that Python has for it.
        members: which files of a zip are meant, such as ``*.csv``; by default all of them.
    """

    columns: Mapping[str, Span | int] = field(hash=False)
    header: bool = False
    optional: tuple[str, ...] = ()
    width: int | None = None
    encoding: str = "utf-8"
    members: str | None = None

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        require_glob(self.members)
        spans = _spans(self.columns)
        object.__setattr__(self, "columns", spans)
        _require_distinct(spans)
        _require_last(spans, self.optional)
        end = max(end for _, end in spans.values())
        if self.width is not None and self.width < end:
            raise ContractError(
                f"A line of {self.width} characters has no character {end}, where its last column "
                "ends."
            )

    def read(
        self, content: Content, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        del columns
        header, told, blank = self.header, False, 0
        for block in blocks(content, name, self.encoding):
            lines = block.lines.filter(pl.col("line").str.strip_chars() != "")
            blank += block.count - lines.height
            if header and not lines.is_empty():
                self._require_header(lines.row(0, named=True), name)
                lines, header = lines[1:], False
            if not lines.is_empty() or (block.last and not told):
                told = True
                left = left_out(BLANK, blank)
                records = replace(self._records(lines), share=block.share, left_out=left)
                yield from records.parts(most)
                blank = 0
        if header:
            raise BatchRefused("The file is empty: it has not even a header.", where=name)

    def count(self, content: Content) -> int:
        """Lines that are not blank, but for the header."""
        return max(0, count_lines(content, self.encoding) - self.header)

    @property
    def spans(self) -> Mapping[str, Span]:
        """Name → the first and the last character of each column."""
        return cast("Mapping[str, Span]", self.columns)

    @property
    def least(self) -> int:
        """Characters that a line must have."""
        return max((end for n, (_, end) in self.spans.items() if n not in self.optional), default=0)

    @property
    def most(self) -> int:
        """Characters that a line may have."""
        return self.width or max(end for _, end in self.spans.values())

    def _records(self, lines: pl.DataFrame) -> Records:
        line = pl.col("line")
        rule = (
            pl.when("invalid")
            .then(pl.lit(ENCODING))
            .when(~line.str.len_chars().is_between(self.least, self.most))
            .then(pl.lit(WIDTH))
        )
        judged = lines.with_columns(rule=rule)
        rejects = judged.filter(pl.col("rule").is_not_null()).select(LINE, "line", "rule")
        rows = judged.filter(pl.col("rule").is_null()).select(
            *(self._cell(name) for name in self.spans), LINE
        )
        return Records(tuple(self.spans), rows, rejects_of(rejects.iter_rows()))

    def _cell(self, name: str) -> pl.Expr:
        start, end = self.spans[name]
        cell = pl.col("line").str.slice(start - 1, end - start + 1).str.strip_chars(" ")
        return pl.when(cell != "").then(cell).alias(name)

    def _require_header(self, line: dict[str, str], name: str) -> None:
        """A header says which columns there are; a first line that says something else is none."""
        for column, (start, end) in self.spans.items():
            said = line["line"][start - 1 : end].strip(" ").casefold()
            # A name that is wider than its column is cut.
            if said != column[: end - start + 1].strip(" ").casefold():
                raise BatchRefused(
                    f"The header does not say {column!r} at the characters {start} to {end}.",
                    where=f"{name}, line {line[LINE]:,}",
                    hint="the columns moved, or the file has no header; compare it with the "
                    "positions in its contract",
                )


def _spans(columns: object) -> dict[str, Span]:
    """Where each column stands, in their order; widths count on from the column before."""
    if not isinstance(columns, Mapping) or not columns:
        raise ContractError(
            "A text of fixed width has columns.", hint='columns={"id": (1, 8), "name": (9, 40)}'
        )
    spans: dict[str, Span] = {}
    last = 0
    for name, place in columns.items():
        match place:
            case bool():
                pass
            case int(width) if width > 0:
                spans[name] = (last + 1, last + width)
            case (int(start), int(end)) if 1 <= start <= end:
                spans[name] = (start, end)
        if name not in spans:
            raise ContractError(
                f"The column {name!r} cannot stand at {place!r}.",
                hint="say its first and its last character, counted from 1, such as (9, 40)",
            )
        last = spans[name][1]
    return dict(sorted(spans.items(), key=lambda column: column[1]))


def _require_distinct(spans: Mapping[str, Span]) -> None:
    for one, other in pairwise(spans):
        if spans[other][0] <= spans[one][1]:
            raise ContractError(
                f"The columns {one!r} and {other!r} overlap: they stand at {spans[one]} and "
                f"{spans[other]}.",
                hint="positions count from 1, and the last one belongs to the column",
            )
    if LINE in spans:
        raise ContractError(f"{LINE!r} is where a record stands, and no column of a file.")


def _require_last(spans: Mapping[str, Span], optional: tuple[str, ...]) -> None:
    for name in optional:
        if name not in spans:
            raise ContractError(f"There is no column {name!r}.", hint=meant(name, spans))
    ends = [end for name, (_, end) in spans.items() if name not in optional]
    early = [name for name in optional if spans[name][1] < max(ends, default=0)]
    if early:
        raise ContractError(
            f"The column {early[0]!r} cannot be lacking: others stand behind it.",
            hint="optional= is for columns at the end of a line",
        )
