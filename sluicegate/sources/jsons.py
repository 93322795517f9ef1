"""JSON records, as pages of an API or one by one; every number keeps the digits it was sent with.

Nested objects become columns with dotted names (``address.country``), lists stay JSON text. What is
no object, says a name twice, or holds a number that JSON does not have (NaN) is a reject with its
text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from sluicegate.errors import BatchRefused, ProviderFailed
from sluicegate.sources.records import (
    DUPLICATE_KEY,
    ENCODING,
    JSON,
    LINE,
    Records,
    rejects_of,
)


class _Twice(dict[str, Any]):
    """An object that says a name twice."""


class _NotJson:
    """A number that JSON does not have."""


class _Unreadable(Exception):
    """A record that cannot be one; the argument is the rule that it breaks."""


@dataclass(frozen=True, slots=True)
class JsonPages:
    """Pages of an API, archived as one JSON array of the documents that were sent.

    Attributes:
        records: member of each document that holds its records.
    """

    records: str = "data"

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        del columns
        try:
            pages = parse(content.read_text(encoding="utf-8"))
            lists = [_list(page, self.records) for page in pages]
        except (ValueError, RecursionError) as error:
            raise BatchRefused("The pages cannot be read as JSON.", where=name) from error
        yield from gathered(enumerate(chain.from_iterable(lists), 1)).parts(most)

    def count(self, content: Path) -> int:
        """None that could be told: pages are checked before they are archived."""
        del content
        return 0


def parse(text: str) -> Any:
    """Parse JSON; numbers stay the text they are, and what is no JSON is marked, not refused.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    return json.loads(
        text,
        parse_float=str,
        parse_int=str,
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


def gathered(records: Iterable[tuple[int, Any]]) -> Records:
    """Bring records into columns; the header is every name that some record has."""
    header: dict[str, None] = {}
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    rejects: list[tuple[int, str, str]] = []
    for number, record in records:
        if isinstance(record, Rejected):
            rejects.append((number, record.text, record.rule))
            continue
        value, text = (record.value, record.text) if isinstance(record, Sent) else (record, None)
        try:
            row = _flat(value)
        except _Unreadable as broken:
            rejects.append((number, text or _dumped(value), str(broken)))
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
    for name, cell in _cells(value, ""):
        if name in row or name == LINE:
            raise _Unreadable(DUPLICATE_KEY)
        if not (_is_text(name) and _is_text(cell or "")):
            raise _Unreadable(ENCODING)
        row[name] = cell
    return row


def _cells(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, _Twice):
        raise _Unreadable(DUPLICATE_KEY)
    for name, cell in value.items():
        if isinstance(cell, dict):
            yield from _cells(cell, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text(cell)


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, _NotJson):
        raise _Unreadable(JSON)
    if isinstance(cell, list):
        return _dumped(cell)
    raise AssertionError(type(cell))


def _is_text(text: str) -> bool:
    """Half of a surrogate pair is no character, and a NUL ends a text elsewhere."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=lambda _: "NaN")
    return text if _is_text(text) else json.dumps(value, default=lambda _: "NaN")
