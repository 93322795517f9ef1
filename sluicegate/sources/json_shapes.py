"""Shapes of JSON lines: the same members in the same order, whose values are found by place.

A line that has a shape is valid JSON (RFC 8259), says no name twice, and holds no character that is
none: the pattern says so in full, or the line does not match.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from sluicegate.sources.records import LINE

_ESCAPE = (
    r'\\(?:["\\/bfnrt]|u(?:[1-9a-cA-CeEfF][0-9a-fA-F]{3}|0[1-9a-fA-F][0-9a-fA-F]{2}'
    r"|00[1-9a-fA-F][0-9a-fA-F]|000[1-9a-fA-F]|[dD][0-7][0-9a-fA-F]{2}))"
)
"""Neither NUL nor half of a surrogate pair: those are for a closer look."""
_STRING = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_VALUE = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"

_SCALAR = re.compile(_VALUE)
_OPENING = re.compile(r"[ \t]*\{[ \t]*")
_NAME = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t]*:[ \t]*')
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_CLOSING = re.compile(r"[ \t]*\}[ \t]*")

_MOST_MEMBERS = 200

_TEXT = r'"([^"\\\x00-\x1f]*)"'
_BARE = rf"({_NUMBER}|true|false)"
_GROUPS = {"text": (f"(?:{_TEXT}|null)", 1), "bare": (f"(?:{_BARE}|null)", 1)}
"""A value without an escape, by what it is: how it is written, and how many groups that has."""
_ANY = (f"(?:{_TEXT}|{_BARE}|null)", 2)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is the same in many lines.

    Attributes:
        names: of the values, in their order; those of nested objects are joined with a dot.
        between: what stands before, between and after the values: one text more than there are
            values.
        kinds: whether each value is ``text``, ``bare`` (a number, true or false), or ``any`` of
            them; each may be null.
    """

    names: tuple[str, ...]
    between: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def wider(self) -> Shape:
        """The same, where each value may be of any kind."""
        return replace(self, kinds=("any",) * len(self.names))

    def read(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """The values of the lines that have this shape, the numbers as they were written.

        Args:
            lines: ``_line`` and ``line``.

        Returns:
            A column of texts a name and ``_line``, in their order; and which lines they are of.
        """
        found = lines["line"].str.extract_groups(self._plain()).struct.unnest()
        # The last group is there in every line that has the shape, and empty.
        same = found[:, -1].is_not_null()
        cells = self._cells(found).with_columns(lines[LINE])
        if same.all():
            return cells, same
        escaped = ~same & lines["line"].str.contains("\\", literal=True)
        if escaped.any():
            whole = _VALUE.join(re.escape(text) for text in self.between)
            escaped &= lines["line"].str.contains(f"^{whole}$")
        parts = [cells.filter(same), self._parsed(lines.filter(escaped))]
        return pl.concat(parts).sort(LINE), same | escaped

    def _plain(self) -> str:
        values = (_GROUPS.get(kind, _ANY)[0] for kind in self.kinds)
        first, *others = map(re.escape, self.between)
        pairs = zip(values, others, strict=True)
        return f"^{first}{''.join(value + text for value, text in pairs)}()$"

    def _cells(self, found: pl.DataFrame) -> pl.DataFrame:
        columns, at = [], 0
        for name, kind in zip(self.names, self.kinds, strict=True):
            groups = _GROUPS.get(kind, _ANY)[1]
            columns.append(pl.coalesce(found.columns[at : at + groups]).alias(name))
            at += groups
        return found.select(columns)

    def _parsed(self, lines: pl.DataFrame) -> pl.DataFrame:
        rows = [
            [_text(value) for value in _leaves(json.loads(line, parse_int=str, parse_float=str))]
            for line in lines["line"]
        ]
        cells = pl.DataFrame(rows, schema=dict.fromkeys(self.names, pl.String), orient="row")
        return cells.with_columns(lines[LINE])


def _leaves(record: dict[str, Any]) -> Iterator[Any]:
    for value in record.values():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield value


def _text(value: str | bool | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return "true" if value else "false"


def shape_of(line: str) -> Shape | None:
    """The shape of a line; None if it has none: it is no record, or says more than plain values."""
    names: list[str] = []
    between: list[str] = []
    kinds: list[str] = []
    path: list[str] = []
    at, start = _end(_OPENING, line, 0), 0
    while at is not None and len(names) < _MOST_MEMBERS:
        member = _NAME.match(line, at)
        if not member:
            return None
        path.append(member[1])
        at = member.end()
        if (inner := _end(_OPENING, line, at)) is not None:
            at = inner
            continue
        value = _SCALAR.match(line, at)
        if not value:
            return None
        names.append(".".join(path))
        between.append(line[start:at])
        kinds.append({'"': "text", "n": "any"}.get(value[0][0], "bare"))
        start = at = value.end()
        path.pop()
        while (closed := _end(_CLOSING, line, at)) is not None:
            at = closed
            if not path:
                between.append(line[start:])
                return _shape(names, between, kinds) if at == len(line) else None
            path.pop()
        at = _end(_COMMA, line, at)
    return None


def _end(pattern: re.Pattern[str], line: str, at: int) -> int | None:
    found = pattern.match(line, at)
    return found.end() if found else None


def _shape(names: list[str], between: list[str], kinds: list[str]) -> Shape | None:
    if len(set(names)) < len(names) or LINE in names:
        return None
    return Shape(tuple(names), tuple(between), tuple(kinds))
