"""What the histories promise: versions that dbt keeps, and that nothing could build again."""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import PII, Contract, Mask, Model, Money, UtcTimestamp, field, key, rule


class CustomersHistory(Contract):
    """One row a version of a customer that a run has seen.

    A customer who was deleted and comes back unchanged brings the moment of the change along: so
    two versions may begin at one moment.
    """

    customer_id: str = key(pii=PII.INDIRECT, mask=Mask.PATTERN)
    updated_at: UtcTimestamp = field()
    segment: str = field(isin=("retail", "premium", "business"))
    kyc_level: str = field(isin=("basic", "full", "enhanced"))
    credit_limit_eur: Money = field(ge=0)
    country: str = field(matches="[A-Z]{2}")
    # A year is shared by too many to tell who it is, and the ages of customers follow from it.
    birth_year: pl.Int32 = field(nullable=True, pii=PII.INDIRECT, mask=Mask.KEEP)
    # dbt's hash of the number and the moment: whoever tries all numbers finds the right one.
    dbt_scd_id: str = field(pii=PII.INDIRECT, description="Hash that dbt knows the version by.")
    dbt_updated_at: UtcTimestamp = field(description="The `updated_at` of the version.")
    dbt_valid_from: UtcTimestamp = key()
    dbt_valid_to: UtcTimestamp = field(nullable=True)


class MerchantsHistory(Contract):
    """One row a version of a merchant that a run has seen."""

    merchant_id: str = key()
    updated_at: UtcTimestamp = field()
    mcc: str = field(matches="[0-9]{4}")
    country: str = field(matches="[A-Z]{2}")
    risk_tier: str = field(isin=("low", "medium", "high"))
    dbt_scd_id: str = field(description="Hash that dbt knows the version by.")
    dbt_updated_at: UtcTimestamp = field(description="The `updated_at` of the version.")
    dbt_valid_from: UtcTimestamp = key()
    dbt_valid_to: UtcTimestamp = field(nullable=True)

    @rule
    def ends_after_it_began(self) -> pl.Expr:
        """No version ends before it begins."""
        return pl.col("dbt_valid_to") >= pl.col("dbt_valid_from")


customers_history = Model("snapshots.customers_history", contract=CustomersHistory, unique=False)
merchants_history = Model("snapshots.merchants_history", contract=MerchantsHistory)
