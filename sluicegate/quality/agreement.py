"""Agreements in place: whether a model's totals are those of another table."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from sluicegate.contracts import PII, Agrees, Model
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.quality.check import Check, Outcome, verdict_of
from sluicegate.quality.keys import SHOWN, lacking

# Names that no column of a contract can have.
_TOTAL, _ROWS, _THERE = map(identifier, (":total", ":rows", ":there"))


def audit_agreements(model: Model, session: Session) -> list[Check]:
    """One check an agreement of a model; it looks at every group that either table has."""
    return [_audited(model, each, session) for each in model.agrees]


def _audited(model: Model, agrees: Agrees, session: Session) -> Check:
    mine, theirs = Table.of(model.table), Table.of(agrees.of)
    totals = (agrees.total, agrees.theirs or agrees.total) if agrees.total else ()
    wanted = ((mine, (*agrees.by, *totals[:1])), (theirs, (*agrees.by, *totals[1:])))
    if why := lacking(session, *wanted):
        return Check(agrees.rule, model.table, Outcome.ERROR, 0, message=why)
    both = _both(mine, theirs, agrees)
    differ = f"WHERE mine.{_TOTAL} IS DISTINCT FROM theirs.{_TOTAL}"
    there = f"WHERE coalesce(mine.{_ROWS}, 0) + coalesce(theirs.{_ROWS}, 0) > 0"
    groups = int(session.scalar(f"SELECT count(*) {both} {there}"))
    failures = int(session.scalar(f"SELECT count(*) {both} {differ}"))
    named = [f"coalesce(mine.{column}, theirs.{column})" for column in _groups(agrees)]
    shown = (
        session.rows(
            f"SELECT {', '.join([*named, f'mine.{_TOTAL}', f'theirs.{_TOTAL}'])} {both} {differ}"
            f" ORDER BY ALL LIMIT {SHOWN}"
        )
        if failures
        else []
    )
    personal = _personal(model)
    return verdict_of(
        agrees.rule,
        model.table,
        looked_at=groups,
        failures=failures,
        message=f"in {failures:,} of {groups:,} groups it is not so that {agrees}",
        may_be_empty=model.may_be_empty,
        rows=tuple(_told(agrees, personal, *row) for row in shown),
    )


def _both(mine: Table, theirs: Table, agrees: Agrees) -> str:
    """The totals of each group, side by side; a group of absent values is a group."""
    groups = _groups(agrees)
    on = (f"mine.{column} IS NOT DISTINCT FROM theirs.{column}" for column in groups)
    joined = reduce(lambda one, other: f"{one} AND {other}", on, f"mine.{_THERE} = theirs.{_THERE}")
    ours, other = agrees.total, agrees.theirs or agrees.total
    return (
        f"FROM {_totals(mine, ours, groups)} AS mine"
        f" FULL JOIN {_totals(theirs, other, groups)} AS theirs ON {joined}"
    )


def _totals(table: Table, total: str | None, groups: list[str]) -> str:
    # Without groups, a table without rows still has a total: none.
    summed = f"sum({identifier(total)})" if total else "count(*)"
    columns = ", ".join(
        [*groups, f"true AS {_THERE}", f"count(*) AS {_ROWS}", f"{summed} AS {_TOTAL}"]
    )
    by = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f"(SELECT {columns} FROM {table.sql}{by})"


def _groups(agrees: Agrees) -> list[str]:
    return [identifier(name) for name in agrees.by]


def _personal(model: Model) -> Collection[str]:
    return {column.name for column in model.contract.columns() if column.pii is not PII.NONE}


def _told(agrees: Agrees, personal: Collection[str], *row: object) -> str:
    *values, ours, theirs = row
    groups = [
        f"{name}={'***' if name in personal else value}"
        for name, value in zip(agrees.by, values, strict=True)
    ]
    totals = "***" if agrees.total in personal else f"{ours} against {theirs}"
    return ": ".join(filter(None, (", ".join(groups), totals)))
