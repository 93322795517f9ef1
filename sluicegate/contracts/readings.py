"""From text to values: how each column type reads what a provider wrote.

A text that cannot be read breaks a rule of its own, named after what it should have been
(``amount:decimal``, ``booked_at:timestamp``), and never becomes a silent null. An empty text is an
absent value: delimited files cannot tell the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sluicegate.contracts.base import Column
from sluicegate.errors import ContractError

_DATE = r"^\d{4}-\d{2}-\d{2}$"


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read.

    Attributes:
        value: expression from the column's text to its typed value, null where unreadable.
        broken: rule name → expression that is true where the text breaks it.
    """

    value: pl.Expr
    broken: dict[str, pl.Expr]


def reading(column: Column) -> Reading:
    """How to read a column from the text column of the same name.

    Raises:
        ContractError: there is no reading for the column's type.
    """
    text = pl.col(column.name).replace("", None)
    dtype = column.dtype
    if dtype == pl.String:
        return Reading(text, {})
    if isinstance(dtype, pl.Decimal):
        return _one_rule(text, _decimal(text, dtype), f"{column.name}:decimal")
    if isinstance(dtype, pl.Datetime):
        return _timestamp(column.name, text)
    if dtype == pl.Date:
        value = pl.when(text.str.contains(_DATE)).then(text.str.to_date("%Y-%m-%d", strict=False))
        return _one_rule(text, value.otherwise(None), f"{column.name}:date")
    if dtype.is_integer():
        value = pl.when(text.str.contains(r"^[+-]?\d+$")).then(text.cast(dtype, strict=False))
        return _one_rule(text, value.otherwise(None), f"{column.name}:integer")
    raise ContractError(
        f"The column {column.name!r} has the type {dtype}, which cannot be read from text.",
        hint="use str, int, Date, Money, Rate or UtcTimestamp",
    )


def _one_rule(text: pl.Expr, value: pl.Expr, rule: str) -> Reading:
    return Reading(value, {rule: text.is_not_null() & value.is_null()})


def _decimal(text: pl.Expr, dtype: pl.Decimal) -> pl.Expr:
    # More decimals than the type keeps would be rounded away: that is unreadable, not read.
    whole = (dtype.precision or 38) - dtype.scale
    pattern = rf"^[+-]?\d{{1,{whole}}}(?:\.\d{{1,{dtype.scale}}})?$"
    return pl.when(text.str.contains(pattern)).then(text.cast(dtype, strict=False)).otherwise(None)


def _timestamp(name: str, text: pl.Expr) -> Reading:
    zoned = text.str.replace(" ", "T", literal=True)
    value = pl.coalesce(
        zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False),
        zoned.str.to_datetime("%Y-%m-%dT%H:%M%#z", time_unit="us", strict=False),
    )
    # A clock reading without a zone names up to two moments and none for sure.
    local = pl.coalesce(
        zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False),
        zoned.str.to_datetime("%Y-%m-%dT%H:%M", strict=False),
    ).is_not_null()
    unreadable = text.is_not_null() & value.is_null()
    return Reading(
        value,
        {f"{name}:zone": unreadable & local, f"{name}:timestamp": unreadable & ~local},
    )
