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
    """How near a column is to a person."""

    NONE = "none"
    INDIRECT = "indirect"
    """Identifies a person together with other data (a customer number)."""
    DIRECT = "direct"
    """Identifies a person by itself (an IBAN, a name, free text). Masked wherever shown."""
