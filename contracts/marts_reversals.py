"""What the tables promise that say what was given back, and what is left of the payments."""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import (
    ISO_4217,
    PII,
    Agrees,
    Contract,
    Date,
    Mask,
    Model,
    Money,
    UtcTimestamp,
    field,
    key,
    rule,
)

_KINDS = ("refund", "chargeback")
_UNMATCHED = ("payment_unknown", "payment_failed", "other_currency", "before_payment")
_TAKES_NOTHING = ("refund_failed", "chargeback_won")


class Reversals(Contract):
    """One row a refund or chargeback, held against its payment."""

    kind: str = key(isin=_KINDS)
    reversal_id: str = key()
    amount: Money = field(gt=0)
    currency: str = field(isin=ISO_4217)
    customer_id: str = field(nullable=True, pii=PII.INDIRECT, mask=Mask.PATTERN)
    asked_at: UtcTimestamp = field()
    booked_at: UtcTimestamp = field(nullable=True)
    match_status: str = field(isin=("matched", *_UNMATCHED))
    reason: str = field(isin=("matched", *_UNMATCHED, *_TAKES_NOTHING))
    amount_eur: Money = field(nullable=True, ge=0)

    @rule
    def matched_to_what_was_there(self) -> pl.Expr:
        """What is matched was asked for when its payment had been booked."""
        matched = pl.col("match_status") == "matched"
        return ~matched | (
            pl.col("booked_at").is_not_null() & (pl.col("asked_at") >= pl.col("booked_at"))
        )

    @rule
    def converted_only_if_matched(self) -> pl.Expr:
        """There is no rate for what belongs to no payment."""
        return pl.col("amount_eur").is_null() | (pl.col("match_status") == "matched")


class PaymentsNet(Contract):
    """One row a payment, with what is left of it.

    That net = amount - refunded - charged back is how it is computed; that the sums are those of
    all payments and reversals is tested by dbt.
    """

    payment_id: str = key(references="marts.payments_eur.payment_id")
    customer_id: str = field(pii=PII.INDIRECT, mask=Mask.PATTERN)
    refunded: Money = field(ge=0)
    charged_back: Money = field(ge=0)
    refunded_eur: Money = field(nullable=True, ge=0)
    charged_back_eur: Money = field(nullable=True, ge=0)


class UnmatchedReversals(Contract):
    """One row a refund or chargeback that is not netted, with the reason."""

    kind: str = key(isin=_KINDS)
    reversal_id: str = key()
    reason: str = field(isin=(*_UNMATCHED, *_TAKES_NOTHING))
    amount: Money = field(gt=0)
    currency: str = field(isin=ISO_4217)


class DailyMerchantVolume(Contract):
    """One row a business day and merchant."""

    booked_on: Date = key()
    merchant_id: str = key()
    payments: int = field()
    failed_payments: int = field(ge=0)
    unconverted_payments: int = field(ge=0)
    payments_with_channel: int = field()
    moto_payments: int = field(ge=0)
    refunded_payments: int = field(ge=0)
    volume_eur: Money = field(ge=0)
    refunded_eur: Money = field(ge=0)
    charged_back_eur: Money = field(ge=0)
    net_eur: Money = field()

    @rule
    def somebody_paid(self) -> pl.Expr:
        """There is no row without a payment, failed or not."""
        return pl.col("payments") + pl.col("failed_payments") > 0

    @rule
    def parts_of_the_payments(self) -> pl.Expr:
        """No part of the payments is more than there are."""
        return pl.max_horizontal(
            "unconverted_payments", "payments_with_channel", "refunded_payments"
        ) <= pl.col("payments")

    @rule
    def moto_is_a_channel(self) -> pl.Expr:
        """A payment by mail or telephone is one whose channel is known."""
        return pl.col("moto_payments") <= pl.col("payments_with_channel")

    @rule
    def net_is_what_is_left(self) -> pl.Expr:
        """Net = volume - refunded - charged back, to the cent."""
        left = pl.col("volume_eur") - pl.col("refunded_eur") - pl.col("charged_back_eur")
        return pl.col("net_eur") == left


int_reversals = Model("intermediate.int_reversals", contract=Reversals, may_be_empty=True)
payments_net = Model(
    "marts.payments_net", contract=PaymentsNet, agrees=(Agrees("marts.payments_eur"),)
)
unmatched_reversals = Model(
    "marts.unmatched_reversals", contract=UnmatchedReversals, may_be_empty=True
)
daily_merchant_volume = Model("marts.daily_merchant_volume", contract=DailyMerchantVolume)
