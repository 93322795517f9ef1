"""What the tables promise about customers and merchants, and about what models are trained with."""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import (
    PII,
    Contract,
    Mask,
    Model,
    Money,
    UtcTimestamp,
    field,
    key,
    rule,
)

_BUSINESS_ZONE = "Europe/Berlin"


class Customers(Contract):
    """One row a version of a customer. That no two overlap is tested by dbt."""

    customer_id: str = key(pii=PII.INDIRECT, mask=Mask.PATTERN)
    version: int = key()
    valid_from: UtcTimestamp = field()
    valid_to: UtcTimestamp = field(nullable=True)
    segment: str = field(isin=("retail", "premium", "business"))
    kyc_level: str = field(isin=("basic", "full", "enhanced"))
    credit_limit_eur: Money = field(ge=0)
    country: str = field(matches="[A-Z]{2}")

    @rule
    def ends_after_it_began(self) -> pl.Expr:
        """No version ends before it begins."""
        return pl.col("valid_to") >= pl.col("valid_from")


class Merchants(Contract):
    """One row a merchant, known or not, with how risky it is."""

    merchant_id: str = key()
    legal_name: str = field(nullable=True, pii=PII.DIRECT)
    mcc: str = field(nullable=True, matches="[0-9]{4}")
    payments: int = field()
    failed_payments: int = field(ge=0)
    refunded_payments: int = field(ge=0)
    chargebacks: int = field(ge=0)
    volume_eur: Money = field(ge=0)
    refunded_eur: Money = field(ge=0)
    charged_back_eur: Money = field(ge=0)

    @rule
    def refunded_ones_are_payments(self) -> pl.Expr:
        """No more payments are refunded than there are."""
        return pl.col("refunded_payments") <= pl.col("payments")


class CustomerCreditFeatures(Contract):
    """One row a customer and Monday: what was known just before it began."""

    customer_id: str = key(pii=PII.INDIRECT, mask=Mask.PATTERN)
    as_of: UtcTimestamp = key()
    observed_days: int = field(ge=7, le=28)
    payments_7d: int = field(ge=0)
    volume_eur_7d: Money = field(ge=0)
    payments_28d: int = field()
    volume_eur_28d: Money = field()
    merchants_28d: int = field(ge=0)
    unsettled_payments: int = field(ge=0)
    refunds_28d: int = field(ge=0)
    refunded_eur_28d: Money = field(ge=0)
    chargebacks: int = field()
    chargebacks_lost: int = field(ge=0)
    days_since_first_payment: int = field()
    days_since_last_payment: int = field(ge=1)
    credit_limit_eur: Money = field(nullable=True, ge=0)

    @rule
    def as_of_a_monday(self) -> pl.Expr:
        """A Monday, 00:00, in the business time zone."""
        local = pl.col("as_of").dt.convert_time_zone(_BUSINESS_ZONE)
        return (local.dt.weekday() == 1) & (local.dt.time() == pl.time(0))

    @rule
    def the_week_is_part_of_the_weeks(self) -> pl.Expr:
        """What is in the last 7 days is in the last 28."""
        payments = pl.col("payments_7d") <= pl.col("payments_28d")
        return payments & (pl.col("volume_eur_7d") <= pl.col("volume_eur_28d"))

    @rule
    def parts_are_no_more_than_the_whole(self) -> pl.Expr:
        """Every merchant was paid at least once, and what is lost was opened."""
        merchants = pl.col("merchants_28d") <= pl.col("payments_28d")
        return merchants & (pl.col("chargebacks_lost") <= pl.col("chargebacks"))

    @rule
    def last_is_not_before_first(self) -> pl.Expr:
        """The last payment is not before the first one."""
        return pl.col("days_since_last_payment") <= pl.col("days_since_first_payment")


customers = Model("marts.customers", contract=Customers)
merchants = Model("marts.merchants", contract=Merchants)
# Before the second Monday there is too little behind any moment to say something of it.
customer_credit_features = Model(
    "marts.customer_credit_features", contract=CustomerCreditFeatures, may_be_empty=True
)
