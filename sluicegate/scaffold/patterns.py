"""Patterns: texts that all have the same shape, such as ``T000017``."""

from __future__ import annotations

import re
from itertools import groupby

import polars as pl

from sluicegate.contracts import ISO_4217
from sluicegate.dialect import Kind, kind_of

_LONGEST = 40
_SIGNS = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}
_SHAPE = re.compile(r"[9Aa ./_:-]*9[9Aa ./_:-]*|A{2,3}")
_HEX = "[0-9a-f]"
UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"

_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIME})
_LOOKED_AT = 1_000
_PREFIX = re.compile("[Aa]+(?=[^Aa])")
_CALENDAR = re.compile(
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)"
    "(?:t|uary|ruary|ch|il|e|y|ust|tember|ober|ember|day|sday|nesday|rsday|urday)?"
)
"""Names of months and days, which another file has others of."""


def pattern_of(texts: pl.Series, share: float) -> str | None:
    """The pattern that at least a share of some texts match; None if they have no shape.

    A prefix of letters that is the same in all of them stands for itself, as in ``T000017``. No
    other letter does, nor any digit: a month, a year or a unit is the same in one file, and
    another in the next.
    """
    if texts.is_empty():
        return None
    if float(texts.str.contains(f"^{UUID}$").mean() or 0) >= share:  # type: ignore[arg-type]
        return UUID
    shapes = (
        texts.str.replace_all("[0-9]", "9")
        .str.replace_all("[A-Z]", "A")
        .str.replace_all("[a-z]", "a")
    )
    counted = shapes.alias("shape").value_counts(sort=True)
    shape, count = counted.row(0)
    if count < share * len(texts) or len(shape) > _LONGEST or not _SHAPE.fullmatch(shape):
        return None
    values = texts.filter(shapes == shape).unique()
    kinds = [kind_of(value) in _MOMENTS for value in values.head(_LOOKED_AT)]
    if sum(kinds) >= share * len(kinds):
        return _of_moments(shape, values)
    prefix = _prefix(shape, values)
    return prefix + _spelled(shape[len(prefix) :])


def _prefix(shape: str, values: pl.Series) -> str:
    """The letters that identifiers begin with; none if they differ, or are a word of another kind.

    A currency or a month says what a value is, and not what it is called.
    """
    found = _PREFIX.match(shape)
    heads = values.str.slice(0, found.end() if found else 0).unique()
    if len(values) < 2 or len(heads) != 1:
        return ""
    head = str(heads[0])
    return "" if head.upper() in ISO_4217 or _CALENDAR.fullmatch(head.lower()) else head


def _of_moments(shape: str, values: pl.Series) -> str | None:
    """The pattern of days or times; None if months are spelled out, which have no one length."""
    if re.search("[Aa]{4}", shape):
        return None
    pattern = ""
    for run in re.finditer("9+|[^9]+", shape):
        heads = values.str.slice(run.start(), 1)
        if run.group() == "99" and not (heads == "0").any():
            # Nothing tells whether the first nine of a month are written with a nought.
            pattern += "[0-9]{1,2}"
        else:
            pattern += _spelled(run.group())
    return pattern


def _spelled(shape: str) -> str:
    runs = [(sign, len(list(run))) for sign, run in groupby(shape)]
    signs = {**_SIGNS, ".": r"\."}
    return "".join(
        f"{signs.get(sign, sign)}{{{times}}}" if times > 1 else signs.get(sign, sign)
        for sign, times in runs
    )
