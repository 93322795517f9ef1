"""The table of a source grows with its contract, or the contract is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key
from sluicegate.errors import ContractError
from sluicegate.ingestion import grow, ingest, raw_table
from sluicegate.lake import Session
from tests.unit import kit


class OrdersToday(kit.Orders):
    """The contract, with a column that older files do not have."""

    channel: str = field(since="2026-11-01")


class OrdersStrict(kit.Orders):
    """The contract, with a column that every row must have."""

    channel: str = field()


class OrdersLoose(Contract):
    """The contract, with a column that may be absent now."""

    order_id: str = key()
    booked_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(nullable=True)
    paid: Money = field(nullable=True)


class OrdersRetyped(Contract):
    """The contract, with another type for a column that is published."""

    order_id: str = key()
    booked_at: str = field(nullable=True)
    amount: Money = field(gt=0)
    paid: Money = field(nullable=True)


def test_optional_column_is_added(session: Session, tmp_path: Path) -> None:
    """Rows of before have no value in it, rows of today keep theirs."""
    old = kit.source()
    ingest(old, [kit.orders(tmp_path, "a,,1.00,")], session, "first")
    new = kit.source(old.name, contract=OrdersToday)
    grow(new, session)
    grow(new, session)
    later = kit.batch(tmp_path, f"{kit.HEADER},channel\nb,,1.00,,web\n")
    ingest(new, [later], session, "second")
    rows = session.rows(f"SELECT order_id, channel FROM {raw_table(new).sql} ORDER BY 1")
    assert rows == [("a", None), ("b", "web")]


def test_column_may_become_optional(session: Session, tmp_path: Path) -> None:
    """A value that may be absent now is, although the table was made when it might not."""
    old = kit.source()
    ingest(old, [kit.orders(tmp_path, "a,,1.00,")], session, "first")
    new = kit.source(old.name, contract=OrdersLoose)
    grow(new, session)
    assert ingest(new, [kit.orders(tmp_path, "b,,,")], session, "second").receipts[0].published


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        (OrdersStrict, "'channel' is new and must have a value"),
        (OrdersRetyped, "'booked_at' was TIMESTAMP WITH TIME ZONE and is VARCHAR now"),
    ],
)
def test_contract_that_published_rows_break_is_refused(
    session: Session, tmp_path: Path, contract: type[Contract], why: str
) -> None:
    """What is published stays valid: a column that it lacks, or has otherwise, is refused."""
    old = kit.source()
    ingest(old, [kit.orders(tmp_path, "a,,1.00,")], session, "first")
    with pytest.raises(ContractError, match=why):
        grow(kit.source(old.name, contract=contract), session)


def test_table_that_is_not_there_needs_nothing(session: Session) -> None:
    """A source without a batch has no table to grow."""
    grow(kit.source(), session)
