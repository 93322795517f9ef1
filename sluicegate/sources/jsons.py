"""JSON records, one by one; every number keeps the digits it was sent with.

Nested objects become columns with dotted names (``address.country``), lists stay JSON text that
tells numbers from texts. What is no object, says a name twice, holds a number that JSON does not
have (NaN), or is nested deeper than ``MOST_DEPTH`` is a reject with its text; so is what has that
within a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from sluicegate.errors import ProviderFailed
from sluicegate.sources.records import (
    DUPLICATE_KEY,
    ENCODING,
    JSON,
    LINE,
    Records,
    rejects_of,
)

MOST_DEPTH = 100
"""Objects and lists that may be within one another, the record among them.

How deep a parser gets depends on the interpreter and on who called it; what is rejected must not.
"""


class _Number(str):
    """A number, as it was written."""

    __slots__ = ()


class _Twice(dict[str, Any]):
    """An object that says a name twice."""


class _NotJson:
    """A number that JSON does not have."""


class _Unreadable(Exception):
    """A record that cannot be one; the argument is the rule that it breaks."""


def parse(text: str) -> Any:
    """Parse JSON; numbers stay the text they are, and what is no JSON is marked, not refused.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    return json.loads(
        text,
        parse_float=_Number,
        parse_int=_Number,
        parse_constant=lambda _: _NotJson(),
        object_pairs_hook=_object,
    )


def document(body: bytes, member: str, where: str) -> dict[str, Any]:
    """One page of an API, with the list of its records under ``member``.

    Raises:
        ProviderFailed: it is something else.
    """
    try:
        page: dict[str, Any] = parse(body.decode())
        _list(page, member)
    except (ValueError, RecursionError) as error:
        raise ProviderFailed(
            f"Expected a JSON object with a list called {member!r}.",
            where=where,
            hint="the provider changed its format; compare it with its documentation",
        ) from error
    return page


def _list(page: Any, member: str) -> list[Any]:
    found = page.get(member) if isinstance(page, dict) else None
    if not isinstance(found, list):
        raise ValueError(member)  # noqa: TRY004 - as a page that is no JSON
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _Twice(made)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A text that is no record, and the rule that it breaks."""

    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A value, and the text that it was sent as."""

    value: Any
    text: str


def one_by_one(lines: pl.DataFrame) -> Iterator[tuple[int, Sent | Rejected]]:
    """Parse lines (``_line``, ``line``), each by itself: what reading by shape is held against."""
    for number, line in lines.select(LINE, "line").iter_rows():
        try:
            yield number, Sent(parse(line), line)
        except (ValueError, RecursionError):
            yield number, Rejected(line, JSON)


def gathered(records: Iterable[tuple[int, Sent | Rejected]]) -> Records:
    """Bring records into columns; the header is every name that some record has."""
    header: dict[str, None] = {}
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    rejects: list[tuple[int, str, str]] = []
    for number, record in records:
        if isinstance(record, Rejected):
            rejects.append((number, record.text, record.rule))
            continue
        try:
            row = _flat(record.value)
        except _Unreadable as broken:
            rejects.append((number, record.text, str(broken)))
            continue
        header.update(dict.fromkeys(row))
        rows.append(row)
        numbers.append(number)
    schema = dict.fromkeys(header, pl.String)
    frame = pl.DataFrame(rows, schema=schema) if rows else pl.DataFrame(schema=schema)
    return Records(
        tuple(header),
        frame.with_columns(pl.Series(LINE, numbers, dtype=pl.Int64)),
        rejects_of(rejects),
        named=False,
    )


def _flat(value: Any) -> dict[str, str | None]:
    if not isinstance(value, dict):
        raise _Unreadable(JSON)
    row: dict[str, str | None] = {}
    for name, cell in _cells(value, "", 1):
        if name in row or name == LINE:
            raise _Unreadable(DUPLICATE_KEY)
        if not (_is_text(name) and _is_text(cell or "")):
            raise _Unreadable(ENCODING)
        row[name] = cell
    return row


def _cells(value: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str | None]]:
    _require_sound(value, depth)
    for name, cell in value.items():
        if isinstance(cell, dict):
            yield from _cells(cell, f"{prefix}{name}.", depth + 1)
        elif cell is None:
            yield f"{prefix}{name}", None
        elif isinstance(cell, str):
            # A number is a text from here on.
            yield f"{prefix}{name}", str(cell)
        else:
            yield f"{prefix}{name}", _dumped(cell, depth + 1)


def _require_sound(value: Any, depth: int) -> None:
    """Refuse what is nested too deep, says a name twice, or is a number that JSON does not have."""
    if isinstance(value, _NotJson) or depth > MOST_DEPTH:
        raise _Unreadable(JSON)
    if isinstance(value, _Twice):
        raise _Unreadable(DUPLICATE_KEY)


def _is_text(text: str) -> bool:
    """Half of a surrogate pair is no character, and a NUL ends a text elsewhere."""
    if text.isascii():
        return "\0" not in text
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


_plain = json.JSONEncoder(ensure_ascii=False).encode


def _dumped(value: Any, depth: int) -> str:
    """JSON of a value that :func:`parse` found, its numbers as they were written."""
    if isinstance(value, str):
        return str(value) if isinstance(value, _Number) else _quoted(value)
    if value is None or isinstance(value, bool):
        return _plain(value)
    _require_sound(value, depth)
    if isinstance(value, list):
        return f"[{', '.join([_dumped(each, depth + 1) for each in value])}]"
    members = [f"{_quoted(name)}: {_dumped(each, depth + 1)}" for name, each in value.items()]
    return f"{{{', '.join(members)}}}"


def _quoted(value: str) -> str:
    text = _plain(value)
    return text if _is_text(text) else json.dumps(value)
