"""Shapes of JSON lines: the same members in the same order, whose values are found by place.

A line that has a shape is valid JSON (RFC 8259), says no name twice, and holds no character that is
none: the pattern says so in full, or the line does not match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from sluicegate.sources.jsons import MOST_DEPTH, gathered, one_by_one
from sluicegate.sources.records import LINE

_ESCAPE = (
    r'\\(?:["\\/bfnrt]|u(?:[1-9a-cA-CeEfF][0-9a-fA-F]{3}|0[1-9a-fA-F][0-9a-fA-F]{2}'
    r"|00[1-9a-fA-F][0-9a-fA-F]|000[1-9a-fA-F]|[dD][0-7][0-9a-fA-F]{2}))"
)
"""Neither NUL nor half of a surrogate pair: those are for a closer look."""
_STRING = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'
NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_VALUE = rf"(?:{_STRING}|{NUMBER}|true|false|null)"

_SCALAR = re.compile(_VALUE)
_OPENING = re.compile(r"[ \t]*\{[ \t]*")
_NAME = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t]*:[ \t]*')
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_CLOSING = re.compile(r"[ \t]*\}[ \t]*")

_MOST_MEMBERS = 200
_MOST_BETWEEN = 64 << 10
"""Bytes around the values of a shape. A pattern of more may be one that cannot be compiled."""

_TEXT = r'"([^"\\\x00-\x1f]*)"'
_BARE = rf"({NUMBER}|true|false)"
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
        plain = cells.filter(same)
        escaped = ~same & lines["line"].str.contains("\\", literal=True)
        if escaped.any():
            whole = _VALUE.join(re.escape(text) for text in self.between)
            escaped &= lines["line"].str.contains(f"^{whole}$")
        parsed = self._parsed(lines.filter(escaped))
        same |= lines[LINE].is_in(parsed[LINE].implode())
        return pl.concat([plain, parsed]).sort(LINE), same

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
        """What these lines are one by one; what is no such record there is left to that reader."""
        found = gathered(one_by_one(lines))
        if set(found.header) != set(self.names):
            return pl.DataFrame(schema={**dict.fromkeys(self.names, pl.String), LINE: pl.Int64})
        return found.rows[[*self.names, LINE]]


class _Shapeless(Exception):
    """A line that has no shape."""


def shape_of(line: str) -> Shape | None:
    """The shape of a line; None if it has none.

    It is no record then, says more than plain values, or is one that is read by itself: its names
    have escapes, are many, or are nested or together long beyond what a pattern is made of.
    """
    names: list[str] = []
    between: list[str] = []
    kinds: list[str] = []
    start, room = 0, _MOST_BETWEEN
    try:
        for path, at, end in _values(line):
            between.append(line[start:at])
            room -= len(between[-1].encode())
            if room < 0 or len(names) == _MOST_MEMBERS:
                return None
            names.append(".".join(path))
            kinds.append({'"': "text", "n": "any"}.get(line[at], "bare"))
            start = end
    except _Shapeless:
        return None
    between.append(line[start:])
    if len(line) - start > room or len(set(names)) < len(names) or LINE in names:
        return None
    return Shape(tuple(names), tuple(between), tuple(kinds))


def _values(line: str) -> Iterator[tuple[list[str], int, int]]:
    """The names that lead to each plain value, and where it begins and ends.

    Raises:
        _Shapeless: the line is no object of such values, or says a name twice in an object.
    """
    path: list[str] = []
    said: list[set[str]] = [set()]
    at = _match(_OPENING, line, 0).end()
    while True:
        member = _match(_NAME, line, at)
        if member[1] in said[-1] or len(said) > MOST_DEPTH:
            raise _Shapeless
        said[-1].add(member[1])
        path.append(member[1])
        if opening := _OPENING.match(line, member.end()):
            said.append(set())
            at = opening.end()
            continue
        value = _match(_SCALAR, line, member.end())
        yield path, value.start(), value.end()
        at = value.end()
        path.pop()
        while closing := _CLOSING.match(line, at):
            at = closing.end()
            said.pop()
            if not said:
                if at < len(line):
                    raise _Shapeless
                return
            path.pop()
        at = _match(_COMMA, line, at).end()


def _match(pattern: re.Pattern[str], line: str, at: int) -> re.Match[str]:
    found = pattern.match(line, at)
    if not found:
        raise _Shapeless
    return found
