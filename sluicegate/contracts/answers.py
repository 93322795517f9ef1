"""What the checks of a schema answer: a lazy mask for each rule, true on the rows that break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.constants import CHECK_OUTPUT_KEY

from sluicegate.contracts.kinds import BOUNDS, is_builtin


@dataclass(frozen=True, slots=True)
class Holds:
    """The function of a check that is one expression: what holds of the values of a column."""

    of: Callable[[pl.Expr], pl.Expr]

    def __call__(self, data: PolarsData) -> pl.LazyFrame:
        """The check, as pandera applies it."""
        return data.lazyframe.select(self.of(pl.col(data.key)))


@dataclass(frozen=True, slots=True)
class Question:
    """One check of a schema, asked of a frame; nothing is computed yet.

    Attributes:
        rule: its name. Two checks of one name are two questions.
        breaks: true on the rows that break it, where the check is one expression.
        frame: the same as the only column of a frame, where it is anything else.
    """

    rule: str
    breaks: pl.Expr | None = None
    frame: pl.LazyFrame | None = None


def questions(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> list[Question]:
    """The checks of a schema, but for those of absent values where there are none.

    Args:
        frame: with the schema's columns, of its types.

    Raises:
        TypeError: a check does not answer with a frame.
    """
    rows, found = frame.lazy(), []
    for name, column in schema.columns.items():
        if not column.nullable and _may_lack(frame[name]):
            found.append(Question(f"{name}:not_null", _absent(name, frame.schema[name])))
        found += [_question(check, rows, name) for check in column.checks]
    return found + [_question(check, rows, None) for check in schema.checks]


def answers(asked: list[Question], frame: pl.DataFrame) -> list[tuple[int, pl.Series | None]]:
    """For each question how many rows answered, and which of them break the rule; None: not one.

    All are asked at once. A mask is a bit a row: what is not needed costs next to nothing.
    """
    plain = {
        str(number): question.breaks
        for number, question in enumerate(asked)
        if question.breaks is not None
    }
    others = [question.frame for question in asked if question.frame is not None]
    # Not lazily: masks in other pieces than the columns have these copied when they are filtered.
    together, apart = frame.select(**plain), iter(pl.collect_all(others))
    masks = [
        together[str(number)] if question.breaks is not None else next(apart).to_series()
        for number, question in enumerate(asked)
    ]
    return [(len(mask), mask if mask.any() else None) for mask in masks]


def _may_lack(values: pl.Series) -> bool:
    return values.dtype.is_float() or values.null_count() > 0


def _absent(name: str, dtype: pl.DataType) -> pl.Expr:
    """As pandera has it: what is not a number is absent."""
    column = pl.col(name)
    return column.is_null() | column.is_nan() if dtype.is_float() else column.is_null()


def _question(check: pa.Check, rows: pl.LazyFrame, column: str | None) -> Question:
    rule = f"{column}:{check.name}" if column else str(check.name)
    holds = _expression(check, pl.col(column or "*"))
    if holds is not None:
        return Question(rule, _broken(check, holds))
    backend: Any = check.get_backend(rows)
    answer = backend(check).apply(PolarsData(rows, column or "*"))
    if not isinstance(answer, pl.LazyFrame):
        raise TypeError(type(answer))
    return Question(rule, frame=answer.select(_broken(check, pl.col(CHECK_OUTPUT_KEY))))


def _expression(check: pa.Check, column: pl.Expr) -> pl.Expr | None:
    """What a check asks, where that is one expression; all others are asked by pandera."""
    if check.element_wise:
        return None
    if isinstance(check._check_fn, Holds):  # noqa: SLF001 - pandera tells it nowhere else
        return check._check_fn.of(column)  # noqa: SLF001
    if not is_builtin(check):
        return None
    given = check.statistics or {}
    if bound := BOUNDS.get(str(check.name)):
        holds: pl.Expr = bound.compare(column, given[bound.argument])
        return holds
    return column.is_in(given["allowed_values"]) if check.name == "isin" else None


def _broken(check: pa.Check, holds: pl.Expr) -> pl.Expr:
    """A check's answer turned around, as pandera takes it where it is null."""
    return ~holds.fill_null(check.ignore_na)
