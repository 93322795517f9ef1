"""Records: what a reader makes of a batch, whatever its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import polars as pl

from sluicegate.dialect import Left

LINE = "_line"
"""Column that says where in its batch a record stands: its first line, or its number, from 1."""

ENCODING = "record:encoding"
QUOTING = "record:quoting"
FIELDS = "record:fields"
WIDTH = "record:width"
CELL = "record:cell"
JSON = "record:json"
DUPLICATE_KEY = "record:duplicate_key"


BLANK = str(Left.BLANK)
PREAMBLE = str(Left.PREAMBLE)


@dataclass(frozen=True, slots=True)
class Records:
    """What one batch holds, or a part of it.

    Attributes:
        header: column names as sent; those of nested values are joined with a dot.
        rows: one column a header name, of texts or of a type that contracts have, and ``_line``.
        rejects: ``_line``, ``text`` and ``rule`` of every record that could not be parsed.
        named: whether the header was sent by itself; if not, it is what the records name.
        types: column → type that it was sent with, where that is not the one in ``rows``.
        share: of the batch's bytes that they stand for, about.
        left_out: what lines are that are no records → how many there are of them.
    """

    header: tuple[str, ...]
    rows: pl.DataFrame
    rejects: pl.DataFrame
    named: bool = True
    types: Mapping[str, pl.DataType] = field(default_factory=dict)
    share: float = 1.0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of records, parsed or not."""
        return self.rows.height + self.rejects.height

    def parts(self, most: int) -> Iterator[Records]:
        """The same, in even parts of about so many rows; what could not be parsed comes first.

        There is at least one part.
        """
        count = max(1, round(self.rows.height / most))
        size = max(1, -(-self.rows.height // count))
        starts = range(size, self.rows.height, size)
        share = self.share / (1 + len(starts))
        yield replace(self, rows=self.rows.head(size), share=share)
        for start in starts:
            rows = self.rows.slice(start, size)
            yield replace(self, rows=rows, rejects=rejects_of([]), share=share, left_out={})


class Format(Protocol):
    """How the bytes of a batch are read."""

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch, part by part; there is at least one.

        Args:
            name: of the batch, for messages.
            columns: names that the contract reads, in its order: the header of what has none.
            most: rows of a part.

        Raises:
            BatchRefused: it cannot be read as a whole; parts of it may have been read by then.
        """
        ...

    def count(self, content: Path) -> int:
        """Records that a batch which cannot be read must have meant to send."""
        ...


def left_out(what: str, lines: int) -> dict[str, int]:
    """Lines that are no records, as :class:`Records` has them."""
    return {what: lines} if lines else {}


def rejects_of(rows: Iterable[tuple[int, str, str]]) -> pl.DataFrame:
    """Line, text and rule of records that could not be parsed, as :class:`Records` keeps them."""
    schema = {LINE: pl.Int64, "text": pl.String, "rule": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")
