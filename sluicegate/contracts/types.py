"""Column types of contracts, and the classes of personal data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import polars as pl

UtcTimestamp = Annotated[pl.Datetime, "us", "UTC"]
"""A moment. As text it must name its offset from UTC; it is kept in UTC, microseconds."""

Date = pl.Date
"""A calendar day. As text: ``2026-10-30``."""

Money = Annotated[pl.Decimal, 18, 2]
"""An amount in major units of its currency, two decimals."""

Rate = Annotated[pl.Decimal, 18, 6]
"""A price of one currency in another, six decimals."""


class PII(StrEnum):
    """How near a column is to a person; every column says so, and NONE is what most say.

    What is personal is masked wherever rows are shown, and replaced in a masked branch of the lake.
    """

    NONE = "none"
    """Says nothing of a person: an amount, a currency, the state of a payment."""
    INDIRECT = "indirect"
    """Identifies a person together with other data: a customer's number, a postal code, a year of
    birth. What is computed from something personal is of its class too, a hash for one."""
    DIRECT = "direct"
    """Identifies a person by itself: a name, an IBAN, an e-mail address, a street and number, a
    telephone number, a day of birth; and free text, because anything may stand in it."""
