"""The register of customers, as a full export: every customer of the population, on one day.

    customers_2026-10-30.ndjson    one JSON object a line, with a nested address

The export of a day is a function of seed and day: customers change now and then, which moves their
``updated_at``, and a few are deleted, after which no export has them. Some names are written with
escapes, some moments with an offset; neither is dirt. The dirt is in ``simulator.customer_dirt``.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import polars as pl

from simulator.body import timestamps
from simulator.chance import Chance
from simulator.changes import Changes
from simulator.customer_dirt import CUSTOMER_DIRT, soil
from simulator.names import people, streets, towns
from simulator.registers import Call
from simulator.truth import Summary, Truth
from simulator.world import CUSTOMERS, Population

MIN_CUSTOMERS = 300
"""Below this there is no room for one record of every kind of dirt."""

SEGMENTS = {"retail": 82.0, "premium": 12.0, "business": 6.0}
KYC_LEVELS = {"basic": 25.0, "full": 60.0, "enhanced": 15.0}
_CHANGES = {"segment": 1.0, "kyc_level": 2.0, "credit_limit": 3.0, "address": 4.0}
_OLDEST = date(1944, 1, 1)
_YOUNGEST = date(2008, 6, 30)


def generate(
    out: Path,
    truth: Path,
    *,
    day: date,
    days: int = 1,
    seed: int = 2026,
    first: int = CUSTOMERS,
    clean: bool = False,
) -> Summary:
    """Write the export of a day, and the truth about it.

    Args:
        out: folder for the export; made if missing.
        truth: folder for the truth; made if missing.
        day: the day of the export, the last of ``days``.
        days: how many days the call is about, which the truth is named after.
        seed: same seed, same customers.
        first: only the customers up to this number.
        clean: leave all dirt out; the clean records are the same.

    Raises:
        ValueError: the arguments cannot be met; nothing was written.
    """
    check(first)
    records = register(day, seed, first)
    name = f"customers_{day.isoformat()}.ndjson"
    rng = Random(f"{seed}/customers/{day.isoformat()}/{first}")
    lines, stains = soil(records, rng, clean=clean)
    truths = [
        Truth(name, line, kind, CUSTOMER_DIRT[kind].outcome, CUSTOMER_DIRT[kind].rules)
        for line, kind in stains
    ]
    content = b"".join(line + b"\n" for line in lines)
    call = Call("customers", day, days, seed)
    return call.write(name, content, len(lines), truths, out=out, truth=truth, kinds=CUSTOMER_DIRT)


def check(first: int) -> None:
    """Refuse a number of customers that cannot be met.

    Raises:
        ValueError: says what can be met.
    """
    if not MIN_CUSTOMERS <= first <= CUSTOMERS:
        raise ValueError(f"--customers must be {MIN_CUSTOMERS} to {CUSTOMERS}, not {first}")


def register(day: date, seed: int, first: int = CUSTOMERS) -> pl.DataFrame:
    """Know every customer on a day, by number.

    Returns:
        One row a customer who is not deleted; all String, the JSON text of each field.
    """
    chance = Chance(f"{seed}/customers")
    changes = Changes.of(chance, first, day, _CHANGES)
    numbers = pl.int_range(1, first + 1, eager=True)
    person = people(first, chance)
    country = Population.of(seed).customers.head(first).str.head(2)
    quoted = {
        "customer_id": "C" + numbers.cast(pl.String).str.zfill(7),
        "updated_at": timestamps("updated_at", changes.updated, chance),
        "name": person["name"],
        "email": person["mailbox"] + "." + numbers.cast(pl.String) + "@example.org",
        "born_on": _born(first, chance),
        "segment": _level("segment", SEGMENTS, changes, chance),
        "kyc_level": _level("kyc_level", KYC_LEVELS, changes, chance),
        **_address(country, changes, chance),
    }
    frame = pl.DataFrame(quoted).select(_quoted(column) for column in quoted)
    limit = _limit(changes, chance).cast(pl.String) + ".00"
    return frame.with_columns(limit.alias("credit_limit_eur")).filter(~changes.deleted)


def _quoted(column: str) -> pl.Expr:
    text = pl.concat_str(pl.lit('"'), pl.col(column), pl.lit('"'))
    return text.fill_null("null").alias(column)


def _born(rows: int, chance: Chance) -> pl.Series:
    days = chance.below("born_on", rows, (_YOUNGEST - _OLDEST).days)
    born = pl.select((pl.lit(_OLDEST) + pl.duration(days=pl.lit(days))).dt.to_string("%Y-%m-%d"))
    return _sometimes_null(born.to_series(), "born_on/known", 0.03, chance)


def _level(what: str, shares: dict[str, float], changes: Changes, chance: Chance) -> pl.Series:
    first = chance.pick(what, len(changes.updated), list(shares.values()))
    return changes.level(what, shares, first, chance)


def _limit(changes: Changes, chance: Chance) -> pl.Series:
    rows = len(changes.updated)
    euros = (chance.normal("credit_limit", rows) * 0.8).exp() * 1_500
    limit = (euros / 50).cast(pl.Int64).clip(2, 1_000) * 50
    for version in range(1, changes.latest("credit_limit") + 1):
        step = (1 + chance.below(f"credit_limit/{version}", rows, 8)) * 250
        lowered = limit // 100 * 50
        other = lowered.zip_with(limit >= 5_000, limit + step)
        limit = other.zip_with(changes.versions["credit_limit"] >= version, limit)
    return limit


def _address(country: pl.Series, changes: Changes, chance: Chance) -> dict[str, pl.Series]:
    rows = len(country)
    street = changes.newest("address", lambda name: streets(f"{name}/street", rows, chance))
    code = changes.newest(
        "address", lambda name: chance.below(f"{name}/code", rows, 90_000) + 10_000
    )
    town = changes.newest("address", lambda name: towns(f"{name}/town", country, chance))
    return {
        "street": _sometimes_null(street, "street/known", 0.02, chance),
        "postal_code": _sometimes_null(code.cast(pl.String), "code/known", 0.01, chance),
        "city": _sometimes_null(town, "city/known", 0.005, chance),
        "country": country,
    }


def _sometimes_null(values: pl.Series, name: str, rate: float, chance: Chance) -> pl.Series:
    known = chance.uniform(name, len(values)) >= rate
    return pl.select(pl.when(known).then(values)).to_series()
