"""What the checks of a schema answer: a lazy mask for each rule, true on the rows that break it."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.constants import CHECK_OUTPUT_KEY


def answers(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> list[tuple[str, pl.LazyFrame]]:
    """Rule → one boolean column, true on the rows that break it; nothing is computed yet.

    The rules of absent values come first, then those of columns, then those of rows. Two checks of
    one name are two entries.

    Args:
        frame: with the schema's columns, of its types.

    Raises:
        TypeError: a check does not answer with a frame.
    """
    rows, found = frame.lazy(), []
    for name, column in schema.columns.items():
        if not column.nullable and _may_lack(frame[name]):
            found.append((f"{name}:not_null", rows.select(_absent(name, frame.schema[name]))))
        found += [(f"{name}:{check.name}", _broken(check, rows, name)) for check in column.checks]
    return found + [(str(check.name), _broken(check, rows, None)) for check in schema.checks]


def _may_lack(values: pl.Series) -> bool:
    return values.dtype.is_float() or values.null_count() > 0


def _absent(name: str, dtype: pl.DataType) -> pl.Expr:
    """As pandera has it: what is not a number is absent."""
    column = pl.col(name)
    return column.is_null() | column.is_nan() if dtype.is_float() else column.is_null()


def _broken(check: pa.Check, rows: pl.LazyFrame, column: str | None) -> pl.LazyFrame:
    """A check's answer, turned around, as pandera takes it where it is null."""
    backend: Any = check.get_backend(rows)
    answer = backend(check).apply(PolarsData(rows, column or "*"))
    if not isinstance(answer, pl.LazyFrame):
        raise TypeError(type(answer))
    return answer.select(~pl.col(CHECK_OUTPUT_KEY).fill_null(check.ignore_na))
