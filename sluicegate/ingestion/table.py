"""The table of a source in the lake: named, typed and grown as its contract says."""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import Contract
from sluicegate.errors import ContractError
from sluicegate.lake import Session, Table
from sluicegate.sources import LINE, Source

BATCH = "_batch"
"""Column that says which batch a row came with."""


def raw_table(source: Source) -> Table:
    """Where the rows of a source are kept."""
    return Table("raw", source.name)


def rows_of(source: Source, batch: str, session: Session) -> int:
    """How many rows of a batch the table of its source has."""
    table = raw_table(source)
    if not session.exists(table):
        return 0
    sql = f"SELECT count(*) FROM {table.sql} WHERE {BATCH} = ?"
    return int(session.rows(sql, [batch])[0][0])


def create(source: Source, session: Session) -> None:
    """Create the table of a source if it is not there."""
    declared = {
        column.name: sql_type(column.dtype) + ("" if column.nullable else " NOT NULL")
        for column in source.contract.columns()
    }
    session.create(
        raw_table(source), {**declared, BATCH: "VARCHAR NOT NULL", LINE: "BIGINT NOT NULL"}
    )


def grow(source: Source, session: Session) -> None:
    """Give an existing table the columns that its contract has gained; old rows have no value.

    Raises:
        ContractError: a column was gained that must have a value, or one changed its type.
    """
    table = raw_table(source)
    if not session.exists(table):
        return
    have, required = session.types(table), session.required(table)
    for column in source.contract.columns():
        wanted = sql_type(column.dtype)
        if column.name not in have:
            if not column.nullable:
                raise _cannot_grow(source.contract, column.name, "is new and must have a value")
            session.add_column(table, column.name, wanted)
        elif have[column.name] != wanted:
            raise _cannot_grow(
                source.contract, column.name, f"was {have[column.name]} and is {wanted} now"
            )
        elif column.nullable and column.name in required:
            session.allow_null(table, column.name)


def sql_type(dtype: pl.DataType) -> str:
    """The DuckDB type of a contract's column, as DuckDB spells it."""
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE" if dtype.time_zone else "TIMESTAMP"
    named = {pl.String: "VARCHAR", pl.Date: "DATE", pl.Int64: "BIGINT"}
    if type(dtype) not in named:
        raise ContractError(
            f"The type {dtype} cannot be kept in the lake.",
            hint="use str, int, Date, Money, Rate or UtcTimestamp",
        )
    return named[type(dtype)]


def _cannot_grow(contract: type[Contract], column: str, why: str) -> ContractError:
    return ContractError(
        f"The column {column!r} {why}; the rows that are published are not like that.",
        where=contract.place(),
        hint="declare a new column with nullable=True or since='YYYY-MM-DD'; "
        "give a column of another type another name",
    )
