"""Accuracy: how many rows of a table agree with a reference, asked where the rows lie."""

from __future__ import annotations

from collections.abc import Mapping

from sluicegate.contracts import Reference
from sluicegate.ingestion.tally import Tally
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier


def accuracy_of(table: Table, reference: Reference, session: Session) -> Tally:
    """The rows that the reference can say anything of, and those that it contradicts."""
    trusted = Table.of(reference.table)
    if not (session.exists(table) and session.exists(trusted)):
        return Tally(0, 0)
    found, equal = _pairs(reference.on, "="), _pairs(reference.agree, "IS NOT DISTINCT FROM")
    given = " AND ".join(f"mine.{identifier(name)} IS NOT NULL" for name in reference.on)
    row = f"EXISTS (SELECT 1 FROM {trusted.sql} AS theirs WHERE {found}"
    # Where nothing has to agree, that the reference has no such row is what is wrong.
    known = f"{row})" if equal else "true"
    agrees = f"{row} AND {equal})" if equal else f"{row})"
    ((looked_at, failed),) = session.rows(
        "SELECT count(*) FILTER (WHERE known), count(*) FILTER (WHERE known AND NOT agrees) FROM"
        f" (SELECT {known} AS known, {agrees} AS agrees FROM {table.sql} AS mine WHERE {given})"
    )
    return Tally(int(looked_at), int(failed))


def _pairs(columns: Mapping[str, str], operator: str) -> str:
    return " AND ".join(
        f"mine.{identifier(own)} {operator} theirs.{identifier(other)}"
        for own, other in columns.items()
    )
