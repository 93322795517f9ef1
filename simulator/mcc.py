"""Merchant categories: real codes of ISO 18245, and how often merchants of ours have them."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import polars as pl

from simulator.chance import Chance
from simulator.world import MERCHANTS

CODES = Path(__file__).resolve().parent.parent / "data" / "reference" / "iso18245_mcc.csv"

COMMON: dict[str, tuple[float, str]] = {
    "5411": (12.0, "Foods"),
    "5812": (10.0, "Restaurant"),
    "5814": (6.0, "Snacks"),
    "5999": (5.0, "Goods"),
    "7011": (5.0, "Hotel"),
    "5691": (5.0, "Fashion"),
    "5732": (4.5, "Electronics"),
    "5912": (4.0, "Pharmacy"),
    "5541": (4.0, "Fuel"),
    "5964": (4.0, "Mail Order"),
    "5968": (3.0, "Subscriptions"),
    "5311": (3.0, "Stores"),
    "5942": (3.0, "Books"),
    "5661": (2.5, "Shoes"),
    "4121": (2.5, "Cabs"),
    "4111": (2.0, "Transit"),
    "4722": (2.0, "Travel"),
    "4814": (2.0, "Telecom"),
    "5712": (2.0, "Furniture"),
    "5734": (2.0, "Software"),
    "7230": (1.5, "Hair"),
    "7523": (1.5, "Parking"),
    "8398": (1.0, "Relief"),
    "6300": (1.0, "Insurance"),
    "7995": (1.4, "Gaming"),
    "4829": (0.8, "Transfers"),
    "6051": (0.8, "Coins"),
    "5967": (0.6, "Media"),
}
"""Codes that most merchants have: code to (share in percent, word in the merchant's name)."""

HIGH_RISK = frozenset({"4829", "5962", "5966", "5967", "6051", "7273", "7995"})
"""Categories with many disputes: wagers, money transfer, coins, sales by telephone."""

UNLISTED = ("9998", "0001")
"""Codes that ISO 18245 does not list."""

_REST = 8.0
_OTHER = "Trading"


@lru_cache(maxsize=1)
def listed() -> tuple[str, ...]:
    """The codes of ISO 18245, in order."""
    with CODES.open(encoding="utf-8", newline="") as file:
        return tuple(sorted(row["MCC"] for row in csv.DictReader(file)))


def codes_of(seed: int) -> pl.Series:
    """Give every merchant of the population a listed code. Row i is merchant i + 1."""
    common = [share for share, _ in COMMON.values()]
    rest = [_REST / len(listed())] * len(listed())
    drawn = Chance(f"{seed}/merchants").pick("mcc", MERCHANTS, [*common, *rest])
    return pl.Series("mcc", [*COMMON, *listed()]).gather(drawn)


def trade(code: str) -> str:
    """A word for the name of a merchant with this code."""
    return COMMON[code][1] if code in COMMON else _OTHER


def risky_merchants(seed: int) -> list[str]:
    """Ids of the merchants in high-risk categories."""
    risky = codes_of(seed).is_in(list(HIGH_RISK)).arg_true()
    return [f"M{place + 1:06d}" for place in risky]
