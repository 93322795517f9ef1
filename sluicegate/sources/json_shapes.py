"""Shapes of JSON lines: the same members in the same order, whose values are found by place.

A line that has a shape is valid JSON (RFC 8259), says no name twice, and holds no character that is
none: the pattern says so in full, or the line does not match.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from sluicegate.errors import Bug
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
_NAME = re.compile(r'"([^"\\\x00-\x1f,]*)"[ \t]*:[ \t]*')
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_CLOSING = re.compile(r"[ \t]*\}[ \t]*")

_MOST_MEMBERS = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """What is the same in many lines.

    Attributes:
        names: of the values, in their order; those of nested objects are joined with a dot.
        between: what stands before, between and after the values: one text more than there are
            values. Each of those between holds one comma.
    """

    names: tuple[str, ...]
    between: tuple[str, ...]

    def recognises(self, lines: pl.Series) -> pl.Series:
        """Which lines have this shape."""
        pattern = _VALUE.join(re.escape(text) for text in self.between)
        return lines.str.contains(f"^{pattern}$")

    def cells(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The values of lines of this shape as texts, the numbers as they were written.

        Args:
            lines: ``_line`` and ``line``.

        Returns:
            A column a name and ``_line``; in no order.
        """
        line = pl.col("line")
        plain = lines.select(
            plain=(line.str.count_matches(",", literal=True) == len(self.names) - 1)
            & ~line.str.contains("\\", literal=True)
        )["plain"]
        simple = lines.filter(plain)
        raw = simple.select(pl.col("line").str.join("\n")).item() or ""
        found = self.cells_at_once(raw.encode(), simple[LINE])
        if found is None:
            raise Bug(f"{simple.height} lines of one shape could not be cut at their commas.")
        return pl.concat([found, self._parsed(lines.filter(~plain))])

    def cells_at_once(self, raw: bytes, places: pl.Series) -> pl.DataFrame | None:
        """The same for bytes of which every line has this shape.

        Args:
            places: ``_line`` of each.

        Returns:
            None if some line has a comma within a value, or an escape.
        """
        schema = dict.fromkeys(self.names, pl.String)
        if not raw:
            return pl.DataFrame(schema={**schema, LINE: pl.Int64})
        if b"\\" in raw or raw.count(b",") != (len(self.names) - 1) * len(places):
            return None
        if b"\r" in raw:
            raw = raw.replace(b"\r\n", b"\n")
        cut = pl.read_csv(raw, has_header=False, schema=schema, quote_char=None)
        before = [self.between[0], *(text.partition(",")[2] for text in self.between[1:-1])]
        after = [*(text.partition(",")[0] for text in self.between[1:-1]), self.between[-1]]
        return cut.select(
            *(
                _value(cut[name], prefix, suffix)
                for name, prefix, suffix in zip(self.names, before, after, strict=True)
            ),
            places,
        )

    def _parsed(self, lines: pl.DataFrame) -> pl.DataFrame:
        rows = [
            [_text(value) for value in _leaves(json.loads(line, parse_int=str, parse_float=str))]
            for line in lines["line"]
        ]
        cells = pl.DataFrame(rows, schema=dict.fromkeys(self.names, pl.String), orient="row")
        return cells.with_columns(lines[LINE])


def _value(cells: pl.Series, prefix: str, suffix: str) -> pl.Series:
    """What stands between two texts, without its quotes; ``null`` is no value."""
    cell = pl.col(cells.name)
    text = cell.str.strip_prefix(f'{prefix}"').str.strip_suffix(f'"{suffix}')
    if cells.str.starts_with(f'{prefix}"').all():
        return cells.to_frame().select(text).to_series()
    bare = cell.str.strip_prefix(prefix).str.strip_suffix(suffix)
    value = pl.when(cell.str.starts_with(f'{prefix}"')).then(text).when(bare != "null").then(bare)
    return cells.to_frame().select(value).to_series()


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
        start = at = value.end()
        path.pop()
        while (closed := _end(_CLOSING, line, at)) is not None:
            at = closed
            if not path:
                return _shape(names, [*between, line[start:]]) if at == len(line) else None
            path.pop()
        at = _end(_COMMA, line, at)
    return None


def _end(pattern: re.Pattern[str], line: str, at: int) -> int | None:
    found = pattern.match(line, at)
    return found.end() if found else None


def _shape(names: list[str], between: list[str]) -> Shape | None:
    if len(set(names)) < len(names) or LINE in names:
        return None
    return Shape(tuple(names), tuple(between))
