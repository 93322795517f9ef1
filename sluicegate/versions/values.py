"""Whether every value that one column accepts is accepted by another one of the same type.

Bounds, lists and equal patterns can be decided. A pattern that differs from another one, or a check
whose code does, cannot: then the answer is no, with the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import polars as pl

from sluicegate.versions.rules import ColumnRules

_MONEY = re.compile(r"Decimal\((\d+),(\d+)\)")
_INTEGER = re.compile(r"(U?)Int(\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = 1_000_000
_FEW = 1000
"""So many values of a range are looked at one by one."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """How values of a type are ordered.

    Attributes:
        place: where a text stands.
        steps: whether places are whole numbers, and every value stands on one.
        least, most: the ends of the type, where it has any.
    """

    place: Callable[[str], Any]
    steps: bool = False
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    """What bounds leave: pairs of a place and 1 or -1 where it is beyond it, so that they order."""

    low: tuple[Any, int] | None
    high: tuple[Any, int] | None

    @property
    def empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.low > self.high

    def within(self, other: _Range) -> bool:
        low = other.low is None or (self.low is not None and self.low >= other.low)
        return low and (other.high is None or (self.high is not None and self.high <= other.high))

    def holds(self, place: Any) -> bool:
        return _Range((place, 0), (place, 0)).within(self)


def why_not_within(narrow: ColumnRules, wide: ColumnRules) -> str:
    """Why not every value that one column accepts is, for sure, accepted by another.

    Absent values are another matter.

    Returns:
        The reason; empty if all of them are accepted.
    """
    scale = _scale(narrow.type)
    try:
        return _why_not(narrow, wide, scale)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        same = _bounds(narrow) == _bounds(wide) and narrow.isin == wide.isin
        same = same and narrow.matches == wide.matches and narrow.checks == wide.checks
        return "" if same else f"bounds of the type {narrow.type} cannot be compared"


def _why_not(narrow: ColumnRules, wide: ColumnRules, scale: _Scale) -> str:
    inside, around = _range(narrow, scale), _range(wide, scale)
    listed = _listed(narrow, inside, scale)
    if inside.empty or (listed is not None and not listed):
        return ""
    for name, code in wide.checks.items():
        if narrow.checks.get(name) != code:
            how = "has other code" if name in narrow.checks else "is on one side only"
            return f"the check {name!r} {how}"
    if listed is not None:
        return _first_refused(listed, wide, around, scale)
    outside = not inside.within(around)
    if outside or (wide.isin is not None and not _all_listed(inside, wide.isin, scale)):
        return f"{told(narrow)} is not within {told(wide)}"
    if wide.matches is not None and wide.matches != narrow.matches:
        return "the patterns differ" if narrow.matches else "a pattern is on one side only"
    return ""


def _listed(column: ColumnRules, inside: _Range, scale: _Scale) -> list[str] | None:
    """The values of a list that pass the column's other promises as far as they are known."""
    if column.isin is None:
        return None
    kept = [text for text in column.isin if inside.holds(scale.place(text))]
    return kept if column.matches is None else _matching(kept, column.matches)


def _first_refused(listed: Iterable[str], wide: ColumnRules, around: _Range, scale: _Scale) -> str:
    allowed = None if wide.isin is None else {scale.place(text) for text in wide.isin}
    for text in listed:
        place = scale.place(text)
        fits = around.holds(place) and (allowed is None or place in allowed)
        if not fits or (wide.matches is not None and not _matching([text], wide.matches)):
            return f"{text!r} is on one side only"
    return ""


def _matching(texts: list[str], pattern: str) -> list[str]:
    try:
        found = pl.Series(texts, dtype=pl.String).str.contains(f"^(?:{pattern})$")
    except pl.exceptions.ComputeError as error:
        raise ValueError(pattern) from error
    return [text for text, whole in zip(texts, found, strict=True) if whole]


def _all_listed(inside: _Range, listed: Iterable[str], scale: _Scale) -> bool:
    """Whether each place of a range is one of a list: only few can be, of those that count."""
    low, high = inside.low, inside.high
    if not scale.steps or low is None or high is None or high[0] - low[0] > _FEW:
        return False
    return set(range(low[0], high[0] + 1)) <= {scale.place(text) for text in listed}


def _range(column: ColumnRules, scale: _Scale) -> _Range:
    lows = [
        (scale.place(text), above)
        for text, above in ((column.gt, 1), (column.ge, 0))
        if text is not None
    ]
    highs = [
        (scale.place(text), -below)
        for text, below in ((column.lt, 1), (column.le, 0))
        if text is not None
    ]
    if scale.steps:
        # On whole steps, beyond one place is on the next.
        lows = [(math.floor(at) + 1 if above else math.ceil(at), 0) for at, above in lows]
        highs = [(math.ceil(at) - 1 if below else math.floor(at), 0) for at, below in highs]
        lows += [] if scale.least is None else [(scale.least, 0)]
        highs += [] if scale.most is None else [(scale.most, 0)]
    return _Range(max(lows, default=None), min(highs, default=None))


def _bounds(column: ColumnRules) -> tuple[str | None, ...]:
    return (column.gt, column.ge, column.lt, column.le)


def _scale(kind: str) -> _Scale:
    if kind in _SCALES:
        return _SCALES[kind]
    if money := _MONEY.fullmatch(kind):
        unit, most = 10 ** int(money[2]), 10 ** int(money[1]) - 1
        return _Scale(lambda text: Fraction(text) * unit, steps=True, least=-most, most=most)
    if integer := _INTEGER.fullmatch(kind):
        bits = int(integer[2]) - (not integer[1])
        least = 0 if integer[1] else -(2**bits)
        return _Scale(Fraction, steps=True, least=least, most=2**bits - 1)
    return _Scale(Decimal)


def _microseconds(text: str) -> Fraction:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return Fraction(since.days * 86_400 + since.seconds) * _MICROSECOND + since.microseconds


_SCALES = {
    "str": _Scale(str),
    "int": _Scale(Fraction, steps=True, least=-(2**63), most=2**63 - 1),
    "Date": _Scale(lambda text: date.fromisoformat(text).toordinal(), steps=True),
    "UtcTimestamp": _Scale(_microseconds, steps=True),
}


def told(column: ColumnRules) -> str:
    """What a column accepts, for people."""
    signs = zip((">", "≥", "<", "≤"), _bounds(column), strict=True)
    parts = [f"{sign} {text}" for sign, text in signs if text is not None]
    if column.isin is not None:
        parts.append(
            f"one of {len(column.isin)}" if len(column.isin) > 8 else " | ".join(column.isin)
        )
    if column.matches is not None:
        parts.append(f"matches {column.matches}")
    parts += [f"{name} ({text})" for name, text in sorted(column.checks.items())]
    return ", ".join(parts) or "anything"
