"""Money that goes back: refunds and chargebacks, as the processor's API lists them."""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import (
    ISO_4217,
    Contract,
    Money,
    Reference,
    Severity,
    UtcTimestamp,
    field,
    key,
    rule,
)
from sluicegate.sources import Load, Pages


class Refunds(Contract):
    """One row a refund, in its newest state."""

    refund_id: str = key(description="Number that the processor gave the refund.")
    payment_id: str = field(description="Payment that is given back, in full or in part.")
    created_at: UtcTimestamp = field(description="Moment at which the merchant asked for it.")
    updated_at: UtcTimestamp = field(description="Moment at which its state last changed.")
    amount: Money = field(gt=0, description="Amount in major units of the currency.")
    currency: str = field(isin=ISO_4217, description="Currency of the amount, ISO 4217.")
    reason: str = field(
        isin=("requested_by_customer", "duplicate", "fraudulent", "other"),
        description="Why it is given back.",
    )
    status: str = field(isin=("pending", "succeeded", "failed"), description="State of the refund.")

    @rule
    def changes_after_it_began(self) -> pl.Expr:
        """Nothing changes before it is there."""
        return pl.col("updated_at") >= pl.col("created_at")


class Chargebacks(Contract):
    """One row a chargeback, in its newest state."""

    chargeback_id: str = key(description="Number that the network gave the chargeback.")
    payment_id: str = field(description="Payment that the customer's bank takes back.")
    opened_at: UtcTimestamp = field(description="Moment at which the bank opened it.")
    updated_at: UtcTimestamp = field(description="Moment at which its state last changed.")
    resolved_at: UtcTimestamp = field(
        nullable=True, description="Moment at which it was won or lost; absent until then."
    )
    amount: Money = field(gt=0, description="Amount in major units of the currency.")
    currency: str = field(isin=ISO_4217, description="Currency of the amount, ISO 4217.")
    network: str = field(isin=("visa", "mastercard"), description="Card network.")
    reason_code: str = field(
        matches=r"[0-9]{2,4}(\.[0-9])?", description="Reason, in the network's own code."
    )
    status: str = field(
        isin=("open", "won", "lost"), description="State; of a lost one, the money is gone."
    )

    @rule
    def resolved_after_it_was_opened(self) -> pl.Expr:
        """A dispute ends after it began."""
        return pl.col("resolved_at") >= pl.col("opened_at")

    @rule
    def resolved_if_decided(self) -> pl.Expr:
        """What is won or lost was resolved at some moment, and what is open was not."""
        return pl.col("resolved_at").is_not_null() == (pl.col("status") != "open")

    @rule(severity=Severity.WARN)
    def reason_of_its_network(self) -> pl.Expr:
        """Visa's reasons have a point, Mastercard's have none.

        Networks renumber their reasons, and the money is gone under a number that is new to us as
        well: it is told, and the chargeback counts.
        """
        return pl.col("reason_code").str.contains(".", literal=True) == (
            pl.col("network") == "visa"
        )


# What was paid says in which currency it can be given back.
_PAYMENTS = Reference(
    "raw.payments", on={"payment_id": "payment_id"}, agree={"currency": "currency"}
)

refunds = Pages(
    "refunds",
    contract=Refunds,
    endpoint="processor",
    path="v1/refunds",
    changed="updated_at",
    load=Load.MERGE,
    tolerate="5 %",
    # Nobody may have asked for anything yet.
    may_be_empty=True,
    owner="payments",
    reference=_PAYMENTS,
)

chargebacks = Pages(
    "chargebacks",
    contract=Chargebacks,
    endpoint="processor",
    path="v1/chargebacks",
    changed="updated_at",
    load=Load.MERGE,
    tolerate="5 %",
    # Nobody may have asked for anything yet.
    may_be_empty=True,
    owner="disputes",
    reference=_PAYMENTS,
)
