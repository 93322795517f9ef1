"""What is given back of one day's payments: refunds and chargebacks, version by version.

Each is asked for minutes to ten days after its payment was booked, and changes its state later.
A version is one line of JSON; the newest one is what the processor shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from simulator.chance import Chance

ID = {"refunds": "refund_id", "chargebacks": "chargeback_id"}
"""Source to the name of its key."""

FIELDS = {
    "refunds": (
        *("refund_id", "payment_id", "created_at", "updated_at"),
        *("amount", "currency", "reason", "status"),
    ),
    "chargebacks": (
        *("chargeback_id", "payment_id", "opened_at", "updated_at", "resolved_at"),
        *("amount", "currency", "network", "reason_code", "status"),
    ),
}
"""Source to the fields of a record, in order."""

REFUNDED = 0.025
DISPUTED = 0.0035
DISPUTED_RISKY = 0.03
"""Shares of captured and settled payments; risky is a merchant in a high-risk category."""

REASONS = {
    "requested_by_customer": 78.0,
    "duplicate": 9.0,
    "fraudulent": 6.0,
    "other": 7.0,
}
REASON_CODES = (
    *(("visa", code) for code in ("10.4", "12.6", "13.1", "13.3", "13.7")),
    *(("mastercard", code) for code in ("4808", "4834", "4837", "4853")),
)
"""Network and its code, each as likely as the next."""

_DAY = 86_400
_LATEST = 10 * _DAY


def draw(
    day: date, records: pl.DataFrame, soiled: Sequence[int], seed: int, risky: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Decide which payments of a day are given back.

    Args:
        day: the day on which they were booked.
        records: the day's clean payments.
        soiled: places of those that reach us dirty, or not at all.
        seed: same seed, same reversals, whatever is soiled.
        risky: merchants whose payments are disputed more often.

    Returns:
        ``refunds`` and ``chargebacks``, one row a version: ``id``, ``updated`` and ``line``; and
        ``idle``: clean payments, captured or settled, that are not given back, with ``place``.
    """
    chance = Chance(f"{seed}/{day.isoformat()}/reversals")
    rate = pl.when(pl.col("merchant_id").is_in(risky)).then(DISPUTED_RISKY).otherwise(DISPUTED)
    paid = (
        records.lazy()
        .select("payment_id", "booked_at", "amount", "currency", "merchant_id", "status")
        .with_columns(
            chance.uniform("refunded", records.height).alias("_refunded"),
            chance.uniform("disputed", records.height).alias("_disputed"),
        )
        .with_row_index("place")
        .filter(pl.col("status").is_in(["captured", "settled"]))
        .with_columns(
            (pl.col("_refunded") < REFUNDED).alias("_refunded"),
            (pl.col("_disputed") < rate).alias("_disputed"),
            pl.col("place").is_in(list(soiled)).alias("_soiled"),
        )
        .collect()
    )
    refunded = paid.filter("_refunded")
    disputed = paid.filter(~pl.col("_refunded") & pl.col("_disputed"))
    idle = paid.filter(~pl.any_horizontal("_refunded", "_disputed", "_soiled"))
    # The draws come before soiled payments go, so that dirt does not move them.
    return {
        "refunds": _versions("refunds", _refunds(_measured(refunded), chance)),
        "chargebacks": _versions("chargebacks", _chargebacks(_measured(disputed), chance)),
        "idle": idle.select("place", "payment_id", "booked_at", "amount", "currency"),
    }


def line_of(source: str, tokens: Mapping[str, str]) -> str:
    """Write one version from the JSON text of each field."""
    return "{" + ",".join(f'"{name}":{tokens[name]}' for name in FIELDS[source]) + "}"


def _measured(payments: pl.DataFrame) -> pl.DataFrame:
    text = pl.col("booked_at").str.replace("Z", "+00:00", literal=True)
    moment = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%z", time_zone="UTC")
    return payments.with_columns(
        moment.dt.epoch("s").alias("booked"),
        pl.col("amount").str.replace(".", "", literal=True).cast(pl.Int64).alias("cents"),
    )


def _refunds(payments: pl.DataFrame, chance: Chance) -> pl.DataFrame:
    rows = payments.height

    def share(name: str) -> pl.Series:
        return chance.uniform(f"refund/{name}", rows)

    cents = payments["cents"]
    part = ((share("part") * 0.6 + 0.1) * cents).cast(pl.Int64).clip(1)
    frame = payments.with_columns(
        (share("partial") < 0.45).alias("partial") & (part < cents),
        part.alias("part"),
        (pl.col("booked") + 300 + (share("after") ** 2 * (_LATEST - 300)).cast(pl.Int64)).alias(
            "created"
        ),
        _picked("reason", REASONS, rows, chance),
    )
    first = frame.with_columns(
        pl.when("partial").then("part").otherwise("cents").alias("given"),
        pl.lit("-1").alias("ordinal"),
    )
    rest = pl.col("cents") - pl.col("part")
    left = pl.col("booked") + _LATEST - pl.col("created")
    second = frame.with_columns(
        (share("rest") * rest).cast(pl.Int64).clip(1).alias("given"),
        (pl.col("created") + (share("again") * left).cast(pl.Int64)).alias("created"),
        pl.lit("-2").alias("ordinal"),
        (share("second") < 0.3).alias("_second"),
    )
    both = [_settled(each, chance) for each in (first, second)]
    return pl.concat([both[0], both[1].filter("partial", "_second").drop("_second")]).filter(
        ~pl.col("_soiled")
    )


def _settled(frame: pl.DataFrame, chance: Chance) -> pl.DataFrame:
    rows, name = frame.height, "refund" + (frame["ordinal"][0] if frame.height else "")
    wait = 60 + (chance.uniform(f"{name}/wait", rows) ** 2 * 2 * _DAY).cast(pl.Int64)
    at_once = chance.uniform(f"{name}/at_once", rows) < 0.2
    final = {"succeeded": 94.0, "failed": 6.0}
    return frame.with_columns(
        pl.when(at_once).then("created").otherwise(pl.col("created") + wait).alias("done"),
        _picked("final", final, rows, chance, name=f"{name}/final"),
    )


def _chargebacks(payments: pl.DataFrame, chance: Chance) -> pl.DataFrame:
    rows = payments.height

    def share(name: str) -> pl.Series:
        return chance.uniform(f"chargeback/{name}", rows)

    part = ((share("part") * 0.8 + 0.1) * payments["cents"]).cast(pl.Int64).clip(1)
    scheme = chance.below("chargeback/code", rows, len(REASON_CODES))
    opened = pl.col("booked") + 600 + (share("after") * (_LATEST - 600)).cast(pl.Int64)
    return (
        payments.with_columns(
            pl.when(share("partial") < 0.2).then(part).otherwise("cents").alias("given"),
            opened.alias("created"),
            pl.Series("network", [network for network, _ in REASON_CODES]).gather(scheme),
            pl.Series("reason_code", [code for _, code in REASON_CODES]).gather(scheme),
            _picked("final", {"lost": 60.0, "won": 40.0}, rows, chance, name="chargeback/final"),
            pl.lit("-1").alias("ordinal"),
        )
        .with_columns(
            (pl.col("created") + _DAY + (share("wait") * 11 * _DAY).cast(pl.Int64)).alias("done")
        )
        .filter(~pl.col("_soiled"))
    )


def _versions(source: str, reversals: pl.DataFrame) -> pl.DataFrame:
    """Write each reversal as it is asked for, and as it ends; some refunds end at once."""
    waiting = "pending" if source == "refunds" else "open"
    asked = reversals.filter(pl.col("created") < pl.col("done")).with_columns(
        pl.col("created").alias("updated"),
        pl.lit(waiting).alias("state"),
        pl.lit(None, dtype=pl.Int64).alias("resolved"),
    )
    ended = reversals.with_columns(
        pl.col("done").alias("updated"),
        pl.col("final").alias("state"),
        pl.col("done").alias("resolved"),
    )
    key = pl.lit(source[0].upper()) + pl.col("payment_id").str.slice(1) + pl.col("ordinal")
    frame = pl.concat([asked, ended]).with_columns(
        key.alias("id"), _moment("updated").alias("updated")
    )
    return frame.select("id", "updated", _line(source))


def _line(source: str) -> pl.Expr:
    asked, cents = _quoted(_moment("created")), pl.col("given")
    tokens = {
        ID[source]: _quoted(pl.col("id")),
        "created_at": asked,
        "opened_at": asked,
        "updated_at": _quoted(pl.col("updated")),
        "resolved_at": _quoted(_moment("resolved")).fill_null("null"),
        "amount": (cents // 100).cast(pl.String) + "." + (cents % 100).cast(pl.String).str.zfill(2),
        "status": _quoted(pl.col("state")),
    }
    parts = [
        part
        for name in FIELDS[source]
        for part in (pl.lit(f',"{name}":'), tokens.get(name, _quoted(pl.col(name))))
    ]
    text = pl.concat_str(parts)
    return (pl.lit("{") + text.str.slice(1) + pl.lit("}")).alias("line")


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.lit('"') + text + pl.lit('"')


def _moment(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def _picked(
    column: str, shares: Mapping[str, float], rows: int, chance: Chance, name: str | None = None
) -> pl.Series:
    drawn = chance.pick(name or column, rows, list(shares.values()))
    return pl.Series(column, list(shares)).gather(drawn)
