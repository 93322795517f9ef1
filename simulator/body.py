"""One day of clean payments, as text: every field as it will stand in the file."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from simulator.chance import Chance
from simulator.world import (
    CHANNELS,
    CURRENCIES,
    CUSTOMERS,
    MERCHANTS,
    STATUSES,
    Phrases,
    Population,
)

COLUMNS = (
    "payment_id",
    "booked_at",
    "settled_at",
    "amount",
    "currency",
    "debtor_iban",
    "creditor_iban",
    "merchant_id",
    "customer_id",
    "status",
    "description",
)
CHANNEL_SINCE = date(2026, 10, 16)
"""The day on which the processor added the column ``channel``, unannounced."""

PLAIN_MARK = "_plain"
"""Boolean column beside the fields: the record is ASCII, on one line and without quotes."""

ZONE = "Europe/Berlin"
_OFFSET_SHARE = 0.6
_MEDIAN_EURO = 35.0
_SPREAD = 1.4
_MAX_CENTS = 25_000_000
_SETTLE_SECONDS = 3 * 86_400


def columns_of(day: date) -> tuple[str, ...]:
    """Columns of the file of one day, in order."""
    return (*COLUMNS, "channel") if day >= CHANNEL_SINCE else COLUMNS


def clean_day(
    day: date, rows: int, seed: int, population: Population, *, ascii_lines: bool
) -> pl.DataFrame:
    """Make the clean payments booked on one day in Berlin, in the order of booking.

    Args:
        day: the calendar day; ids derive from it and from the row's place.
        rows: how many payments.
        seed: same seed, same payments.
        population: who pays and who is paid.
        ascii_lines: keep to descriptions in ASCII and on one line.

    Returns:
        ``rows`` rows of ``columns_of(day)`` as String and ``PLAIN_MARK`` as Boolean.
    """
    chance = Chance(f"{seed}/{day.isoformat()}")
    frame = pl.DataFrame(
        [
            _ids(day, rows),
            *_times(day, rows, chance),
            *_money(rows, chance),
            *_parties(rows, population, chance),
            *_descriptions(rows, chance, ascii_lines=ascii_lines),
            _named(CHANNELS, "channel", rows, chance),
        ]
    )
    return frame.select(*columns_of(day), PLAIN_MARK)


def _ids(day: date, rows: int) -> pl.Series:
    sequence = pl.int_range(1, rows + 1, eager=True).cast(pl.String).str.zfill(9)
    return (f"P{day:%Y%m%d}-" + sequence).alias("payment_id")


def _times(day: date, rows: int, chance: Chance) -> tuple[pl.Series, pl.Series, pl.Series]:
    zone = ZoneInfo(ZONE)
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    next_midnight = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    seconds = int((next_midnight - midnight).total_seconds())  # 23 or 25 hours twice a year
    # The mean of two draws is busiest in the middle of the day.
    within = (chance.uniform("hour", rows) + chance.uniform("minute", rows)) / 2
    booked = int(midnight.timestamp()) + (within * seconds).cast(pl.Int64).sort()
    settled = booked + chance.below("settles", rows, _SETTLE_SECONDS + 1)
    status = _named(STATUSES, "status", rows, chance)
    settled_text = timestamps("settled_at", settled, chance)
    return (
        timestamps("booked_at", booked, chance),
        pl.select(
            pl.when(status == "settled")
            .then(settled_text)
            .otherwise(pl.lit(""))
            .alias("settled_at")
        ).to_series(),
        status,
    )


def timestamps(name: str, epoch: pl.Series, chance: Chance) -> pl.Series:
    """Write moments as ISO 8601, some in UTC and some in Berlin's time with its offset.

    Args:
        name: of the column, and of the draw that decides the zone.
        epoch: the moments, in whole seconds.
        chance: decides the zones.
    """
    utc = pl.from_epoch(epoch, time_unit="s")
    local = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    as_local = chance.uniform(f"{name}/zone", len(epoch)) < _OFFSET_SHARE
    hours = (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_hours()
    # Formatting is what costs most here: shift the clock first, then format every row once.
    shown = utc + pl.duration(hours=pl.when(as_local).then(hours).otherwise(0))
    zone = pl.when(as_local).then("+0" + hours.cast(pl.String) + ":00").otherwise(pl.lit("Z"))
    return pl.select((shown.dt.strftime("%Y-%m-%dT%H:%M:%S") + zone).alias(name)).to_series()


def _money(rows: int, chance: Chance) -> tuple[pl.Series, pl.Series]:
    drawn = chance.pick("currency", rows, [share for share, _ in CURRENCIES.values()])
    scale = pl.Series([units for _, units in CURRENCIES.values()]).gather(drawn)
    euro = (chance.normal("amount", rows) * _SPREAD).exp() * _MEDIAN_EURO
    cents = (euro * scale * 100).clip(1, _MAX_CENTS).cast(pl.Int64)
    amount = (cents // 100).cast(pl.String) + "." + (cents % 100).cast(pl.String).str.zfill(2)
    return amount.alias("amount"), pl.Series("currency", list(CURRENCIES)).gather(drawn)


def _parties(
    rows: int, population: Population, chance: Chance
) -> tuple[pl.Series, pl.Series, pl.Series, pl.Series]:
    # A power of an even draw: a few customers and merchants account for much of the traffic.
    customer = (chance.uniform("customer", rows) ** 2 * CUSTOMERS).cast(pl.Int64)
    merchant = (chance.uniform("merchant", rows) ** 3 * MERCHANTS).cast(pl.Int64)
    return (
        population.customers.gather(customer).alias("debtor_iban"),
        population.merchants.gather(merchant).alias("creditor_iban"),
        ("M" + (merchant + 1).cast(pl.String).str.zfill(6)).alias("merchant_id"),
        ("C" + (customer + 1).cast(pl.String).str.zfill(7)).alias("customer_id"),
    )


def _descriptions(rows: int, chance: Chance, *, ascii_lines: bool) -> tuple[pl.Series, pl.Series]:
    phrases = Phrases.of(ascii_lines=ascii_lines)
    drawn = chance.pick("phrase", rows, phrases.weights)
    number = (chance.below("number", rows, 990_000) + 10_000).cast(pl.String)
    text = phrases.heads.gather(drawn) + number + phrases.tails.gather(drawn)
    return text.alias("description"), phrases.plain.gather(drawn).alias(PLAIN_MARK)


def _named(shares: dict[str, float], column: str, rows: int, chance: Chance) -> pl.Series:
    drawn = chance.pick(column, rows, list(shares.values()))
    return pl.Series(column, list(shares)).gather(drawn)
