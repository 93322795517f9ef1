"""The contract of the ingestion benchmark, as a data team would write it."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.ingesting import CHANNELS, CURRENCIES, STATES
from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key
from sluicegate.sources import Delimited, Files, Load, Ndjson


class Payments(Contract):
    """One row a payment."""

    payment_id: str = key(matches="P[0-9]{10}")
    booked_at: UtcTimestamp = field(ge=datetime(2026, 1, 1, tzinfo=UTC))
    amount: Money = field(gt=0)
    currency: str = field(isin=CURRENCIES)
    merchant_id: str = field(matches="M[0-9]{6}")
    customer_id: str = field()
    status: str = field(isin=STATES)
    channel: str = field(isin=CHANNELS)
    attempts: int = field(ge=1, le=9)
    description: str = field(nullable=True)


def source(suffix: str) -> Files:
    """Its source: a text file of one kind or the other."""
    return Files(
        "payments",
        contract=Payments,
        match=f"*{suffix}",
        format=Delimited() if suffix == ".csv" else Ndjson(),
        load=Load.APPEND,
        tolerate="5 %",
        owner="benchmarks",
    )
