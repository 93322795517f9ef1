"""What a cell looks like: a number, a moment, a word. Nothing is converted here."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """A simple type, as a text shows it."""

    EMPTY = "empty"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    TEXT = "text"
    ODD = "odd"
    """Nothing that one expects in a cell: half a quote, or another delimiter."""


_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]m)?"
_ZONE = r"(?: ?(?:z|utc|gmt|[+-]\d{2}:?\d{2}))?"
_DATE = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}[- /]{_MONTH}[- /,]+(?:\d{{4}}|\d{{2}})|{_MONTH}[- ]\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}}"
)
_EXPONENT = r"(?:e[+-]?\d+)?"
_SIGN = "[-+\u2212]?"
_GROUPS = "([,.' \u00a0\u202f])\\d{3}(?:\\1\\d{3})*"
_MONEY = r"[£$€¥]? ?"

_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (Kind.INTEGER, rf"{_SIGN}\d+"),
        (
            Kind.DECIMAL,
            rf"\(?{_SIGN}{_MONEY}{_SIGN}(?:\d+[.,]?\d*|[.,]\d+){_EXPONENT} ?[%€£$]?\)?",
        ),
        (
            Kind.DECIMAL,
            rf"\(?{_SIGN}{_MONEY}{_SIGN}\d{{1,3}}{_GROUPS}(?:[.,]\d+)? ?[%€£$]?\)?",
        ),
        (Kind.DECIMAL, rf"{_SIGN}(?:nan|inf(?:inity)?)"),
        (Kind.BOOLEAN, "true|false|yes|no"),
        (Kind.DATE, _DATE),
        (Kind.TIMESTAMP, rf"(?:{_DATE})[t ]+{_TIME}{_ZONE}"),
        (Kind.TIME, _TIME),
    )
)

_LONGEST = 40
"""Characters of the longest number or moment."""

_MISSING = frozenset({"n/a", "na", "null", "none", "nil", "-", "--", "..", ".", "?", "*"})
_ORDINARY = re.compile(r"[^\W_][^,;|\t\"\x00-\x1f]*|[(\[<#/@.*&+~_-]+ ?[^\W_][^,;|\t\"\x00-\x1f]*")


@lru_cache(maxsize=1 << 15)
def kind_of(cell: str) -> Kind:
    """What a cell looks like."""
    text = cell.strip()
    if not text or text.casefold() in _MISSING:
        return Kind.EMPTY
    if len(text) <= _LONGEST and (
        text.lstrip("+-").isalpha() or any(char.isdigit() for char in text)
    ):
        for kind, pattern in _PATTERNS:
            if pattern.fullmatch(text):
                return kind
    return Kind.TEXT if _ORDINARY.fullmatch(text) else Kind.ODD


NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
TYPED = NUMBERS | {Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP, Kind.TIME}
"""Kinds that a name of a column hardly has."""

_ALSO: dict[Kind, frozenset[Kind]] = {
    Kind.DECIMAL: frozenset({Kind.INTEGER}),
    Kind.TIMESTAMP: frozenset({Kind.DATE}),
    Kind.BOOLEAN: frozenset({Kind.INTEGER}),
}


def passes(kind: Kind, wanted: Kind) -> bool:
    """Whether what looks like one kind can be of another."""
    return kind is wanted or wanted is Kind.TEXT or kind in _ALSO.get(wanted, ())
