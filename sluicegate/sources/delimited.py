"""Delimited text as it really is: records, and what cannot be one.

Every record that the source meant to send is either a row of text cells or a reject with its line
and its text; blank lines are neither. A record starts at a physical line, which is how people find
it again. Well-formed records are parsed by polars; only lines that look wrong are looked at one by
one, so that a broken quote costs one record and not the rest of the file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sluicegate.errors import BatchRefused, Bug, ContractError
from sluicegate.sources.records import ENCODING, FIELDS, LINE, QUOTING, Records, rejects_of
from sluicegate.sources.text import count_lines, decompressed, lines_of

_MOST_LINES = 50
"""Lines that one quoted record may span: an open quote must not swallow the file."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """Delimited UTF-8 text, gzip-compressed or not.

    Attributes:
        delimiter: the one character between fields.
        header: whether the first line that is not blank names the columns. If not, they are
            those of the contract, in its order.
    """

    delimiter: str = ","
    header: bool = True

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ContractError(
                f"{self.delimiter!r} cannot separate fields.",
                hint="write one character, such as ',' or ';'",
            )

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        given = None if self.header else tuple(column for column in columns if column != LINE)
        yield from read_delimited(content, delimiter=self.delimiter, name=name, header=given).parts(
            most
        )

    def count(self, content: Path) -> int:
        """Lines that are not blank, but for the header."""
        return max(0, count_lines(content) - self.header)


def read_delimited(
    content: Path | bytes,
    *,
    delimiter: str = ",",
    name: str = "",
    header: tuple[str, ...] | None = None,
) -> Records:
    """Read a delimited UTF-8 text, gzip-compressed or not.

    Args:
        header: the column names; by default its first line that is not blank says them.

    Raises:
        BatchRefused: it has no header, is a damaged gzip, or is no text at all.
    """
    raw = decompressed(content, name)
    lines = lines_of(raw, name)
    body = lines.filter(pl.col("line") != "")
    if body.is_empty():
        what = "" if header else ": it has not even a header"
        raise BatchRefused(f"The file is empty{what}.", where=name)
    if header is None:
        header, body = _header(body, delimiter, name), body.slice(1)
    pattern = _record_pattern(delimiter, len(header))
    # Only a line with a quote needs the regular expression; the others are counted.
    plain = (
        pl.col("line").str.count_matches(delimiter, literal=True) == len(header) - 1
    ) & ~pl.col("line").str.contains('"', literal=True)
    quoted = pl.col("line").str.contains('"', literal=True) & pl.col("line").str.contains(
        f"^{pattern}$"
    )
    judged = body.with_columns(good=(plain | quoted) & ~pl.col("invalid"))
    good, rejects = judged.filter("good"), judged.filter(~pl.col("good"))
    if not rejects.is_empty():
        spanning, swallowed, rejects = _look_closer(rejects, lines, raw, pattern)
        good = pl.concat(
            [good.filter(~pl.col(LINE).is_in(swallowed)).select(LINE, "line"), spanning]
        ).sort(LINE)
    else:
        rejects = rejects_of([])
    return Records(header, _parse(good, header, delimiter, name), rejects)


def _header(filled: pl.DataFrame, delimiter: str, name: str) -> tuple[str, ...]:
    try:
        (header,) = csv.reader([filled["line"][0]], delimiter=delimiter)
    except csv.Error as error:
        raise BatchRefused(
            f"The header cannot be read: {error}.",
            where=f"{name}, line {filled[LINE][0]}",
            hint="lines must end in a line feed, and the header must be one of them",
        ) from error
    names = tuple(column.strip() for column in header)
    twice = [n for n, column in enumerate(names, 1) if names.count(column) > 1 or not column]
    if twice:
        # By number: of a file without a header, what stands there are values of a row.
        raise BatchRefused(
            "The header names a column twice or not at all: "
            f"its columns {', '.join(map(str, twice))}.",
            where=f"{name}, line {filled[LINE][0]}",
        )
    return names


def _record_pattern(delimiter: str, width: int) -> str:
    """RFC 4180: fields are quoted as a whole, with quotes doubled, or hold no quote at all."""
    mark = re.escape(delimiter)
    one = rf'(?:"(?:[^"]|"")*"|[^"{mark}\n]*)'
    return rf"{one}(?:{mark}{one}){{{width - 1}}}"


def _look_closer(
    suspects: pl.DataFrame, lines: pl.DataFrame, raw: bytes, pattern: str
) -> tuple[pl.DataFrame, list[int], pl.DataFrame]:
    """Sort suspicious lines into records that span lines, the lines they took, and rejects."""
    whole = re.compile(pattern)
    quoting = re.compile(pattern.rpartition("{")[0] + "*")
    text, invalid = _exact(raw, lines), lines["invalid"]
    spanning: list[tuple[int, str]] = []
    rejects: list[tuple[int, str, str]] = []
    taken: set[int] = set()
    for number, line, bad in suspects.select(LINE, "line", "invalid").iter_rows():
        if number in taken:
            continue
        if bad:
            rejects.append((number, line, ENCODING))
        elif line.count('"') % 2 and (end := _span(whole, text, invalid, number)):
            record = "\n".join(text[number - 1 : end])
            spanning.append((number, record.removesuffix("\r")))
            taken.update(range(number + 1, end + 1))
        else:
            rejects.append((number, line, FIELDS if quoting.fullmatch(line) else QUOTING))
    return (
        pl.DataFrame(spanning, schema={LINE: pl.Int64, "line": pl.String}, orient="row"),
        sorted(taken),
        rejects_of([row for row in rejects if row[0] not in taken]),
    )


def _exact(raw: bytes, lines: pl.DataFrame) -> pl.Series | list[str]:
    """Lines as they came: a carriage return within quotes belongs to the field."""
    if b"\r\n" not in raw:
        return lines["line"]
    return raw.removesuffix(b"\n").decode(errors="replace").split("\n")


def _span(
    whole: re.Pattern[str], text: pl.Series | list[str], invalid: pl.Series, number: int
) -> int | None:
    """Last line of the well-formed record that starts at a line; None if there is none."""
    record = text[number - 1]
    for line in range(number + 1, min(number + _MOST_LINES, len(text)) + 1):
        if invalid[line - 1]:
            return None
        record += "\n" + text[line - 1]
        if whole.fullmatch(record.removesuffix("\r")):
            return line
    return None


def _parse(good: pl.DataFrame, header: tuple[str, ...], delimiter: str, name: str) -> pl.DataFrame:
    if good.is_empty():
        return pl.DataFrame(schema={**dict.fromkeys(header, pl.String), LINE: pl.Int64})
    if len(header) == 1:
        # With one column polars takes an empty quoted field for a blank line.
        inner = pl.col("line").str.slice(1, pl.col("line").str.len_chars() - 2)
        cells = good.select(
            pl.when(pl.col("line").str.starts_with('"'))
            .then(inner.str.replace_all('""', '"', literal=True))
            .otherwise("line")
            .alias(header[0])
        )
    else:
        cells = pl.read_csv(
            io.BytesIO(good.select(pl.col("line").str.join("\n")).item().encode()),
            has_header=False,
            new_columns=list(header),
            separator=delimiter,
            infer_schema=False,
        )
    if cells.height != good.height:
        raise Bug(f"{good.height} records were parsed into {cells.height} rows.", where=name)
    return cells.with_columns(good[LINE])
