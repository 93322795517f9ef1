"""Rows of delimited text: of some lines, those that are records, and what is wrong with others.

Most lines are well-formed, and parsed all at once. A line that looks wrong may be the beginning of
a record that spans lines; if it is not, it is a reject, and its neighbours are rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from sluicegate.errors import Bug
from sluicegate.sources.records import (
    BLANK,
    ENCODING,
    FIELDS,
    LINE,
    QUOTING,
    Records,
    left_out,
    rejects_of,
)
from sluicegate.sources.text import Block, taken_for_packed

_MOST_LINES = 50
"""Lines that one quoted record may span: an open quote must not swallow the file."""

_BOM = "\ufeff".encode()
"""At the beginning of a line it is dropped or kept by polars, as it happens: that is no record."""

_WIDE = 200
"""Columns up to which polars takes a pattern of whole records."""


@dataclass(frozen=True, slots=True)
class Table:
    """What the records of a delimited text must look like.

    Attributes:
        header: column names.
        delimiter: the one character between fields.
        name: of the batch, for messages.
    """

    header: tuple[str, ...]
    delimiter: str
    name: str

    def read(self, block: Block) -> tuple[Records, bytes]:
        """Records of a block, and the bytes of a last record that goes on in the next one."""
        if (cells := self._at_once(block)) is not None:
            return Records(self.header, cells, rejects_of([])), b""
        lines = block.lines
        body = lines.filter(pl.col("line") != "")
        formed = self._well_formed(body)
        if body.height == lines.height and formed.all() and not body["invalid"].any():
            return Records(self.header, self._parse(body, block.raw), rejects_of([])), b""
        judged = body.with_columns(good=formed & ~pl.col("invalid"))
        good, suspects = judged.filter("good"), judged.filter(~pl.col("good"))
        found = self._look_closer(suspects, lines, block)
        if not suspects.is_empty():
            kept = ~pl.col(LINE).is_in(found.taken) & (pl.col(LINE) < found.end)
            good = pl.concat([good.filter(kept).select(LINE, "line"), found.spanning]).sort(LINE)
        blank = lines.filter(pl.col("line") == "")[LINE]
        own = blank.filter(~blank.is_in(found.taken) & (blank < found.end)) if len(blank) else blank
        left = left_out(BLANK, len(own))
        rest = _from(block, found.end)
        return Records(self.header, self._parse(good), found.rejects, left_out=left), rest

    def _at_once(self, block: Block) -> pl.DataFrame | None:
        """All lines of a block, if none of them needs a closer look."""
        raw, mark = block.raw, self.delimiter.encode()
        if len(mark) > 1 or b'"' in raw or b"\0" in raw or _has_marks(raw):
            return None
        fields = (len(self.header) - 1) * (count := block.count)
        if not fields or raw.count(mark) != fields:
            return None
        if (returns := raw.count(b"\r")) and returns != raw.count(b"\r\n"):
            return None
        try:
            # A line with a field too many is an error here, and without one none has too few.
            cells = self._cells(raw.replace(b"\r\n", b"\n") if returns else raw, quote=None)
        except pl.exceptions.PolarsError:
            return None
        if cells.height != count:
            return None
        line = pl.int_range(block.first, block.first + pl.len(), dtype=pl.Int64)
        return cells.with_columns(line.alias(LINE))

    def _well_formed(self, body: pl.DataFrame) -> pl.Series:
        """Which lines are records as they stand; only one with a quote needs the pattern."""
        line = pl.col("line")
        quote = line.str.contains('"', literal=True)
        count = line.str.count_matches(self.delimiter, literal=True)
        plain = body.select(plain=(count == len(self.header) - 1) & ~quote)["plain"]
        quoted = body.filter(quote)["line"]
        if quoted.is_empty():
            return plain
        if len(self.header) <= _WIDE:
            matches = quoted.str.contains(f"^{self._pattern()}$")
        else:
            whole = re.compile(self._pattern())
            matches = pl.Series([whole.fullmatch(text) is not None for text in quoted])
        return plain.scatter(body.select(quote.arg_true()).to_series(), matches)

    def _pattern(self, times: str | None = None) -> str:
        """RFC 4180: fields are quoted as a whole, with quotes doubled, or hold no quote at all."""
        mark = re.escape(self.delimiter)
        one = rf'(?:"(?:[^"]|"")*"|[^"{mark}\n]*)'
        return rf"{one}(?:{mark}{one}){times or f'{{{len(self.header) - 1}}}'}"

    def _look_closer(self, suspects: pl.DataFrame, lines: pl.DataFrame, block: Block) -> _Found:
        """Sort suspicious lines into records that span lines, and rejects."""
        found = _Found()
        if suspects.is_empty():
            return found
        whole, quoting = re.compile(self._pattern()), re.compile(self._pattern("*"))
        text, last = _exact(block, lines), block.first + lines.height - 1
        for number, line, bad in suspects.select(LINE, "line", "invalid").iter_rows():
            if number in found.taken_lines:
                continue
            if bad:
                found.reject(number, line, ENCODING)
                continue
            if line.count('"') % 2:
                if end := _span(whole, text, lines["invalid"], number - block.first):
                    found.span(number, list(text[number - block.first : end]))
                    continue
                if not block.last and number > last - _MOST_LINES:
                    found.end = number
                    break
            found.reject(number, line, FIELDS if quoting.fullmatch(line) else QUOTING)
        return found

    def _parse(self, good: pl.DataFrame, raw: bytes = b"") -> pl.DataFrame:
        """The cells of lines that are records as they stand; ``raw`` may have just these."""
        if good.is_empty():
            return pl.DataFrame(schema={**dict.fromkeys(self.header, pl.String), LINE: pl.Int64})
        if len(self.header) == 1:
            # With one column polars takes an empty quoted field for a blank line.
            inner = pl.col("line").str.slice(1, pl.col("line").str.len_chars() - 2)
            cells = good.select(
                pl.when(pl.col("line").str.starts_with('"'))
                .then(inner.str.replace_all('""', '"', literal=True))
                .otherwise("line")
                .alias(self.header[0])
            )
        else:
            joined = raw or good.select(pl.col("line").str.join("\n")).item().encode()
            cells = self._cells(joined.replace(b"\r\n", b"\n") if raw else joined, quote='"')
        if cells.height != good.height:
            raise Bug(
                f"{good.height} records were parsed into {cells.height} rows.", where=self.name
            )
        return cells.with_columns(good[LINE]).rechunk()

    def _cells(self, raw: bytes, quote: str | None) -> pl.DataFrame:
        before = taken_for_packed(raw)
        if before:
            raw = self.delimiter.encode() * (len(self.header) - 1) + b"\n" + raw
        cells = pl.read_csv(
            raw,
            has_header=False,
            schema=dict.fromkeys(self.header, pl.String),
            separator=self.delimiter,
            quote_char=quote,
        )
        return cells.slice(int(before))


def _has_marks(raw: bytes) -> bool:
    """Whether a line begins with a byte-order mark."""
    return not raw.isascii() and (raw.startswith(_BOM) or b"\n" + _BOM in raw)


class _Found:
    """What became of suspicious lines.

    Attributes:
        end: line from which on nothing is settled: a record may go on in the next block.
    """

    def __init__(self) -> None:
        self.end = 1 << 62
        self.taken_lines: set[int] = set()
        self._spanning: list[tuple[int, str]] = []
        self._rejects: list[tuple[int, str, str]] = []

    def reject(self, number: int, line: str, rule: str) -> None:
        """A line is no record."""
        self._rejects.append((number, line, rule))

    def span(self, number: int, lines: Sequence[str]) -> None:
        """A record spans some lines; those after the first are none of their own."""
        self._spanning.append((number, "\n".join(lines).removesuffix("\r")))
        self.taken_lines.update(range(number + 1, number + len(lines)))

    @property
    def taken(self) -> list[int]:
        """Lines that belong to a record which begins before them."""
        return sorted(self.taken_lines)

    @property
    def spanning(self) -> pl.DataFrame:
        """Records that span lines: ``_line`` of the first one, and ``line``."""
        return pl.DataFrame(
            self._spanning, schema={LINE: pl.Int64, "line": pl.String}, orient="row"
        )

    @property
    def rejects(self) -> pl.DataFrame:
        """Lines that are no records."""
        return rejects_of(row for row in self._rejects if row[0] not in self.taken_lines)


def _exact(block: Block, lines: pl.DataFrame) -> pl.Series | list[str]:
    """Lines as they came: a carriage return within quotes belongs to the field."""
    if b"\r\n" not in block.raw:
        return lines["line"]
    return block.raw.removesuffix(b"\n").decode(errors="replace").split("\n")


def _span(
    whole: re.Pattern[str], text: pl.Series | list[str], invalid: pl.Series, start: int
) -> int | None:
    """Where the well-formed record that starts at a line ends; None if there is none."""
    record = text[start]
    for at in range(start + 1, min(start + _MOST_LINES, len(text) - 1) + 1):
        if invalid[at]:
            return None
        record += "\n" + text[at]
        if whole.fullmatch(record.removesuffix("\r")):
            return at + 1
    return None


def _from(block: Block, line: int) -> bytes:
    """The bytes of a block from a line on, which is one of its last."""
    behind = block.first + block.count - line
    if behind <= 0:
        return b""
    at = len(block.raw) - block.raw.endswith(b"\n")
    for _ in range(behind):
        at = block.raw.rfind(b"\n", 0, at)
    return block.raw[at + 1 :]
