"""The contract of the validation benchmark, as a data team would write it."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from benchmarks.validating import CHANNELS, COUNTRIES, CURRENCIES, STATES
from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key, rule
from sluicegate.sources import Files, Load, Parquet


class Payments(Contract):
    """One row a payment."""

    payment_id: str = key(matches="P[0-9]{10}")
    booked_at: UtcTimestamp = field(
        ge=datetime(2026, 1, 1, tzinfo=UTC), lt=datetime(2027, 1, 1, tzinfo=UTC)
    )
    settled_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(gt=0, lt=1_000_000)
    fee: Money = field(ge=0, lt=10_000)
    currency: str = field(isin=CURRENCIES)
    country: str = field(isin=COUNTRIES)
    merchant_id: str = field(matches="M[0-9]{6}")
    customer_id: str = field()
    status: str = field(isin=STATES)
    channel: str = field(nullable=True, isin=CHANNELS)
    attempts: int = field(ge=1, le=9)
    description: str = field(nullable=True)

    @rule
    def settles_after_booking(self) -> pl.Expr:
        """Money cannot arrive before it was sent."""
        return pl.col("settled_at") >= pl.col("booked_at")

    @rule
    def fee_below_amount(self) -> pl.Expr:
        """What a payment costs is no more than what is paid."""
        return pl.col("fee") <= pl.col("amount")

    @rule
    def failed_never_settles(self) -> pl.Expr:
        """Money that was not sent does not arrive."""
        return (pl.col("status") != "failed") | pl.col("settled_at").is_null()

    @rule
    def settled_has_a_moment(self) -> pl.Expr:
        """What arrived did so at some moment."""
        return (pl.col("status") != "settled") | pl.col("settled_at").is_not_null()


def source() -> Files:
    """Its source: a Parquet file."""
    return Files(
        "payments",
        contract=Payments,
        match="*.parquet",
        format=Parquet(),
        load=Load.APPEND,
        tolerate="5 %",
        owner="benchmarks",
    )
