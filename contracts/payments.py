"""Payments as the processor reports them: one CSV drop a day, one row a payment."""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import (
    ISO_4217,
    PII,
    Contract,
    Mask,
    Money,
    UtcTimestamp,
    field,
    iban,
    key,
    rule,
)
from sluicegate.sources import Files, Load, daily


class Payments(Contract):
    """One row a payment, as booked; never changed afterwards."""

    payment_id: str = key(description="Number that the processor gave the payment.")
    booked_at: UtcTimestamp = field(description="Moment at which the payment was booked.")
    settled_at: UtcTimestamp = field(
        nullable=True, description="Moment at which the money arrived; absent until then."
    )
    amount: Money = field(gt=0, description="Amount in major units of the currency.")
    currency: str = field(isin=ISO_4217, description="Currency of the amount, ISO 4217.")
    debtor_iban: str = field(
        check=iban, pii=PII.DIRECT, domain="iban", description="Account that paid."
    )
    creditor_iban: str = field(
        check=iban, pii=PII.DIRECT, domain="iban", description="Account that was paid."
    )
    merchant_id: str = field(description="Merchant that was paid.")
    customer_id: str = field(pii=PII.INDIRECT, mask=Mask.PATTERN, description="Customer who paid.")
    status: str = field(
        isin=("authorised", "captured", "settled", "failed"), description="State of the payment."
    )
    description: str = field(
        nullable=True, pii=PII.DIRECT, description="Free text from the payer, possibly personal."
    )
    channel: str = field(
        since="2026-10-16",
        isin=("web", "app", "pos", "moto"),
        description="Where the payment was made.",
    )

    @rule
    def settles_after_booking(self) -> pl.Expr:
        """Money cannot arrive before it was sent."""
        return pl.col("settled_at") >= pl.col("booked_at")


source = Files(
    "payments",
    contract=Payments,
    match="payments/*.csv*",
    load=Load.APPEND,
    tolerate="5 %",
    owner="payments",
    fresh=daily(by="06:00", tz="Europe/Berlin"),
)
