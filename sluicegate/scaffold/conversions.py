"""Conversions: how DuckDB reads the days and amounts that a contract leaves as texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from sluicegate.dialect import Kind, kind_of, shape_of

_LOOKED_AT = 1_000
_ENOUGH = 0.97
"""Share of the values that must be of one notation; what is none becomes NULL."""

_DAYS = tuple(
    mark.join(parts)
    for mark in "-/. "
    for parts in (
        ("%d", "%m", "%Y"),
        ("%m", "%d", "%Y"),
        ("%d", "%m", "%y"),
        ("%m", "%d", "%y"),
        ("%d", "%b", "%Y"),
        ("%d", "%b", "%y"),
        ("%d", "%B", "%Y"),
        ("%Y", "%m", "%d"),
    )
)
_LOOSE = "£$€¥ '\u00a0\u202f"
"""What stands in an amount and says nothing of how much it is."""

_AMOUNT = re.compile(rf"[-+]?[{_LOOSE}]*[-+]?\d[\d.,{_LOOSE}]*")
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a text becomes a value.

    Attributes:
        sql: the expression.
        kind: the type that it gives.
        unsure: what nothing tells; None if nothing is open.
    """

    sql: str
    kind: str
    unsure: str | None = None


def conversion_of(column: str, texts: pl.Series) -> Conversion | None:
    """How nearly all texts of a column are converted; None if they are no days or amounts.

    Args:
        column: its name, as SQL has it.
        texts: its values that are there.
    """
    looked_at = texts.head(_LOOKED_AT).str.strip_chars()
    cells = [cell for cell in looked_at if kind_of(cell) is not Kind.EMPTY]
    kind = shape_of(cells).kind
    if kind is Kind.DATE:
        return _day(column, cells)
    return _amount(column, cells) if kind is Kind.DECIMAL else None


def _day(column: str, cells: Sequence[str]) -> Conversion | None:
    right = {form: sum(_reads(cell, form) for cell in cells) for form in _DAYS}
    fit = [form for form, count in right.items() if count >= _ENOUGH * len(cells)]
    if not fit:
        return None
    # May is short and long.
    also = [form for form in fit[1:] if "%B" not in form]
    return Conversion(
        f"try_strptime(trim({column}), '{fit[0]}')::date",
        "date",
        f"'{also[0]}' reads them as well" if also else None,
    )


def _reads(cell: str, form: str) -> bool:
    try:
        datetime.strptime(cell, form)  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False
    return True


def _amount(column: str, cells: Sequence[str]) -> Conversion | None:
    right = [cell for cell in cells if _AMOUNT.fullmatch(cell)]
    notes = shape_of(right).notes
    comma = notes == ("decimals use commas",)
    if len(right) < _ENOUGH * len(cells) or (notes and not comma):
        return None
    mark, grouping = (",", ".") if comma else (".", ",")
    decimals = max(len(cell.rpartition(mark)[2].rstrip(_LOOSE)) * (mark in cell) for cell in right)
    if decimals > _MOST_DECIMALS:
        return None
    sql = column
    for sign in grouping + _LOOSE:
        if any(sign in cell for cell in right):
            sql = f"replace({sql}, '{sign * (1 + (sign == chr(39)))}', '')"
    sql = f"replace({sql}, ',', '.')" if comma else sql
    kind = f"decimal(18, {max(2, decimals)})"
    return Conversion(f"try_cast({sql} as {kind})", kind)
