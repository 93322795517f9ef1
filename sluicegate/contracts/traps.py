"""Checks that pandera would accept and that cannot do their work: refused with the contract."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.config import config_context

from sluicegate.errors import ContractError

_ROWS = 3


def require_checks_that_count(schema: pa.DataFrameSchema, where: str) -> None:
    """Refuse what silences a rule, or cannot say which rows break it.

    Every check is tried on a few rows without values: it must answer once a row. One that answers
    for the whole frame could only refuse a batch as a whole, or hide one bad row among good ones.

    Raises:
        ContractError: a check or an option of the contract is one of these.
    """
    components = [schema, *schema.columns.values()]
    if any(getattr(component, "drop_invalid_rows", False) for component in components):
        raise ContractError(
            "drop_invalid_rows would drop rows without a trace.",
            where=where,
            hint="remove it: rows that break a rule go to quarantine",
        )
    empty = pl.DataFrame(
        {
            name: pl.Series([None] * _ROWS, dtype=column.dtype.type)
            for name, column in schema.columns.items()
        }
    )
    for check in schema.checks:
        _require(check, empty, None, where)
    for name, column in schema.columns.items():
        for check in column.checks:
            _require(check, empty.select(name), name, where)


def _require(check: pa.Check, rows: pl.DataFrame, column: str | None, where: str) -> None:
    named = f"The check {f'{column}:' if column else ''}{check.name}"
    if check.raise_warning:
        raise ContractError(
            f"{named} would only warn.", where=where, hint="remove raise_warning: a rule can fail"
        )
    try:
        with config_context(validation_enabled=True):
            answers = check(rows.lazy(), column).check_output.collect().height
    except Exception as error:
        raise ContractError(
            f"{named} cannot be applied: {type(error).__name__}.", where=where
        ) from error
    if answers != rows.height:
        raise ContractError(
            f"{named} answers {answers} times for {rows.height} rows.",
            where=where,
            hint="a rule says of every row whether it is right; compare with a constant, not with "
            "a sum or a maximum of the column",
        )
