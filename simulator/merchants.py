"""The register of merchants, as a Parquet list: every merchant of the population, on one day.

    merchants_2026-10-30.parquet

The list of a day is a function of seed and day: risk tiers and names change now and then, which
moves ``updated_at``. About one merchant in a hundred has a category that ISO 18245 does not list;
such a merchant is published, and the truth calls it ``unlisted``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from simulator.chance import Chance
from simulator.changes import Changes
from simulator.iban import break_iban
from simulator.mcc import HIGH_RISK, UNLISTED, codes_of, listed, trade
from simulator.names import companies
from simulator.registers import Call
from simulator.truth import Summary, Truth
from simulator.world import MERCHANTS, Population

SCHEMA = pl.Schema(
    {
        "merchant_id": pl.String(),
        "legal_name": pl.String(),
        "mcc": pl.String(),
        "country": pl.String(),
        "iban": pl.String(),
        "onboarded_on": pl.Date(),
        "risk_tier": pl.String(),
        "updated_at": pl.Datetime("us", "UTC"),
    }
)
TIERS = {"low": 80.0, "medium": 17.0, "high": 3.0}
_RISKY_TIERS = (0.0, 30.0, 70.0)
_CHANGES = {"risk_tier": 3.0, "legal_name": 1.0}
CHANGED_A_DAY = 0.0005
_UNLISTED_SHARE = 0.01
_FIRST_DAY = date(2016, 1, 4)
_LAST_DAY = date(2022, 9, 30)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One kind of dirt.

    Attributes:
        outcome: what must become of the record.
        rules: the rules it breaks, all of them.
        soil: takes a clean record and returns the fields to replace.
        more: whether it comes besides the clean record, anywhere behind it.
        rate: share of records.
    """

    outcome: str
    rules: tuple[str, ...]
    soil: Callable[[Row, Random], Row]
    more: bool = False
    rate: float = 0.001


def _malformed(row: Row, rng: Random) -> Row:
    code = row["mcc"]
    return {"mcc": rng.choice((f"{code[:2]}-{code[2:]}", code[1:], f"MCC {code}"))}


MERCHANT_DIRT: dict[str, Flaw] = {
    "malformed_mcc": Flaw("quarantined", ("mcc:matches",), _malformed),
    "bad_iban": Flaw(
        "quarantined", ("iban:iban",), lambda row, rng: {"iban": break_iban(row["iban"], rng)}
    ),
    "unknown_risk_tier": Flaw(
        "quarantined",
        ("risk_tier:isin",),
        lambda _, rng: {"risk_tier": rng.choice(("severe", "LOW", "4"))},
    ),
    "null_key": Flaw(
        "quarantined", ("merchant_id:not_null",), lambda _, __: {"merchant_id": None}, more=True
    ),
    "duplicate_line": Flaw("deduplicated", (), lambda _, __: {}, more=True),
}
"""Every kind of dirt by name; a record has one at most. Each comes at least once in a list."""

KINDS = (*MERCHANT_DIRT, "unlisted_mcc")


def generate(
    out: Path, truth: Path, *, day: date, days: int = 1, seed: int = 2026, clean: bool = False
) -> Summary:
    """Write the list of a day, and the truth about it.

    Args:
        out: folder for the list; made if missing.
        truth: folder for the truth; made if missing.
        day: the day of the list, the last of ``days``.
        days: how many days the call is about, which the truth is named after.
        seed: same seed, same merchants.
        clean: leave all dirt out, unlisted categories too; other records are the same.

    Raises:
        ValueError: the arguments cannot be met; nothing was written.
    """
    rows = register(day, seed, unlisted=not clean).rows(named=True)
    name = f"merchants_{day.isoformat()}.parquet"
    stains: list[tuple[int, str]] = []
    if not clean:
        rows, stains = _soiled(rows, Random(f"{seed}/merchants/{day.isoformat()}"))
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(buffer)
    truths = [Truth(name, line, kind, *_verdict(kind)) for line, kind in stains]
    return Call("merchants", day, days, seed).write(
        name,
        buffer.getvalue(),
        len(rows),
        truths,
        out=out,
        truth=truth,
        kinds=KINDS,
        special="unlisted",
    )


def register(day: date, seed: int, *, unlisted: bool = True) -> pl.DataFrame:
    """Know every merchant on a day, by number.

    Args:
        day: the day.
        seed: same seed, same merchants.
        unlisted: whether some have a category that ISO 18245 does not list.

    Returns:
        ``SCHEMA``, clean.
    """
    chance = Chance(f"{seed}/merchants")
    changes = Changes.of(chance, MERCHANTS, day, _CHANGES, CHANGED_A_DAY)
    numbers = pl.int_range(1, MERCHANTS + 1, eager=True).cast(pl.String)
    ibans = Population.of(seed).merchants
    countries = ibans.str.head(2)
    codes = codes_of(seed)
    trades = codes.replace_strict(list(listed()), [trade(code) for code in listed()])
    onboarded = chance.below("onboarded_on", MERCHANTS, (_LAST_DAY - _FIRST_DAY).days)
    return pl.DataFrame(
        {
            "merchant_id": "M" + numbers.str.zfill(6),
            "legal_name": changes.newest(
                "legal_name", lambda name: companies(name, trades, countries, chance)
            ),
            "mcc": _some_unlisted(codes, chance) if unlisted else codes,
            "country": countries,
            "iban": ibans,
            "onboarded_on": pl.select(
                pl.lit(_FIRST_DAY) + pl.duration(days=pl.lit(onboarded))
            ).to_series(),
            "risk_tier": _tiers(codes, changes, chance),
            "updated_at": changes.updated,
        }
    ).with_columns(
        pl.from_epoch("onboarded_on", time_unit="d"),
        pl.from_epoch("updated_at", time_unit="s").cast(pl.Datetime("us", "UTC")),
    )


def _some_unlisted(codes: pl.Series, chance: Chance) -> pl.Series:
    hit = chance.uniform("unlisted", MERCHANTS) < _UNLISTED_SHARE
    other = pl.Series(UNLISTED).gather(chance.below("which", MERCHANTS, len(UNLISTED)))
    return other.zip_with(hit, codes)


def _tiers(codes: pl.Series, changes: Changes, chance: Chance) -> pl.Series:
    usual = chance.pick("tier", MERCHANTS, list(TIERS.values()))
    risky = chance.pick("risky", MERCHANTS, _RISKY_TIERS)
    first = risky.zip_with(codes.is_in(list(HIGH_RISK)), usual)
    return changes.level("risk_tier", TIERS, first, chance)


def _soiled(rows: list[Row], rng: Random) -> tuple[list[Row], list[tuple[int, str]]]:
    """Soil some records. Returns all of them, and the numbers (from 1) and kinds of the dirty."""
    marked = [(row, "unlisted_mcc" if row["mcc"] in UNLISTED else "") for row in rows]
    kinds = [
        kind
        for kind, flaw in MERCHANT_DIRT.items()
        for _ in range(max(1, round(flaw.rate * len(rows))))
    ]
    free = [place for place, (_, kind) in enumerate(marked) if not kind]
    more: list[tuple[int, Row, str]] = []
    for kind, place in zip(kinds, rng.sample(free, len(kinds)), strict=True):
        flaw = MERCHANT_DIRT[kind]
        row = rows[place] | flaw.soil(rows[place], rng)
        if flaw.more:
            more.append((rng.randrange(place + 1, len(rows) + 1), row, kind))
        else:
            marked[place] = row, kind
    for place, row, kind in sorted(more, key=lambda each: each[0], reverse=True):
        marked.insert(place, (row, kind))
    stains = [(line, kind) for line, (_, kind) in enumerate(marked, 1) if kind]
    return [row for row, _ in marked], stains


def _verdict(kind: str) -> tuple[str, tuple[str, ...]]:
    if kind == "unlisted_mcc":
        return "unlisted", ()
    return MERCHANT_DIRT[kind].outcome, MERCHANT_DIRT[kind].rules
