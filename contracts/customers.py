"""Customers as the customer system exports them: everything it knows, once a day."""

from __future__ import annotations

from sluicegate.contracts import PII, Contract, Date, Mask, Money, UtcTimestamp, field, key
from sluicegate.sources import Files, Load, Ndjson, daily


class Customers(Contract):
    """One row a customer, as of the newest export. Who is deleted there, leaves."""

    customer_id: str = key(
        matches="C[0-9]{7}",
        pii=PII.INDIRECT,
        mask=Mask.PATTERN,
        description="Number of the customer.",
    )
    updated_at: UtcTimestamp = field(description="Moment at which the record last changed.")
    name: str = field(pii=PII.DIRECT, description="Name of the person or company.")
    email: str = field(
        pii=PII.DIRECT,
        mask=Mask.EMAIL,
        matches="[^@ ]+@[^@ ]+",
        description="Address for mail.",
    )
    born_on: Date = field(
        nullable=True, pii=PII.DIRECT, description="Date of birth; none for companies."
    )
    segment: str = field(isin=("retail", "premium", "business"), description="Kind of customer.")
    kyc_level: str = field(
        isin=("basic", "full", "enhanced"), description="How well they were identified."
    )
    credit_limit_eur: Money = field(ge=0, description="What they may owe, in euro.")
    street: str = field(
        reads="address.street", nullable=True, pii=PII.DIRECT, description="Street and number."
    )
    postal_code: str = field(
        reads="address.postal_code",
        nullable=True,
        pii=PII.INDIRECT,
        mask=Mask.SHAPE,
        description="Postal code.",
    )
    city: str = field(reads="address.city", nullable=True, pii=PII.INDIRECT, description="Town.")
    country: str = field(
        reads="address.country", matches="[A-Z]{2}", description="Country, ISO 3166-1 alpha-2."
    )


source = Files(
    "customers",
    contract=Customers,
    match="customers/*.ndjson*",
    format=Ndjson(),
    load=Load.REPLACE,
    tolerate="2 %",
    may_shrink="5 %",
    owner="customers",
    fresh=daily(by="06:00", tz="Europe/Berlin"),
)
