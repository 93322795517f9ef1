"""Rows as the bytes that a provider would send, in the format of a source."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from sluicegate.contracts import Column
from sluicegate.sources import LINE, Delimited, JsonPages, Ndjson, Parquet, Source
from sluicegate.sources.records import DUPLICATE_KEY, ENCODING, FIELDS, JSON, QUOTING

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
    if isinstance(source.format, Delimited):
        return (ENCODING, QUOTING, FIELDS)
    if isinstance(source.format, Ndjson | JsonPages):
        return (ENCODING, JSON, DUPLICATE_KEY)
    return ()


def write(source: Source, records: Sequence[Texts], file: Path) -> bool:
    """Write records, and after them one that is damaged for each rule of :func:`damages`.

    Returns whether the format is one that we can write.
    """
    match source.format:
        case Delimited() as format_:
            file.write_bytes(_delimited(format_, records))
        case Ndjson():
            file.write_bytes(b"\n".join([*map(_line, records), *_damaged_lines()]) + b"\n")
        case JsonPages(records=member):
            listed = b", ".join([*map(_line, records), *_damaged_members()])
            file.write_bytes(b'[{"%s": [%s]}]' % (member.encode(), listed))
        case Parquet():
            schema = dict.fromkeys(records[0], pl.String)
            pl.DataFrame(list(records), schema=schema, orient="row").write_parquet(file)
        case _:
            return False
    return True


def _delimited(format_: Delimited, records: Sequence[Texts]) -> bytes:
    names = list(records[0])
    text = io.StringIO()
    writer = csv.writer(text, delimiter=format_.delimiter, lineterminator="\n")
    if format_.header:
        writer.writerow(names)
    writer.writerows(record.values() for record in records)
    rest = format_.delimiter * (len(names) - 1)
    # By rule, in the order of damages(); what is not quoted as a whole may not hold a quote.
    return (
        text.getvalue().encode()
        + b"\xff%s\n" % rest.encode()
        + f'a"b"c{rest}\n'.encode()
        + f"a{rest}{format_.delimiter}\n".encode()
    )


def _line(record: Texts) -> bytes:
    """One JSON object; dots in names are members of members."""
    made: dict[str, Any] = {}
    for name, text in record.items():
        *outer, last = name.split(".")
        inner = made
        for each in outer:
            inner = inner.setdefault(each, {})
        inner[last] = text
    return json.dumps(made, ensure_ascii=False).encode()


def _damaged_lines() -> tuple[bytes, ...]:
    return (b'{"a": "\xff"}', b'{"a": ', b'{"a": "1", "a": "2"}')


def _damaged_members() -> tuple[bytes, ...]:
    return (b'{"a": "\\ud800"}', b'"a"', b'{"a": "1", "a": "2"}')
