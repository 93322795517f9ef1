"""Which values a column type can hold, and how near to each other they lie."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl


def holds(dtype: pl.DataType, value: Any) -> bool:
    """Whether a value is one of a type's, as it is: not rounded, cut off or converted."""
    match value:
        case bool():
            return dtype == pl.Boolean
        case int() if dtype.is_integer():
            lowest, highest = _whole(dtype)
            return lowest <= value <= highest
        case int() | Decimal() if isinstance(dtype, pl.Decimal):
            return _held(Decimal(value), dtype)
        case int() | float() if dtype.is_float():
            return not math.isnan(value)
        case datetime():
            zone = isinstance(dtype, pl.Datetime) and dtype.time_zone
            return isinstance(dtype, pl.Datetime) and (value.tzinfo is None) == (zone is None)
    return (isinstance(value, date) and dtype == pl.Date) or (
        isinstance(value, str) and dtype == pl.String
    )


def is_known(dtype: pl.DataType) -> bool:
    """Whether :func:`holds` can tell of a type's values at all."""
    named = (pl.String, pl.Boolean, pl.Date, pl.Datetime)
    return dtype.is_numeric() or isinstance(dtype, named)


def limits(dtype: pl.DataType) -> tuple[Any, Any] | None:
    """The smallest and the largest value of a type; None if it has none that anybody could meet."""
    if dtype.is_integer():
        return _whole(dtype)
    if isinstance(dtype, pl.Decimal):
        largest = (Decimal(10) ** (dtype.precision or 38) - 1).scaleb(-dtype.scale)
        return -largest, largest
    return None


def step(dtype: pl.DataType) -> Any:
    """The distance of a value to the next one; None where values lie as near as one likes."""
    if dtype.is_integer():
        return 1
    if isinstance(dtype, pl.Decimal):
        return Decimal(1).scaleb(-dtype.scale)
    if isinstance(dtype, pl.Datetime):
        return timedelta(milliseconds=1) if dtype.time_unit == "ms" else timedelta(microseconds=1)
    return timedelta(days=1) if dtype == pl.Date else None


def _whole(dtype: pl.DataType) -> tuple[int, int]:
    name = str(dtype)
    bits = int(name.lstrip("UInt"))
    return (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _held(value: Decimal, dtype: pl.Decimal) -> bool:
    if not value.is_finite():
        return False
    _, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    whole = (dtype.precision or 38) - dtype.scale
    return exponent >= -dtype.scale and (not value or len(digits) + exponent <= whole)
