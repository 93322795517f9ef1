"""Delimited text as it really is: records, and what cannot be one.

Every record that the source meant to send is either a row of text cells or a reject with its line
and its text; blank lines are neither. A record starts at a physical line, which is how people find
it again. Well-formed records are parsed by polars; only lines that look wrong are looked at one by
one, so that a broken quote costs one record and not the rest of the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sluicegate.errors import BatchRefused, Bug

LINE = "_line"
ENCODING = "record:encoding"
QUOTING = "record:quoting"
FIELDS = "record:fields"

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_MOST_LINES = 50
"""Lines that one quoted record may span: an open quote must not swallow the file."""

_MOST_BYTES = 4 << 30
"""Decompressed size at which a file is taken for a decompression bomb."""


@dataclass(frozen=True, slots=True)
class Records:
    """What one delimited text holds.

    Attributes:
        header: column names as sent.
        rows: one text column a header name, and ``_line``, the physical line (from 1) at which
            the record starts.
        rejects: ``_line``, ``text`` and ``rule`` of every record that could not be parsed.
    """

    header: tuple[str, ...]
    rows: pl.DataFrame
    rejects: pl.DataFrame

    @property
    def count(self) -> int:
        """Number of records, parsed or not."""
        return self.rows.height + self.rejects.height


def read_delimited(content: Path | bytes, *, delimiter: str = ",", name: str = "") -> Records:
    """Read a delimited UTF-8 text with a header line, gzip-compressed or not.

    Raises:
        BatchRefused: it has no header, is a damaged gzip, or is no text at all.
    """
    raw = _decompressed(content if isinstance(content, bytes) else content.read_bytes(), name)
    raw = raw.removeprefix(_BOM)
    lines = _lines(raw, name)
    filled = lines.filter(pl.col("line") != "")
    if filled.is_empty():
        raise BatchRefused("The file is empty: it has not even a header.", where=name)
    header = _header(filled, delimiter, name)
    body = filled.slice(1)
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
        rejects = _rejects([])
    return Records(header, _parse(good, header, delimiter, name), rejects)


def count_lines(content: Path) -> int:
    """Records that a text which cannot be read must have meant to send: lines but for the first.

    What a damaged gzip yields before it breaks off counts; blank lines do not.
    """
    count = 0
    with content.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        lines = gzip.GzipFile(fileobj=raw) if packed else raw
        with suppress(EOFError, zlib.error, gzip.BadGzipFile):
            for line in lines:
                count += bool(line.strip())
    return max(0, count - 1)


def _decompressed(raw: bytes, name: str) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            text = stream.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BatchRefused(
            "The file is a damaged or truncated gzip.",
            where=name,
            hint="have the provider send it again",
        ) from error
    if len(text) > _MOST_BYTES:
        raise BatchRefused(
            f"The file decompresses to more than {_MOST_BYTES >> 30} GiB.",
            where=name,
            hint="have the provider split it",
        )
    return text


def _lines(raw: bytes, name: str) -> pl.DataFrame:
    """Physical lines with their numbers, and whether each is not UTF-8."""
    if b"\0" in raw[:4096]:
        raise BatchRefused("The file is binary, not delimited text.", where=name)
    try:
        lines = pl.read_lines(io.BytesIO(raw), name="line") if raw else pl.DataFrame({"line": []})
        invalid: pl.Series | bool = False
    except pl.exceptions.ComputeError:
        texts, flags = _decoded(raw)
        lines, invalid = pl.DataFrame({"line": texts}), pl.Series(flags)
    return lines.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE),
        pl.col("line").cast(pl.String).str.strip_suffix("\r"),
        invalid=invalid if isinstance(invalid, pl.Series) else pl.lit(invalid),
    )


def _decoded(raw: bytes) -> tuple[list[str], list[bool]]:
    texts, flags = [], []
    for line in raw.removesuffix(b"\n").split(b"\n"):
        try:
            texts.append(line.decode())
            flags.append(False)
        except UnicodeDecodeError:
            # The escapes keep every byte, so that the record can be repaired and replayed.
            texts.append(line.decode(errors="backslashreplace"))
            flags.append(True)
    return texts, flags


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
    twice = sorted({column for column in names if names.count(column) > 1 or not column})
    if twice:
        listed = ", ".join(repr(column) for column in twice)
        raise BatchRefused(
            f"The header names a column twice or not at all: {listed}.",
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
        _rejects([row for row in rejects if row[0] not in taken]),
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


def _rejects(rows: list[tuple[int, str, str]]) -> pl.DataFrame:
    schema = {LINE: pl.Int64, "text": pl.String, "rule": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


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
