"""Values to try on a column: on both sides of every bound, and what people get wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from sluicegate.contracts.ranges import holds, is_known, step
from sluicegate.testing.patterns import damaged, texts_of

MANY = 120
"""Values that differ, for columns that identify rows."""

_DAY = date(2026, 1, 5)
"""A Monday."""

_MOMENT = datetime(2026, 1, 5, tzinfo=UTC)
_NUMBERS = (1, 0, 2, -1, 3, 5, 7, 10, 30, 100, 365, 1000, -2, -10, -1000, 10**6, 10**9)
_TEXTS = (
    *("a", "b", "A", "x1", "0", "7", "42", "-1", "a b", "ä", "no such value", " ", "a" * 300),
    *("DE", "FR", "XX", "EUR", "ann@example.org", "ann", "2026-01-05", "true", "NULL"),
    *("DE89370400440532013000", "FR1420041010050500013M02606", "GB29NWBK60161331926819"),
    *("DE00370400440532013000", "DE8937040044053201300", "de89370400440532013000"),
    *("4111111111111111", "4111111111111112", "5500005555555559", "79927398713", "79927398710"),
    *("9780306406157", "9780306406158", "https://example.org/a", "ftp://example.org", "1.5"),
    *("123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-42d3-a456-42661417400"),
    *("5493001KJTIIGC8Y1R12", "5493001KJTIIGC8Y1R13", "DEUTDEFF", "DEUTDEFF500", "DEUTDEF"),
)
"""Right and wrong ones of what texts often are: countries, accounts, cards, books, addresses."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What a declaration says of the values of a column.

    Attributes:
        examples: values that were given by hand; they come first.
        bounds: that values are compared with, by its checks and by rules over several columns.
        listed: values that are allowed.
        pattern: that texts must match.
        many: whether the column should have many good values, because it identifies rows.
        blank: whether a text may be empty, which text files cannot tell from an absent value.
    """

    examples: tuple[Any, ...] = ()
    bounds: tuple[Any, ...] = ()
    listed: tuple[Any, ...] = ()
    pattern: str | None = None
    many: bool = False
    blank: bool = True


def candidates(dtype: pl.DataType, hints: Hints) -> list[Any]:
    """Values of a type that are worth trying, each once, the likeliest good ones first.

    An absent value is not among them. Of a type that we know no values of, those given by hand.
    """
    if not is_known(dtype):
        return list(hints.examples)
    made = (*hints.listed, *_near(hints.listed, dtype), *_near(hints.bounds, dtype))
    tried = [*hints.examples, *made, *_usual(dtype, hints)]
    held = (_as(dtype, value) for value in tried if holds(dtype, value))
    return list(dict.fromkeys(value for value in held if hints.blank or value != ""))


def _as(dtype: pl.DataType, value: Any) -> Any:
    if isinstance(dtype, pl.Decimal):
        return Decimal(value)
    return float(value) if dtype.is_float() else value


def _near(values: tuple[Any, ...], dtype: pl.DataType) -> Iterator[Any]:
    """On a bound, just above it and just below."""
    for value in values[:200]:
        if dtype == pl.String:
            yield value
            if isinstance(value, str):
                yield from damaged(value)[:6]
            continue
        with suppress(TypeError, ValueError, OverflowError, InvalidOperation):
            yield from _sides(value, dtype)


def _sides(value: Any, dtype: pl.DataType) -> tuple[Any, ...]:
    if dtype.is_float():
        up, down = math.nextafter(value, math.inf), math.nextafter(value, -math.inf)
        return float(value), up, down, value + 1.0, value - 1.0
    if dtype.is_integer():
        return math.floor(value), math.ceil(value), math.ceil(value) + 1, math.floor(value) - 1
    exact, apart = Decimal(str(value)) if isinstance(dtype, pl.Decimal) else value, step(dtype)
    return (exact, exact + apart, exact - apart)


def _usual(dtype: pl.DataType, hints: Hints) -> Iterator[Any]:
    if dtype == pl.String:
        yield from _texts(hints)
    elif dtype == pl.Boolean:
        yield from (True, False)
    elif isinstance(dtype, pl.Decimal):
        yield from map(Decimal, _NUMBERS)
        yield from (Decimal(number).scaleb(-dtype.scale) for number in (1, -1, 150))
    elif dtype.is_float():
        yield from map(float, (*_NUMBERS, 0.5, -0.5, 1e300, math.inf, -math.inf))
    elif dtype.is_integer():
        yield from _NUMBERS
        yield from range(10_001, 10_001 + (MANY if hints.many else 0))
    elif dtype == pl.Date:
        days = (0, 1, -1, 2, 3, 5, 6, 30, -30, 180, -365, -20_000, 20_000)
        yield from (_DAY + timedelta(days=day) for day in (*days, *range(MANY * hints.many)))
    elif isinstance(dtype, pl.Datetime):
        yield from _moments(dtype, hints)


def _moments(dtype: pl.DataType, hints: Hints) -> Iterator[datetime]:
    # Whole hours around midnight: one of them is the midnight of any zone.
    hours = (*range(-12, 15), 24, -24, 48, -48, 24 * 30, -24 * 30, 24 * 180, -24 * 20_000)
    weeks = range(0, 24 * 7 * MANY * hints.many, 24 * 7)
    zone = getattr(dtype, "time_zone", None)
    for hour in (*hours, *weeks):
        moment = _MOMENT + timedelta(hours=hour)
        yield moment if zone else moment.replace(tzinfo=None)


def _texts(hints: Hints) -> Iterator[str]:
    if hints.pattern is not None:
        made = texts_of(hints.pattern, MANY if hints.many else 12)
        yield from made
        for text in made[:4]:
            yield from damaged(text)[:24]
    yield from _TEXTS
    if hints.many:
        yield from (f"k{number:05}" for number in range(MANY))
    yield ""
