"""References in place: rows whose value does not stand where their contract says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sluicegate.contracts import Column, Contract
from sluicegate.contracts.foreign_keys import RULE, ForeignKey
from sluicegate.ingestion.foreign_keys import table_of
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import ALIAS, identifier
from sluicegate.quality.check import Check, Outcome, verdict_of
from sluicegate.quality.keys import SHOWN, lacking, shown_keys

ALL: tuple[str, Sequence[Any]] = ("true", ())


def audit_references(
    table: Table,
    contract: type[Contract],
    session: Session,
    *,
    rows: tuple[str, Sequence[Any]] = ALL,
) -> list[Check]:
    """One check a reference of the contract; a value that is absent refers to nothing.

    That there are rows at all is what the other checks of the table say.

    Args:
        rows: condition of those that are looked at, with its parameters.
    """
    return [
        _audited(table, contract, column, session, rows)
        for column in contract.columns()
        if column.references is not None
    ]


def orphans(contract: type[Contract], *, catalog: str = f"{ALIAS}.") -> dict[str, str]:
    """SQL that is true of the rows that name what is not there, by rule.

    Args:
        catalog: what stands before the other table's schema; nothing in a file of its own.
    """
    return {
        f"{column.name}:{RULE}": _orphan(column, column.references, catalog)
        for column in contract.columns()
        if column.references is not None
    }


def _orphan(column: Column, key: ForeignKey, catalog: str) -> str:
    mine, theirs, table = identifier(column.name), identifier(key.column), table_of(key)
    named = f"{catalog}{identifier(table.schema)}.{identifier(table.name)}"
    there = f"{mine} IN (SELECT {theirs} FROM {named} WHERE {theirs} IS NOT NULL)"
    return f"{mine} IS NOT NULL AND NOT {there}"


def _audited(
    table: Table,
    contract: type[Contract],
    column: Column,
    session: Session,
    rows: tuple[str, Sequence[Any]],
) -> Check:
    assert column.references is not None
    rule, on, theirs = f"{column.name}:{RULE}", str(table), table_of(column.references)
    wanted = ((table, (column.name,)), (theirs, (column.references.column,)))
    if why := lacking(session, *wanted):
        return Check(rule, on, Outcome.ERROR, 0, message=why)
    where, parameters = rows
    here, lost = f"FROM {table.sql} WHERE {where}", orphans(contract)[rule]
    values = f"count({identifier(column.name)})"
    ((height, named),) = session.rows(f"SELECT count(*), {values} {here}", parameters)
    failures = int(session.scalar(f"SELECT count(*) {here} AND {lost}", parameters))
    keys = ", ".join(map(identifier, contract.key()))
    some = f"SELECT {keys} {here} AND {lost} ORDER BY ALL LIMIT {SHOWN}"
    return verdict_of(
        rule,
        on,
        looked_at=height,
        failures=failures,
        message=f"{failures:,} of {height:,} rows name what is not in {column.references}",
        may_be_empty=True,
        rows=shown_keys(contract, session.rows(some, parameters) if failures else ()),
    ).narrowed(named)
