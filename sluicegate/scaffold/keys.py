"""Candidate keys: columns that tell the rows of a sample apart, and are never absent in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from sluicegate.scaffold.columns import Proposed
from sluicegate.scaffold.names import words_of
from sluicegate.sources import LINE

_IDENTIFYING = frozenset({"id", "key", "code", "no", "nr", "number", "uuid", "guid", "ref", "iban"})
_MOST_PAIRED = 12
_LONGEST = 40
_ENOUGH = 10
"""Rows below which only a name can say that a column identifies."""

_SURE = 30
"""Rows below which columns tell them apart by chance."""

_NEARLY = 0.01
"""Share of the rows in which a number that identifies may be absent or stand twice, by mistake."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What may identify a row.

    Attributes:
        chosen: names of columns; none: the sample has no key.
        remarks: how sure that is.
        others: further candidates.
    """

    chosen: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def keys_of(columns: Sequence[Proposed], rows: pl.DataFrame) -> Keys:
    """The likeliest key of a sample.

    Args:
        rows: the sample; equal rows of it are one, as they are when they are taken in.
    """
    distinct = rows.drop(LINE).unique()
    few = (
        (f"there are only {distinct.height:,} different rows: it may be so by chance",)
        if distinct.height < _SURE
        else ()
    )
    singles = [each for each in columns if _unique(distinct, [each.profile.sent])]
    meant = sorted((each for each in singles if _means(each, distinct.height)), key=_rank)
    names = tuple(each.name for each in singles)
    if meant:
        chosen = meant[0].name
        others = tuple(name for name in names if name != chosen)
        return Keys((chosen,), few, others)
    if near := _nearly(columns, distinct):
        return near
    pair = _pair(columns, distinct) if distinct.height >= _SURE else None
    if pair:
        return Keys(pair, few, names)
    return Keys((), (), names)


def _unique(rows: pl.DataFrame, names: list[str]) -> bool:
    if any(rows[name].null_count() for name in names):
        return False
    return rows[names].n_unique() == rows.height


def _means(column: Proposed, rows: int) -> bool:
    """Whether a column seems to be there to tell rows apart, and does not do it by chance."""
    if rows < 2 or column.kind in ("Money", "Rate") or _long(column):
        return False
    if any("looks like" in remark for remark in column.remarks) and column.kind == "str":
        # Measured values, or something of a person: unless it is a number that identifies.
        return bool({*words_of(column.profile.sent)} & _IDENTIFYING)
    if column.personal is not None and column.personal.what in ("free text", "an address"):
        return False
    if {*words_of(column.profile.sent)} & _IDENTIFYING:
        return True
    return rows >= _ENOUGH and (
        column.profile.place == 1
        or (column.kind == "str" and column.matches is not None)
        or column.kind == "Date"
    )


def _rank(column: Proposed) -> tuple[bool, bool, int]:
    words = words_of(column.profile.sent)
    return (not {*words} & _IDENTIFYING, column.kind == "Date", column.profile.place)


def _long(column: Proposed) -> bool:
    filled = column.profile.filled
    return filled.is_empty() or int(filled.str.len_chars().max() or 0) > _LONGEST  # type: ignore[arg-type]


def _nearly(columns: Sequence[Proposed], rows: pl.DataFrame) -> Keys | None:
    """A number that identifies, but for a few rows."""
    for column in columns:
        if not {*words_of(column.profile.sent)} & _IDENTIFYING or not _means(column, rows.height):
            continue
        values = rows[column.profile.sent]
        absent = values.null_count()
        twice = rows.height - absent - values.drop_nulls().n_unique()
        if rows.height >= _SURE and absent + twice <= rows.height * _NEARLY:
            said = f"absent in {absent:,} different rows, and there again in {twice:,}: dirt?"
            return Keys((column.name,), (said,))
    return None


def _pair(columns: Sequence[Proposed], rows: pl.DataFrame) -> tuple[str, str] | None:
    fit = [
        each
        for each in columns
        if each.kind in ("str", "int", "Date", "UtcTimestamp")
        and not each.nullable
        and not _long(each)
        and 1 < each.profile.distinct < rows.height * 0.9
        and (each.personal is None or "number" in each.personal.what)
    ]
    for pair in combinations(fit[:_MOST_PAIRED], 2):
        marks = [_identifies(each) for each in pair]
        if all(marks) and _unique(rows, [each.profile.sent for each in pair]):
            return pair[0].name, pair[1].name
    return None


def _identifies(column: Proposed) -> bool:
    """Whether a column may be part of a key: measured values tell rows apart by chance."""
    words = {*words_of(column.profile.sent)}
    return bool(
        words & (_IDENTIFYING | {"date", "day", "month", "year", "time", "period", "currency"})
        or column.kind in ("Date", "UtcTimestamp")
        or (column.kind == "str" and (column.isin is not None or column.matches is not None))
        or column.profile.place <= 2
    )
