"""What the audit of a table counts, by dimension of quality, from what it counts by rule.

The definitions are those of :mod:`sluicegate.ingestion.tally`: completeness counts values, and all
else counts rows. How many rows break a dimension is known from the rules, unless several of its
rules are broken: only then is the table asked again, for the rows that break any of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sluicegate.contracts import Contract, Dimension, judge, promises_of
from sluicegate.ingestion.tally import Tally
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.quality.compiled import compiled
from sluicegate.quality.foreign_keys import orphans

ROWS_AT_ONCE = 500_000
_WRONG = identifier(":wrong")


def tallied(
    table: Table,
    contract: type[Contract],
    session: Session,
    height: int,
    broken: Mapping[str, int],
) -> dict[Dimension, Tally]:
    """What was looked at, and what failed, by dimension; one without a rule is not there.

    Args:
        height: rows of the table.
        broken: rule → rows that break it, of all that was looked at; of a key, those too many.
    """
    promises = promises_of(contract)
    found: dict[Dimension, Tally] = {}
    for dimension in Dimension:
        rules = [rule for rule in promises.of(dimension) if rule in broken]
        if not rules or not height:
            continue
        if dimension is Dimension.COMPLETENESS:
            missing = sum(broken[rule] for rule in rules)
            found[dimension] = Tally(height * len(rules), missing)
            continue
        wrong = [rule for rule in rules if broken[rule]]
        failed = sum(broken[rule] for rule in wrong)
        if len(wrong) > 1:
            failed = _any_of(wrong, table, contract, session, height)
        found[dimension] = Tally(height, failed)
    return found


def _any_of(
    rules: Collection[str], table: Table, contract: type[Contract], session: Session, height: int
) -> int:
    """Rows that break at least one of some rules."""
    in_place = {**compiled(contract), **orphans(contract)}
    either = " OR ".join(f"({in_place[rule]})" for rule in rules if rule in in_place) or "false"
    rest = [rule for rule in rules if rule not in in_place]
    if not rest:
        return int(session.scalar(f"SELECT count(*) FROM {table.sql} WHERE {either}"))
    columns = ", ".join(identifier(column.name) for column in contract.columns())
    key = ", ".join(map(identifier, contract.key()))
    count, failed = max(1, -(-height // ROWS_AT_ONCE)), 0
    for part in range(count):
        where = f" WHERE hash({key}) % {count} = {part}" if count > 1 else ""
        frame = session.frame(
            f"SELECT {columns}, coalesce({either}, false) AS {_WRONG} FROM {table.sql}{where}"
        )
        wrong = judge(contract, frame.drop(":wrong")).only(rest).rejected
        failed += int((wrong | frame[":wrong"]).sum())
    return failed
