"""Rows as the bytes that a provider would send, in the format of a source."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from sluicegate.contracts import Column
from sluicegate.sources import (
    LINE,
    Delimited,
    Excel,
    FixedWidth,
    Format,
    Json,
    JsonPages,
    Ndjson,
    Parquet,
    Source,
)
from sluicegate.sources.records import CELL, DUPLICATE_KEY, ENCODING, FIELDS, JSON, QUOTING, WIDTH
from sluicegate.testing.workbooks import Cell, Fault, workbook

Texts = dict[str, str | None]
"""A record: name at the source → text, or nothing."""

_UNREADABLE = {
    "decimal": "1.2.3",
    "integer": "1.5",
    "date": "2026-02-30",
    "timestamp": "soon",
    "zone": "2026-01-05T10:00:00",
}
"""Kind of value → a text that looks like it and is none."""


def unreadable(rule: str) -> str:
    """A text that breaks a rule of reading, such as ``amount:decimal``."""
    return _UNREADABLE[rule.rpartition(":")[2]]


def text_of(value: Any) -> str | None:
    """How a provider writes a value."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return None if value is None else str(value)


def record(columns: Sequence[Column], row: Mapping[str, Any]) -> Texts:
    """A row as it is sent; the place in the file is not sent."""
    return {each.reads: text_of(row[each.name]) for each in columns if each.reads != LINE}


def damages(source: Source) -> tuple[str, ...]:
    """The rules that records break which cannot be parsed, in the format of a source."""
    match source.format:
        case Delimited(encoding=encoding):
            return (*([ENCODING] if undecodable(encoding) else []), QUOTING, FIELDS)
        case FixedWidth(encoding=encoding):
            return (*([ENCODING] if undecodable(encoding) else []), WIDTH)
        case Json() | JsonPages() | Ndjson():
            return (ENCODING, JSON, DUPLICATE_KEY)
        case Excel():
            return (CELL, FIELDS)
        case _:
            return ()


def write(source: Source, records: Sequence[Texts], file: Path) -> bool:
    """Write records, and after them one that is damaged for each rule of :func:`damages`.

    Returns whether the format is one that we can write, and can say these records.
    """
    format_ = source.format
    if isinstance(format_, Parquet):
        schema = dict.fromkeys(records[0], pl.String)
        pl.DataFrame(list(records), schema=schema, orient="row").write_parquet(file)
        return True
    if isinstance(format_, Excel):
        content = _workbook(format_, records)
        file.write_bytes(content or b"")
        return content is not None
    text = _written(format_, records)
    if text is None:
        return False
    try:
        file.write_bytes(_encoded(text, getattr(format_, "encoding", "utf-8")))
    except UnicodeEncodeError:
        return False
    return True


def _written(format_: Format, records: Sequence[Texts]) -> str | None:
    match format_:
        case Delimited():
            return _delimited(format_, records)
        case FixedWidth():
            return _fixed_width(format_, records)
        case Ndjson():
            return "".join(f"{line}\n" for line in [*map(_line, records), *_DAMAGED_LINES])
        case Json():
            return _document(format_.records.split(".") if format_.records else [], records)
        case JsonPages():
            return f"[{_document([format_.records], records)}]"
        case _:
            return None


def _delimited(format_: Delimited, records: Sequence[Texts]) -> str:
    names = list(records[0])
    text = io.StringIO()
    writer = csv.writer(text, delimiter=format_.delimiter, lineterminator="\n")
    if format_.header:
        writer.writerow(names)
    writer.writerows(record.values() for record in records)
    rest = format_.delimiter * (len(names) - 1)
    # By rule, in the order of damages(); what is not quoted as a whole may not hold a quote.
    damaged = [f'a"b"c{rest}\n', f"a{rest}{format_.delimiter}\n"]
    if undecodable(format_.encoding):
        damaged.insert(0, f"{_DAMAGE}{rest}\n")
    return text.getvalue() + "".join(damaged)


def _fixed_width(format_: FixedWidth, records: Sequence[Texts]) -> str | None:
    """Lines; None if a value is wider than its column, or if its padding could not be told."""
    header: Texts = {n: n[: end - start + 1] for n, (start, end) in format_.spans.items()}
    lines = []
    for record in (header, *records)[not format_.header :]:
        line = " " * format_.least
        for name, text in record.items():
            start, end = format_.spans.get(name, (1, 0))
            if text and (len(text) > end - start + 1 or text != text.strip(" ") or "\n" in text):
                return None
            line = f"{line[: start - 1]:{start - 1}}{text or '':{end - start + 1}}{line[end:]}"
        lines.append(line)
    damaged = [f"{_DAMAGE:{format_.least}}"] if undecodable(format_.encoding) else []
    return "".join(f"{line}\n" for line in [*lines, *damaged, "x" * (format_.most + 1)])


def _workbook(format_: Excel, records: Sequence[Texts]) -> bytes | None:
    """A sheet of texts, dates and moments too; None if one of them is no text in XML."""
    rows: list[list[Cell]] = [[*record.values()] for record in records]
    if any(not str(cell).isprintable() for row in rows for cell in row):
        return None
    if format_.header_row is not None:
        above: list[list[Cell]] = [[]] * (format_.header_row - 1)
        rows = [*above, [*records[0]], *rows]
    rows += [[Fault("#REF!")], [*records[0], "beside"]]
    return workbook({format_.sheet or "Data": rows})


def _line(record: Texts) -> str:
    """One JSON object; dots in names are members of members."""
    made: dict[str, Any] = {}
    for name, text in record.items():
        *outer, last = name.split(".")
        inner = made
        for each in outer:
            inner = inner.setdefault(each, {})
        inner[last] = text
    return json.dumps(made, ensure_ascii=False)


def _document(path: Sequence[str], records: Sequence[Texts]) -> str:
    document = f"[{', '.join([*map(_line, records), *_DAMAGED_MEMBERS])}]"
    for member in reversed(path):
        document = f"{{{json.dumps(member)}: {document}}}"
    return document


_DAMAGED_LINES = ('{"a": "\\ud800"}', '{"a": ', '{"a": "1", "a": "2"}')
_DAMAGED_MEMBERS = ('{"a": "\\ud800"}', '"a"', '{"a": "1", "a": "2"}')

_DAMAGE = "\ud800"
"""Is written as bytes that are no character of an encoding."""


def undecodable(encoding: str) -> bytes:
    """Bytes that are no character of an encoding; none if all bytes are one."""
    with suppress(UnicodeEncodeError):
        return _DAMAGE.encode(encoding, errors="surrogatepass")
    for byte in range(0x80, 0x100):
        found = bytes([byte])
        try:
            found.decode(encoding)
        except UnicodeDecodeError:
            return found
    return b""


def _encoded(text: str, encoding: str) -> bytes:
    encoder = codecs.getincrementalencoder(encoding)()
    return undecodable(encoding).join(encoder.encode(part) for part in text.split(_DAMAGE))
