"""From text to values: how each column type reads what a provider wrote.

A text that cannot be read breaks a rule of its own, named after what it should have been
(``amount:decimal``, ``booked_at:timestamp``), and never becomes a silent null. An empty text is an
absent value: delimited files cannot tell the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from sluicegate.contracts.base import Column, Contract
from sluicegate.contracts.texts import as_text
from sluicegate.errors import ContractError

_READ = (pl.String, pl.Int64, pl.Date, pl.Decimal, pl.Datetime)
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_INTEGER = r"^[+-]?\d+$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::[0-5]\d(?:\.\d+)?)?(?:[Zz+\-\x{2212}]|$)"
"""How a moment begins. Left alone, formats take ``26`` for a year and ``60`` for a second."""

_DAY = 86_400_000_000
_DAYS = (-719_162, 2_932_896)
_YEARS: dict[type[pl.DataType], tuple[int, int]] = {
    pl.Date: _DAYS,
    pl.Datetime: (_DAYS[0] * _DAY, (_DAYS[1] + 1) * _DAY - 1),
}
"""From 0001-01-01 to the end of 9999, from the epoch on: what calendars of others can hold."""

_ZONE, _TIMESTAMP = "zone", "timestamp"
_UTC = "%Y-%m-%dT%H:%M:%SZ"
"""How machines write a moment; polars reads it in a fifth of the time that an offset takes."""
_ZONED = "%Y-%m-%dT%H:%M:%S%.f%#z"
_ZONED_MINUTES = "%Y-%m-%dT%H:%M%#z"
_LOCAL = "%Y-%m-%dT%H:%M:%S%.f"
_LOCAL_MINUTES = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Reading:
    """A column of texts, read.

    Attributes:
        value: the typed values, null where a text is absent or unreadable.
        broken: rule name → mask of the texts that break it; only rules that some text breaks.
    """

    value: pl.Series
    broken: dict[str, pl.Series] = field(default_factory=dict)

    @property
    def unreadable(self) -> pl.Series:
        """True where there is a text that could not be read."""
        masks = [pl.repeat(False, len(self.value), dtype=pl.Boolean, eager=True)]
        return pl.DataFrame([*masks, *self.broken.values()], ["none", *self.broken]).select(
            pl.any_horizontal(pl.all()).alias("unreadable")
        )["unreadable"]


def read(column: Column, written: pl.Series) -> Reading:
    """Read the texts of one column; what has its type already is left as it is.

    Raises:
        ContractError: there is no reading for the column's type.
    """
    dtype = column.dtype
    if written.dtype == dtype and dtype != pl.String:
        value = _within_years(written.rename(column.name))
        beyond = written.is_not_null() & value.is_null()
        return Reading(value, {reading_rules(column)[-1]: beyond} if beyond.any() else {})
    texts = written.to_frame().select(as_text(written.name, written.dtype)).to_series()
    if (texts == "").any():
        texts = pl.select(pl.when(texts != "").then(texts)).to_series()
    texts = texts.rename(column.name)
    if dtype == pl.String:
        return Reading(texts)
    if isinstance(dtype, pl.Datetime):
        return _timestamps(column, texts)
    pattern, rule = _pattern(column)
    whole = pl.when(texts.str.contains(pattern)).then(texts)
    typed = whole.str.to_date(strict=False) if dtype == pl.Date else whole.cast(dtype, strict=False)
    value = _within_years(_series(typed, column))
    unreadable = texts.is_not_null() & value.is_null()
    return Reading(value, {f"{column.name}:{rule}": unreadable} if unreadable.any() else {})


def require_readable(contract: type[Contract]) -> None:
    """Refuse columns of a type that no source's values are read as, and no table of it keeps.

    Raises:
        ContractError: there is such a column.
    """
    for column in contract.columns():
        if type(column.dtype) not in _READ:
            raise ContractError(
                f"The column {column.name!r} has the type {column.dtype}, which nothing is read "
                "as.",
                where=contract.place(),
                hint="use str, int, Date, Money, Rate or UtcTimestamp",
            )


def reading_rules(column: Column) -> tuple[str, ...]:
    """The rules that an unreadable text of a column breaks; none where every text is a value."""
    if column.dtype == pl.String:
        return ()
    if isinstance(column.dtype, pl.Datetime):
        return (f"{column.name}:{_ZONE}", f"{column.name}:{_TIMESTAMP}")
    return (f"{column.name}:{_pattern(column)[1]}",)


def _pattern(column: Column) -> tuple[str, str]:
    """What the whole text must look like, and the rule that it breaks otherwise."""
    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        # More decimals than the type keeps would be rounded away: that is unreadable, not read.
        whole = (dtype.precision or 38) - dtype.scale
        decimals = rf"(?:\.\d{{1,{dtype.scale}}})?" if dtype.scale else ""
        return rf"^[+-]?\d{{1,{whole}}}{decimals}$", "decimal"
    if dtype == pl.Date:
        return _DATE, "date"
    if dtype.is_integer():
        return _INTEGER, "integer"
    raise ContractError(
        f"The column {column.name!r} has the type {dtype}, which cannot be read from text.",
        hint="use str, int, Date, Money, Rate or UtcTimestamp",
    )


def _timestamps(column: Column, texts: pl.Series) -> Reading:
    if texts.str.contains(" ", literal=True).any():
        texts = texts.str.replace(" ", "T", literal=True)
    well = texts.str.contains(_MOMENT).fill_null(value=False)
    formed = texts if well.all() else texts.set(~well, None)
    # Moments seldom repeat: to look each up among those that were read takes longer than reading.
    value = formed.str.to_datetime(_UTC, time_unit="us", strict=False, cache=False)
    value = value.dt.replace_time_zone("UTC")
    others = formed.set(value.is_not_null(), None)
    if others.null_count() < len(others):
        value = value.fill_null(others.str.to_datetime(_ZONED, time_unit="us", strict=False))
    value = _within_years(value)
    unreadable = texts.is_not_null() & value.is_null()
    if not unreadable.any():
        return Reading(value)
    # The rarer shapes are tried on what is left, not on every row.
    left = formed.set(~unreadable, None)
    minutes = left.str.to_datetime(_ZONED_MINUTES, time_unit="us", strict=False)
    if minutes.null_count() < len(minutes):
        value = value.fill_null(_within_years(minutes))
    unreadable &= value.is_null()
    # A clock reading without a zone names up to two moments and none for sure.
    local = unreadable & (
        left.str.to_datetime(_LOCAL, strict=False).is_not_null()
        | left.str.to_datetime(_LOCAL_MINUTES, strict=False).is_not_null()
    )
    masks = {f"{column.name}:{_ZONE}": local, f"{column.name}:{_TIMESTAMP}": unreadable & ~local}
    return Reading(value, {rule: mask for rule, mask in masks.items() if mask.any()})


def _within_years(value: pl.Series) -> pl.Series:
    """Days and moments of years from 1 to 9999; others are no value that everybody can read."""
    if type(value.dtype) not in _YEARS:
        return value
    first, last = _YEARS[type(value.dtype)]
    inside = value.to_physical().is_between(first, last)
    return value if inside.all() else value.set(~inside.fill_null(value=True), None)


def _series(expression: pl.Expr, column: Column) -> pl.Series:
    return pl.select(expression.alias(column.name)).to_series()
