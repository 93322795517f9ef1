"""What the tables promise that dbt builds: audited in the branch, before anybody may see them."""

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
    Rate,
    UtcTimestamp,
    field,
    key,
    rule,
)

_CORRIDOR = "[A-Z]{2}-[A-Z]{2}"
_RATE_SOURCES = ("identity", "ecb", "none")


class StagedRates(Contract):
    """One row a currency and publication day."""

    currency: str = key()
    rate_date: Date = key()
    rate: Rate = field(gt=0)


class RatesInForce(Contract):
    """One row a business day and currency in which something was paid on it."""

    booked_on: Date = key()
    currency: str = key(isin=ISO_4217)
    rate_source: str = field(isin=_RATE_SOURCES)
    rate: Rate = field(nullable=True, gt=0)


class PaymentsEur(Contract):
    """One row a payment, in euro at the rate in force on its business day."""

    payment_id: str = key()
    customer_id: str = field(pii=PII.INDIRECT, mask=Mask.PATTERN)
    booked_on: Date = field()
    booked_at: UtcTimestamp = field()
    corridor: str = field(matches=_CORRIDOR)
    amount: Money = field(gt=0)
    currency: str = field(isin=ISO_4217)
    rate: Rate = field(nullable=True, gt=0)
    rate_date: Date = field(nullable=True)
    rate_source: str = field(isin=_RATE_SOURCES)
    amount_eur: Money = field(nullable=True, ge=0)

    @rule
    def booked_on_that_day(self) -> pl.Expr:
        """The business day begins at most one hour before midnight UTC, or two in summer."""
        shift = pl.col("booked_on").cast(pl.Datetime("us", "UTC")) - pl.col("booked_at")
        return shift.is_between(-pl.duration(hours=24), pl.duration(hours=2))

    @rule
    def rate_was_known(self) -> pl.Expr:
        """No payment is converted at a rate from its future."""
        return pl.col("rate_date") <= pl.col("booked_on")

    @rule
    def converted_if_rated(self) -> pl.Expr:
        """There is a euro amount exactly where there is a rate."""
        return pl.col("amount_eur").is_not_null() == (pl.col("rate_source") != "none")

    @rule
    def euro_is_euro(self) -> pl.Expr:
        """An amount in euro stays what it is."""
        same = pl.col("amount_eur").eq_missing(pl.col("amount"))
        return pl.when(pl.col("currency") == "EUR").then(same)


class DailyCorridorVolume(Contract):
    """One row a business day and corridor."""

    booked_on: Date = key()
    corridor: str = key(matches=_CORRIDOR)
    payments: int = field(ge=1)
    volume_eur: Money = field(ge=0)
    unconverted_payments: int = field(ge=0)
    refunded_eur: Money = field(ge=0)
    charged_back_eur: Money = field(ge=0)
    net_eur: Money = field()

    @rule
    def part_of_the_payments(self) -> pl.Expr:
        """No more payments are unconverted than there are."""
        return pl.col("unconverted_payments") <= pl.col("payments")

    @rule
    def net_is_what_is_left(self) -> pl.Expr:
        """Net = volume - refunded - charged back, to the cent."""
        left = pl.col("volume_eur") - pl.col("refunded_eur") - pl.col("charged_back_eur")
        return pl.col("net_eur") == left


class FxCoverage(Contract):
    """One row a business day and currency."""

    booked_on: Date = key()
    currency: str = key(isin=ISO_4217)
    payments: int = field(ge=1)
    converted_payments: int = field(ge=0)
    unconverted_payments: int = field(ge=0)
    rate_age_days: int = field(nullable=True, ge=0, le=7)

    @rule
    def adds_up(self) -> pl.Expr:
        """Every payment is either converted or not."""
        return pl.col("converted_payments") + pl.col("unconverted_payments") == pl.col("payments")


stg_fx_rates = Model("staging.stg_fx_rates", contract=StagedRates)
int_rates_in_force = Model("intermediate.int_rates_in_force", contract=RatesInForce)
payments_eur = Model("marts.payments_eur", contract=PaymentsEur)
daily_corridor_volume = Model(
    "marts.daily_corridor_volume",
    contract=DailyCorridorVolume,
    # What merchants and corridors are told of one day is the same money.
    agrees=tuple(
        Agrees("marts.daily_merchant_volume", total, by=("booked_on",))
        for total in ("payments", "volume_eur", "refunded_eur", "charged_back_eur", "net_eur")
    ),
)
fx_coverage = Model("marts.fx_coverage", contract=FxCoverage)
