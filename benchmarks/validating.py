"""One validation of a large Parquet file, by us or by others; tells its CPU without imports.

python -m benchmarks.validating make|scan|ours|polars|pandera|dataframely --folder=F --kind=KIND
                                [--rows=N]

Thirteen columns, 28 rules: ten of absent values, two patterns, four lists, eight bounds, four over
several columns. Every side splits the rows into those that keep all rules and the others, and
counts the rows that break each rule.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

COLUMNS = (
    *("payment_id", "booked_at", "settled_at", "amount", "fee", "currency", "country"),
    *("merchant_id", "customer_id", "status", "channel", "attempts", "description"),
)
CURRENCIES = ("CHF", "CZK", "DKK", "EUR", "GBP", "HUF", "NOK", "PLN", "SEK", "USD")
COUNTRIES = ("AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE")
STATES = ("authorised", "captured", "settled", "failed")
CHANNELS = ("web", "app", "pos", "moto")
REQUIRED = (
    *("payment_id", "booked_at", "amount", "fee", "currency", "country"),
    *("merchant_id", "customer_id", "status", "attempts"),
)

_BOOKED = pl.col("booked_at")
_FIRST, _LAST = pl.datetime(2026, 1, 1, time_zone="UTC"), pl.datetime(2027, 1, 1, time_zone="UTC")


def holds() -> dict[str, pl.Expr]:
    """Every rule but those of absent values, as anybody would write it in polars; null holds."""
    return {
        "payment_id:matches": pl.col("payment_id").str.contains(r"^(?:P[0-9]{10})$"),
        "merchant_id:matches": pl.col("merchant_id").str.contains(r"^(?:M[0-9]{6})$"),
        "currency:isin": pl.col("currency").is_in(CURRENCIES),
        "country:isin": pl.col("country").is_in(COUNTRIES),
        "status:isin": pl.col("status").is_in(STATES),
        "channel:isin": pl.col("channel").is_in(CHANNELS),
        "booked_at:greater_than_or_equal_to": _FIRST <= _BOOKED,
        "booked_at:less_than": _LAST > _BOOKED,
        "amount:greater_than": pl.col("amount") > 0,
        "amount:less_than": pl.col("amount") < 1_000_000,
        "fee:greater_than_or_equal_to": pl.col("fee") >= 0,
        "fee:less_than": pl.col("fee") < 10_000,
        "attempts:greater_than_or_equal_to": pl.col("attempts") >= 1,
        "attempts:less_than_or_equal_to": pl.col("attempts") <= 9,
        "settles_after_booking": pl.col("settled_at") >= _BOOKED,
        "fee_below_amount": pl.col("fee") <= pl.col("amount"),
        "failed_never_settles": (pl.col("status") != "failed") | pl.col("settled_at").is_null(),
        "settled_has_a_moment": (pl.col("status") != "settled")
        | pl.col("settled_at").is_not_null(),
    }


def main() -> None:
    """Do one side, and print what it took and what it found."""
    sides: dict[str, Callable[[Path], dict[str, Any]]] = {
        "scan": scan,
        "ours": ours,
        "polars": by_hand,
        "pandera": naive_pandera,
        "dataframely": dataframely,
    }
    parser = argparse.ArgumentParser(description="One validation of a large file.")
    parser.add_argument("side", choices=("make", *sides))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kind", choices=("clean", "dirty"), required=True)
    parser.add_argument("--rows", type=int, default=0)
    chosen = parser.parse_args()
    file = chosen.folder / f"{chosen.kind}.parquet"
    if chosen.side == "make":
        make(file, chosen.rows, dirty=chosen.kind == "dirty")
    else:
        sys.stdout.write(json.dumps(sides[chosen.side](file)))


def make(file: Path, rows: int, *, dirty: bool) -> None:
    """Write the file. Of a dirty one, one row of a hundred breaks one rule, each of six in turn."""
    number = pl.int_range(rows)
    salted = (number * 7919) % 1_000_003

    def pick(values: tuple[str, ...], salt: int) -> pl.Expr:
        at = (salted * salt) % len(values)
        return at.replace_strict(dict(enumerate(values)), return_dtype=pl.String)

    booked = pl.datetime(2026, 1, 1, time_zone="UTC") + pl.duration(seconds=salted * 30)
    status = pick(STATES, 3)
    amount = (salted % 90_000 + 100).cast(pl.Decimal(18, 2)) / Decimal(100)
    frame = pl.select(
        payment_id="P" + number.cast(pl.String).str.zfill(10),
        booked_at=booked.dt.cast_time_unit("us"),
        settled_at=pl.when(status == "settled").then(
            (booked + pl.duration(hours=26)).dt.cast_time_unit("us")
        ),
        amount=amount.cast(pl.Decimal(18, 2)),
        fee=(amount / Decimal(100)).cast(pl.Decimal(18, 2)),
        currency=pick(CURRENCIES, 7),
        country=pick(COUNTRIES, 11),
        merchant_id="M" + (salted % 20_000).cast(pl.String).str.zfill(6),
        customer_id="C" + (salted % 300_000).cast(pl.String).str.zfill(7),
        status=status,
        channel=pick(CHANNELS, 13),
        attempts=salted % 9 + 1,
        description=pl.when(salted % 5 > 0).then("order " + salted.cast(pl.String)),
    ).select(COLUMNS)
    if dirty:
        frame = _spoiled(frame)
    frame.write_parquet(file, row_group_size=122_880)


def _spoiled(frame: pl.DataFrame) -> pl.DataFrame:
    bad = pl.int_range(pl.len()) % 600
    wrong: dict[str, tuple[int, Any]] = {
        "merchant_id": (0, "M12"),
        "currency": (100, "XXX"),
        "amount": (200, Decimal("-1.00")),
        "attempts": (300, 12),
        "status": (400, None),
        "booked_at": (500, None),
    }
    return frame.with_columns(
        pl.when(bad == turn)
        .then(pl.lit(value, dtype=frame.schema[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name, (turn, value) in wrong.items()
    )


def scan(file: Path) -> dict[str, Any]:
    """Read every value, and do nothing with it."""
    began = time.process_time()
    height = 0
    for frame in pl.scan_parquet(file).collect_batches(chunk_size=250_000):
        height += frame.height
    return _told(began, height, 0, {})


def ours(file: Path) -> dict[str, Any]:
    """As a source takes a batch in: read, judged, split, and accounted for part by part."""
    from benchmarks.validating_contract import source
    from sluicegate.ingestion.sift import shape, sift
    from sluicegate.sources import Batch

    declared = source()
    batch = Batch("0" * 16, file.name, file, file.stat().st_size)
    began = time.process_time()
    accepted, rejected, counts = 0, 0, dict[str, int]()
    for records in declared.read(batch):
        sifted = sift(declared, [shape(declared, batch, records)])
        accepted += sifted.accepted.height
        rejected += sifted.rejected.height
        for rule, count in sifted.rejected["rules"].explode().value_counts().iter_rows():
            counts[rule] = counts.get(rule, 0) + count
    return _told(began, accepted, rejected, counts)


def by_hand(file: Path) -> dict[str, Any]:
    """Plain polars, part by part: all rules at once, then the rows that break one."""
    began = time.process_time()
    breaks = {f"{name}:not_null": pl.col(name).is_null() for name in REQUIRED}
    breaks |= {rule: ~holding.fill_null(value=True) for rule, holding in holds().items()}
    accepted, rejected, counts = 0, 0, dict.fromkeys(breaks, 0)
    for frame in pl.scan_parquet(file).collect_batches(chunk_size=250_000):
        masks = frame.select(**breaks)
        for rule in breaks:
            counts[rule] += int(masks[rule].sum())
        bad = masks.select(pl.any_horizontal(pl.all())).to_series()
        good, set_aside = frame.filter(~bad), frame.filter(bad)
        accepted, rejected = accepted + good.height, rejected + set_aside.height
    return _told(began, accepted, rejected, {rule: n for rule, n in counts.items() if n})


def naive_pandera(file: Path) -> dict[str, Any]:
    """The whole file in memory, and the contract's schema as pandera applies it."""
    from benchmarks.validating_contract import Payments
    from sluicegate.contracts.verdict import judge_by_pandera

    schema = Payments.to_schema()
    began = time.process_time()
    frame = pl.read_parquet(file)
    verdict = judge_by_pandera(schema, frame, "")
    bad = verdict.rejected
    good, set_aside = frame.filter(~bad), frame.filter(bad)
    return _told(began, good.height, set_aside.height, verdict.counts())


def dataframely(file: Path) -> dict[str, Any]:
    """The whole file in memory, and a dataframely schema with the same rules."""
    from benchmarks.peers.dataframely import filtered

    began = time.process_time()
    good, set_aside, counts = filtered(pl.read_parquet(file))
    return _told(began, good, set_aside, counts)


def _told(began: float, accepted: int, rejected: int, counts: dict[str, int]) -> dict[str, Any]:
    spent = time.process_time() - began
    return {"cpu": spent, "accepted": accepted, "rejected": rejected, "counts": counts}


if __name__ == "__main__":
    main()
