"""Bounds and lists of values that let everything pass, or nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandera.polars as pa
import polars as pl

from sluicegate.contracts.kinds import BOUNDS, is_builtin
from sluicegate.contracts.ranges import holds, is_known, limits, step
from sluicegate.errors import ContractError

JUDGED = frozenset({*BOUNDS, "isin"})
"""Checks of pandera's of which all is known here."""

_BELOW = ("gt", "ge")

_MOST_LISTED = 10_000
"""Values that a list may have: they are part of the query that audits a table."""

Interval = tuple[Any, Any]
"""The first and the last value, counted in steps of a type; nothing, if the last is before."""

_EVERYTHING: Interval = (-math.inf, math.inf)
_NOTHING: Interval = (math.inf, -math.inf)


@dataclass(frozen=True, slots=True)
class _Bound:
    called: str
    value: Any

    def __str__(self) -> str:
        return f"{self.called}={self.value}"


def listed(isin: Collection[Any]) -> list[Any]:
    """The values that a column may have, in order.

    Raises:
        ContractError: there are none, one is there twice, or they are no list of one kind.
    """
    if isinstance(isin, str):
        raise ContractError(
            f"isin={isin!r} is one text, not a list of values.", hint=f"write isin=({isin!r},)"
        )
    if len(isin) > _MOST_LISTED:
        raise ContractError(
            f"isin= lists {len(isin):,} values; at most {_MOST_LISTED:,} can be judged row by row.",
            hint="keep such a list as a dataset of its own, and refer to it: references=...",
        )
    if not isin:
        raise ContractError("isin=() lets no value pass.", hint="name values, or leave it out")
    try:
        value, times = Counter(isin).most_common(1)[0]
        ordered = sorted(isin)
    except TypeError as error:
        raise ContractError(
            "isin= lists values of several types, or an absent one.",
            hint="list values of the column's type; nullable=True is for what may be absent",
        ) from error
    if times > 1:
        raise ContractError(f"isin= lists {value!r} twice.", hint="list each value once")
    return ordered


def require_bounds_that_count(
    column: str, dtype: pl.DataType, checks: Collection[pa.Check], matches: str | None, where: str
) -> None:
    """Refuse what every value of a column keeps, or none, or what says again what another says.

    Raises:
        ContractError: a bound or a list does that.
    """
    told = f"The column {column!r}"
    given = {str(check.name): check.statistics or {} for check in checks if is_builtin(check)}
    bounds = [
        _Bound(BOUNDS[name].kind, values[BOUNDS[name].argument])
        for name, values in given.items()
        if name in BOUNDS
    ]
    _require_bounds(told, bounds, dtype, where)
    if "isin" not in given:
        return
    _require_list(told, list(given["isin"]["allowed_values"]), dtype, where)
    beside = [*map(str, bounds), *([] if matches is None else [f"matches={matches!r}"])]
    if beside:
        raise ContractError(
            f"{told} has isin= and {beside[0]}: what is listed never breaks that, or never passes.",
            where=where,
            hint="leave one of the two out",
        )


def require_data_that_count(
    column: str, dtype: pl.DataType, example: Any, breaks: Sequence[Any], where: str
) -> None:
    """Refuse ``example=`` and ``breaks=`` that are no values of a column.

    Raises:
        ContractError: one of them is of another type.
    """
    for value in (example, *breaks):
        if is_known(dtype) and value is not None and not holds(dtype, value):
            raise ContractError(
                f"The column {column!r} is of the type {dtype}, and {value!r} is not.",
                where=where,
                hint="give example= and breaks= values as a row of the table would have them",
            )


def _require_bounds(told: str, bounds: list[_Bound], dtype: pl.DataType, where: str) -> None:
    for bound in bounds:
        if not _comparable(bound.value, dtype):
            raise ContractError(
                f"{told} is of the type {dtype}, and {bound.called}={bound.value!r} is not.",
                where=where,
                hint="write a bound of the column's type; a moment needs its zone: tzinfo=UTC",
            )
    for side in (True, False):
        same = [bound for bound in bounds if (bound.called in _BELOW) is side]
        if len(same) > 1:
            raise ContractError(
                f"{told} is bounded twice on one side: {same[0]} and {same[1]}.",
                where=where,
                hint="leave out the one that lets more pass",
            )
    whole = left = _whole(dtype)
    for bound in bounds:
        kept = _kept(bound, dtype)
        if kept[0] <= whole[0] and kept[1] >= whole[1]:
            raise ContractError(
                f"{told} cannot break {bound}: every value of its type keeps it.",
                where=where,
                hint="write the bound that is meant, or leave it out",
            )
        left = (max(left[0], kept[0]), min(left[1], kept[1]))
    if left[0] > left[1]:
        raise ContractError(
            f"{told} has no value that keeps {' and '.join(map(str, bounds))}.",
            where=where,
            hint="write the bounds that are meant; gt and lt do not let the bound itself pass",
        )


def _comparable(value: Any, dtype: pl.DataType) -> bool:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return dtype.is_numeric() and not math.isnan(value)
    return holds(dtype, value)


def _whole(dtype: pl.DataType) -> Interval:
    ends = limits(dtype)
    return _EVERYTHING if ends is None else (_steps(ends[0], dtype), _steps(ends[1], dtype))


def _kept(bound: _Bound, dtype: pl.DataType) -> Interval:
    """What a bound lets pass; everything, where nothing can be told of the type's values."""
    at = _steps(bound.value, dtype)
    if (bound.called, at) in (("gt", math.inf), ("lt", -math.inf)) or (
        bound.called == "lt" and bound.value == ""
    ):
        return _NOTHING
    if bound.called == "ge" and bound.value == "":
        return _EVERYTHING
    if at is None:
        # Neither end of the texts is known: what is left may still be anything.
        return (0, math.inf) if bound.called in _BELOW else (-math.inf, 0)
    if dtype.is_float() or at in _EVERYTHING:
        up, down = math.nextafter(at, math.inf), math.nextafter(at, -math.inf)
        first, last = (up if up > at else math.nan), (down if down < at else math.nan)
    else:
        first, last = math.floor(at) + 1, math.ceil(at) - 1
        at = math.ceil(at) if bound.called == "ge" else math.floor(at)
    return {
        "gt": (first, math.inf),
        "ge": (at, math.inf),
        "lt": (-math.inf, last),
        "le": (-math.inf, at),
    }[bound.called]


def _steps(value: Any, dtype: pl.DataType) -> Any:
    """A value counted in the steps of a type; None where there are no steps to count."""
    if isinstance(value, int | float | Decimal):
        if dtype.is_float() or math.isinf(value):
            return float(value)
        return Fraction(str(value)) / Fraction(str(step(dtype)))
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=value.tzinfo or UTC)
        return Fraction((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    return Fraction(value.toordinal()) if isinstance(value, date) else None


def _require_list(told: str, values: list[Any], dtype: pl.DataType, where: str) -> None:
    if not values:
        raise ContractError(
            f"{told} has no value that isin= lists.", where=where, hint="name values"
        )
    for value in values:
        if not holds(dtype, value):
            raise ContractError(
                f"{told} is of the type {dtype}, and isin= lists {value!r}, which is not.",
                where=where,
                hint="list values of the column's type, no more exact than it keeps them",
            )
    ends = limits(dtype)
    if (dtype == pl.Boolean and len(values) == 2) or (
        ends and dtype.is_integer() and len(values) > ends[1] - ends[0]
    ):
        raise ContractError(
            f"{told} cannot break isin=: every value of its type is listed.",
            where=where,
            hint="leave it out; whether a value may be absent is said by nullable=",
        )
