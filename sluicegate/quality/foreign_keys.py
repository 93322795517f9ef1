"""References in place: rows whose value does not stand where their contract says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sluicegate.contracts import Column, Contract
from sluicegate.contracts.foreign_keys import RULE
from sluicegate.ingestion.foreign_keys import table_of
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
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


def orphans(contract: type[Contract]) -> dict[str, str]:
    """SQL that is true of the rows that name what is not there, by rule."""
    found = {}
    for column in contract.columns():
        if column.references is not None:
            mine, theirs = identifier(column.name), identifier(column.references.column)
            known = f"SELECT {theirs} FROM {table_of(column.references).sql}"
            there = f"{mine} IN ({known} WHERE {theirs} IS NOT NULL)"
            found[f"{column.name}:{RULE}"] = f"{mine} IS NOT NULL AND NOT {there}"
    return found


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
    mine = f"(SELECT * FROM {table.sql} WHERE {where}) AS mine"
    orphans = (
        f"FROM {mine} ANTI JOIN {theirs.sql} AS theirs"
        f" ON mine.{identifier(column.name)} = theirs.{identifier(column.references.column)}"
        f" WHERE mine.{identifier(column.name)} IS NOT NULL"
    )
    height = int(session.scalar(f"SELECT count(*) FROM {mine}", parameters))
    lost = int(session.scalar(f"SELECT count(*) {orphans}", parameters))
    keys = ", ".join(map(identifier, contract.key()))
    shown = (
        session.rows(f"SELECT {keys} {orphans} ORDER BY ALL LIMIT {SHOWN}", parameters)
        if lost
        else ()
    )
    return verdict_of(
        rule,
        on,
        looked_at=height,
        failures=lost,
        message=f"{lost:,} of {height:,} rows name what is not in {column.references}",
        may_be_empty=True,
        rows=shown_keys(contract, shown),
        sql="",
    )
