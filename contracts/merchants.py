"""Merchants as acquiring keeps them: a list of all, with what changed in it."""

from __future__ import annotations

from sluicegate.contracts import PII, Contract, Date, Reference, UtcTimestamp, field, iban, key
from sluicegate.sources import Files, Load, Parquet, within


class Merchants(Contract):
    """One row a merchant. A newer list replaces what is known of it.

    Merchants are businesses, but one may be a single person: then its name and its account are
    that person's.
    """

    merchant_id: str = key(matches="M[0-9]{6}", description="Number of the merchant.")
    legal_name: str = field(pii=PII.DIRECT, description="Name in the register of companies.")
    mcc: str = field(
        matches="[0-9]{4}",
        description="Merchant category code; ISO 18245 need not list it.",
    )
    country: str = field(matches="[A-Z]{2}", description="Country, ISO 3166-1 alpha-2.")
    iban: str = field(check=iban, pii=PII.DIRECT, description="Account that is paid out to.")
    onboarded_on: Date = field(description="Day of the contract with the merchant.")
    risk_tier: str = field(isin=("low", "medium", "high"), description="Judgement of acquiring.")
    updated_at: UtcTimestamp = field(description="Moment at which the record last changed.")


source = Files(
    "merchants",
    contract=Merchants,
    match="merchants/*.parquet",
    format=Parquet(),
    load=Load.MERGE,
    tolerate="3 %",
    owner="acquiring",
    fresh=within("8 days"),
    # A code that ISO 18245 does not list has the right form, and means nothing.
    reference=Reference("raw.mcc_codes", on={"mcc": "mcc"}),
)
