"""Merchant category codes, ISO 18245: what a four-digit code means."""

from __future__ import annotations

from sluicegate.contracts import Contract, field, key
from sluicegate.sources import Files, Load, Under


class MccCodes(Contract):
    """One row a code."""

    mcc: str = key(reads="MCC", matches="[0-9]{4}", description="Merchant category code.")
    description: str = field(reads="DESCRIPTION", description="What the merchant trades in.")


source = Files(
    "mcc_codes",
    contract=MccCodes,
    match="iso18245_mcc.csv",
    under=Under.REFERENCE,
    load=Load.MERGE,
    tolerate="0 %",
    owner="acquiring",
)
