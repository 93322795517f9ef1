"""The proof of what is promised between tables: values that stand nowhere, totals that differ."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from sluicegate.contracts import Agrees, Column, Contract, Model
from sluicegate.contracts.foreign_keys import RULE
from sluicegate.ingestion import raw_table
from sluicegate.ingestion.foreign_keys import set_orphans_aside, table_of
from sluicegate.ingestion.sift import Unsifted, sift
from sluicegate.ingestion.table import BATCH
from sluicegate.lake import Session, Table
from sluicegate.quality.agreement import audit_agreements
from sluicegate.quality.check import Check, Outcome
from sluicegate.quality.contracts import audit_model, audit_source
from sluicegate.sources import LINE, Batch, Source
from sluicegate.testing.rows import Rows
from sluicegate.testing.search import Row

TRIED = "tried"
"""The batch that is tried."""


def prove_between(declared: Source | Model, rows: Rows, session: Session) -> dict[str, str]:
    """What could not be proven of references and agreements: case → why."""
    return {**_references(declared, rows, session), **_agreements(declared, rows, session)}


def put(declared: Source | Model, frame: pl.DataFrame, session: Session) -> None:
    """Make a dataset's table of these rows, and give them all that they refer to."""
    for column in declared.contract.columns():
        if column.references is not None and table_of(column.references) != table_for(declared):
            name = column.references.column
            create(
                table_of(column.references), frame.select(pl.col(column.name).alias(name)), session
            )
    if isinstance(declared, Source):
        numbers = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE)
        frame = frame.with_columns(pl.lit(TRIED).alias(BATCH), numbers)
    create(table_for(declared), frame, session)


def table_for(declared: Source | Model) -> Table:
    """Where the rows of a dataset are."""
    return raw_table(declared) if isinstance(declared, Source) else Table.of(declared.table)


def create(table: Table, frame: pl.DataFrame, session: Session) -> None:
    """Make a table of these rows, whatever was there."""
    if session.exists(table):
        session.execute(f"DROP TABLE {table.sql}")
    else:
        session.create_schema(table.schema)
    with session.lend(frame) as lent:
        session.execute(f"CREATE TABLE {table.sql} AS SELECT * FROM {lent}")


def audited(declared: Source | Model, session: Session) -> list[Check]:
    """What the audit in place says of a dataset."""
    if isinstance(declared, Source):
        return audit_source(declared, session, [TRIED])
    return audit_model(declared, session)


def _references(declared: Source | Model, rows: Rows, session: Session) -> dict[str, str]:
    wrong = {}
    for column in declared.contract.columns():
        if column.references is not None:
            rule = f"{column.name}:{RULE}"
            for why in _not_held(declared, column, rows, session):
                wrong[rule] = f"{rule}: {why}"
    return wrong


def _not_held(
    declared: Source | Model, column: Column, rows: Rows, session: Session
) -> Iterator[str]:
    assert rows.valid is not None
    assert column.references is not None
    theirs = table_of(column.references)
    row, lost = _pair(column, rows, own=theirs == table_for(declared))
    if lost is None:
        yield "no value found that it could have: give one with field(example=...)"
        return
    for made, there, failures in ((row, True, 0), (lost, False, 1)):
        put(declared, _frame(declared.contract, made), session)
        if not there and theirs != table_for(declared):
            session.execute(f"DELETE FROM {theirs.sql}")
        checks = {check.name: check for check in audited(declared, session)}
        check = checks.get(f"{column.name}:{RULE}")
        if check is None or check.failures != failures:
            yield f"audited in place, {check and check.failures} rows, not {failures}"
        elif check.outcome is not (outcome := Outcome.FAIL if failures else Outcome.PASS):
            yield f"audited in place, it says {check.outcome}, not {outcome}"
        if isinstance(declared, Source):
            aside = _set_aside(declared, made, session)
            if (f"{column.name}:{RULE}" in aside) == there:
                yield f"on arrival, a row is set aside for {', '.join(aside) or 'nothing'}"


def _pair(column: Column, rows: Rows, *, own: bool) -> tuple[Row, Row | None]:
    """A row that refers to what is there, and one that does not; None if no value is known."""
    assert rows.valid is not None
    assert column.references is not None
    values = [each[column.name] for each in (rows.valid, *rows.broken.values())]
    known = [value for value in values if value is not None]
    if not own:
        row = {**rows.valid, column.name: known[0]} if known else rows.valid
        return row, row if known else None
    mine = rows.valid[column.references.column]
    others = [value for value in known if value != mine]
    row = {**rows.valid, column.name: mine}
    return row, {**row, column.name: others[0]} if others else None


def _set_aside(source: Source, row: Row, session: Session) -> set[str]:
    """The rules for which a row is set aside that arrives."""
    frame = _frame(source.contract, row)
    rejects = pl.DataFrame(
        schema={
            BATCH: pl.String,
            LINE: pl.Int64,
            "rules": pl.List(pl.String),
            "record": pl.String,
        }
    )
    written = frame.with_columns(pl.lit(TRIED).alias(BATCH), pl.lit(1, pl.Int64).alias(LINE))
    batch = Batch(TRIED, TRIED, Path(), 0)
    sifted = sift(source, [Unsifted(batch, written, rejects, ())])
    rejected = set_orphans_aside(source, sifted, session).rejected
    return {rule for rules in rejected["rules"] for rule in rules}


def _agreements(declared: Source | Model, rows: Rows, session: Session) -> dict[str, str]:
    if isinstance(declared, Source):
        return {}
    wrong = {}
    for agrees in declared.agrees:
        create(table_for(declared), _frame(declared.contract, _with_total(agrees, rows)), session)
        for more, outcome in ((0, Outcome.PASS), (1, Outcome.FAIL)):
            create(Table.of(agrees.of), _other(declared, agrees, rows, more), session)
            checks = audit_agreements(declared, session)
            (check,) = (each for each in checks if each.name == agrees.rule)
            if check.outcome is not outcome:
                wrong[agrees.rule] = f"{agrees.rule}: the audit says {check.outcome}, not {outcome}"
    return wrong


def _with_total(agrees: Agrees, rows: Rows) -> Row:
    assert rows.valid is not None
    row = dict(rows.valid)
    if agrees.total is not None and row[agrees.total] is None:
        row[agrees.total] = 1
    return row


def _other(model: Model, agrees: Agrees, rows: Rows, more: int) -> pl.DataFrame:
    """What agrees with that row, or has a little more."""
    row = _with_total(agrees, rows)
    types = {column.name: column.dtype for column in model.contract.columns()}
    made: dict[str, Any] = {name: row[name] for name in agrees.by}
    schema = {name: types[name] for name in agrees.by}
    if agrees.total is not None:
        theirs, value = agrees.theirs or agrees.total, row[agrees.total]
        dtype = types[agrees.total]
        step = Decimal(1).scaleb(-dtype.scale) if isinstance(dtype, pl.Decimal) else 1
        made[theirs], schema[theirs] = value + more * step, dtype
        return pl.DataFrame([made], schema=schema)
    schema, made = {**schema, "_row": pl.Int64()}, {**made, "_row": 1}
    return pl.DataFrame([made] * (1 + more), schema=schema)


def _frame(contract: type[Contract], *rows: Row) -> pl.DataFrame:
    schema = {column.name: column.dtype for column in contract.columns()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")
