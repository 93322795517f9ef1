"""Auditing the tables of a branch against their contracts, after everything was built.

Tables are read in slices of bounded size and judged by pandera; whether keys are unique is asked
of the whole table at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sluicegate.contracts import PII, Contract, Model, judge
from sluicegate.errors import ContractError
from sluicegate.ingestion import raw_table
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.quality.check import Check, Outcome, verdict_of
from sluicegate.sources import Source

ROWS_AT_ONCE = 500_000
_SHOWN = 5


def audit_source(source: Source, session: Session) -> list[Check]:
    """One check a rule of a source's contract, over every row that it published."""
    return audit_table(
        raw_table(source), source.contract, session, may_be_empty=source.may_be_empty
    )


def audit_model(model: Model, session: Session) -> list[Check]:
    """One check a rule of a model's contract, over every row that dbt built."""
    return audit_table(
        Table.of(model.table),
        model.contract,
        session,
        may_be_empty=model.may_be_empty,
        unique=model.unique,
    )


def audit_table(
    table: Table,
    contract: type[Contract],
    session: Session,
    *,
    may_be_empty: bool = False,
    unique: bool = True,
) -> list[Check]:
    """One check a rule of the contract, over every row of the table."""
    on = str(table)
    if not session.exists(table):
        return [Check("exists", on, Outcome.ERROR, 0, message="the table is not in the branch")]
    height = int(session.scalar(f"SELECT count(*) FROM {table.sql}"))
    broken: dict[str, int] = {}
    shown: dict[str, tuple[str, ...]] = {}
    try:
        for frame in _slices(table, contract, session, height):
            verdict = judge(contract, frame)
            for rule, mask in verdict.broken.items():
                broken[rule] = broken.get(rule, 0) + int(mask.sum())
                shown.setdefault(rule, _keys(contract, frame.filter(mask)))
    except ContractError as error:
        return [Check("applies", on, Outcome.ERROR, height, message=error.message)]
    rules = list(contract.rules())
    if unique:
        broken[contract.unique_rule()], shown[contract.unique_rule()] = _taken_twice(
            table, contract, session
        )
    else:
        rules.remove(contract.unique_rule())
    return [
        verdict_of(
            rule,
            on,
            looked_at=height,
            failures=broken.get(rule, 0),
            message=f"{broken.get(rule, 0):,} of {height:,} rows break it",
            may_be_empty=may_be_empty,
            rows=shown.get(rule, ()),
        )
        for rule in rules
    ]


def _slices(
    table: Table, contract: type[Contract], session: Session, height: int
) -> Iterator[pl.DataFrame]:
    """Slices of a table by hash of the key: bounded memory, every row in exactly one slice."""
    present = session.types(table)
    wanted = [column.name for column in contract.columns()]
    if missing := [name for name in wanted if name not in present]:
        raise ContractError(
            f"the contract names columns that the table does not have: {', '.join(missing)}"
        )
    columns = ", ".join(map(identifier, wanted))
    key = ", ".join(map(identifier, contract.key()))
    count = max(1, -(-height // ROWS_AT_ONCE))
    for part in range(count):
        where = f" WHERE hash({key}) % {count} = {part}" if count > 1 else ""
        yield session.frame(f"SELECT {columns} FROM {table.sql}{where}")


def _taken_twice(
    table: Table, contract: type[Contract], session: Session
) -> tuple[int, tuple[str, ...]]:
    key = ", ".join(identifier(name) for name in contract.key())
    copies = f"SELECT {key}, count(*) AS _rows FROM {table.sql} GROUP BY {key}"
    twice = f"FROM ({copies}) WHERE _rows > 1"
    count = int(session.scalar(f"SELECT coalesce(sum(_rows - 1), 0) {twice}"))
    if not count:
        return 0, ()
    return count, _keys(contract, session.frame(f"{twice} LIMIT {_SHOWN}"))


def _keys(contract: type[Contract], frame: pl.DataFrame) -> tuple[str, ...]:
    """How to find some rows again: their keys, masked where a key is personal."""
    personal = {column.name for column in contract.columns() if column.pii is not PII.NONE}
    return tuple(
        ", ".join(
            f"{name}={'***' if name in personal else value}"
            for name, value in zip(contract.key(), row, strict=True)
        )
        for row in frame.head(_SHOWN).select(contract.key()).iter_rows()
    )
