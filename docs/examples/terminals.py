"""Card terminals, as the acquirer lists them: one CSV file whenever the list changes."""

from __future__ import annotations

from sluicegate.contracts import Contract, Date, field, key
from sluicegate.sources import Files, Load


class Terminals(Contract):
    """One row a terminal. A newer list replaces what is known of it."""

    terminal_id: str = key(matches="T[0-9]{6}")
    merchant_id: str = field(matches="M[0-9]{6}")
    installed_on: Date = field()
    model: str = field(isin=("counter", "mobile", "unattended"))


source = Files(
    "terminals",
    contract=Terminals,
    match="terminals/*.csv",
    load=Load.MERGE,
    tolerate="25 %",
    owner="acceptance",
)
