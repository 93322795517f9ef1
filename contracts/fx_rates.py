"""Euro foreign-exchange reference rates, as the European Central Bank publishes them."""

from __future__ import annotations

from sluicegate.contracts import Contract, Date, Rate, field, key
from sluicegate.sources import Load, Sdmx, within


class FxRates(Contract):
    """One row a currency and publication day. A revised rate replaces the one before."""

    currency: str = key(
        reads="CURRENCY", matches="[A-Z]{3}", description="Currency, ISO 4217 as of that day."
    )
    rate_date: Date = key(reads="TIME_PERIOD", description="Publication day (TARGET calendar).")
    rate: Rate = field(
        reads="OBS_VALUE", gt=0, description="Units of the currency for one euro, as published."
    )


source = Sdmx(
    "fx_rates",
    contract=FxRates,
    endpoint="ecb",
    series="EXR/D..EUR.SP00.A",
    since="2025-01-01",
    load=Load.MERGE,
    tolerate="1 %",
    owner="treasury",
    # The longest pause between two publications of the ECB is five days.
    fresh=within("6 days"),
)
