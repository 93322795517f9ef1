"""From values to text: what a typed value would have been written as, without losing a digit."""

from __future__ import annotations

import polars as pl
import polars.selectors as cs

_MOMENT = "%Y-%m-%dT%H:%M:%S%.6f"


def is_plain(dtype: pl.DataType) -> bool:
    """Whether a contract may have columns of a type: their values need no text in between."""
    return dtype.is_integer() or isinstance(dtype, pl.String | pl.Date | pl.Decimal | pl.Datetime)


def sent(name: str) -> pl.Expr:
    """The column that somebody gave this name: ``*`` and ``^a.*$`` are names like any other."""
    return cs.by_name(name).as_expr()


def as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as texts that :func:`~sluicegate.contracts.readings.read` reads."""
    column = sent(name)
    if isinstance(dtype, pl.Datetime):
        # One without a zone stays so: which moment it names is for the contract to ask.
        if dtype.time_zone is None:
            return column.dt.strftime(_MOMENT)
        return column.dt.convert_time_zone("UTC").dt.strftime(_MOMENT + "Z")
    if dtype == pl.Binary:
        return column.bin.encode("hex")
    if isinstance(dtype, pl.List | pl.Array):
        return column.cast(pl.List(pl.String)).list.join(",")
    return column.cast(pl.String)
