"""Who pays whom, in what and what for: the population behind the payments. All invented.

The population depends on the seed alone, never on a volume or a day: a customer who appears on
two days, or in two calls with one seed, keeps the same IBAN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

import polars as pl

from simulator.iban import make_iban

CUSTOMERS = 20_000
MERCHANTS = 2_000

CURRENCIES: dict[str, tuple[float, float]] = {
    "EUR": (55.0, 1.0),
    "USD": (12.0, 1.1),
    "GBP": (9.0, 0.85),
    "PLN": (5.0, 4.4),
    "CHF": (4.5, 0.92),
    "SEK": (3.0, 11.0),
    "CZK": (2.5, 24.4),
    "DKK": (2.0, 7.5),
    "NOK": (2.0, 10.3),
    "HUF": (1.2, 366.0),
    "RON": (1.2, 5.3),
    "CAD": (1.0, 1.6),
    "JPY": (0.8, 175.0),
    "TRY": (0.8, 55.0),
}
"""Currency to (share in percent, units for one euro); the ECB quoted each of them in October 2026.

The second number gives amounts a plausible size and is no exchange rate.
"""

UNRATED = ("RUB", "BGN", "ARS", "KWD")
"""Codes of ISO 4217, in force or withdrawn, without an ECB reference rate in October 2026."""

UNKNOWN = ("XXQ", "EURO", "usd", "E U", "00")
"""What no edition of ISO 4217 ever listed."""

STATUSES: dict[str, float] = {"settled": 74.0, "captured": 14.0, "authorised": 6.0, "failed": 6.0}
CHANNELS: dict[str, float] = {"web": 46.0, "app": 31.0, "pos": 20.0, "moto": 3.0}

PLAIN = (
    "Order {n}",
    "Invoice {n}",
    "Subscription {n}",
    "Ticket {n}",
    "Parking {n}",
    "Groceries; till {n}",
    "Book shop {n}",
    "Hotel booking {n} - 2 nights",
    "Fuel pump {n}",
    "Train {n} (2nd class)",
    "Pharmacy {n}",
    "Top-up {n} #prepaid",
    "Donation {n}",
    "Taxi {n} 100% electric",
    "Insurance {n} / monthly",
    "Streaming {n}",
)
"""Descriptions in ASCII that need no quotes; {n} is a number."""

QUOTED = (
    "Order {n}, gift wrapped",
    "Refund, order {n}",
    'Table {n} at the "Blue Door"',
    'Print "Harbour, evening", no. {n}',
    "Spare parts {n}, bolts, washers",
)
ACCENTED = (
    "Café Central {n}",
    "Bäckerei Müller {n}",
    "Crème brûlée {n}",
    "Señor Peña, mesa {n}",
    "Århus færge {n}",
)
"""Descriptions outside ASCII that Windows-1252 can write."""

WORLDLY = ("Łódź Outlet {n}", "Brněnská pekárna {n}", "Τουριστικά {n}", "İstanbul Şekerci {n}")
"""Descriptions that need Unicode."""

MULTILINE = ("Gift card {n}\nHappy birthday, Ana", 'Delivery {n}\nplease ring "Novak"\nthird floor')

_STYLES: tuple[tuple[tuple[str, ...], float], ...] = (
    (PLAIN, 84.0),
    (QUOTED, 10.0),
    (ACCENTED + WORLDLY, 5.5),
    (MULTILINE, 0.5),
)


@dataclass(frozen=True, slots=True)
class Population:
    """Accounts of everybody who pays or is paid; row i belongs to customer or merchant i + 1."""

    customers: pl.Series
    merchants: pl.Series

    @classmethod
    @lru_cache(maxsize=1)
    def of(cls, seed: int) -> Population:
        """Invent the population of one seed."""
        rng = Random(f"{seed}/population")
        return cls(
            customers=pl.Series([make_iban(rng) for _ in range(CUSTOMERS)]),
            merchants=pl.Series([make_iban(rng) for _ in range(MERCHANTS)]),
        )


@dataclass(frozen=True, slots=True)
class Phrases:
    """Descriptions as they stand in a CSV field, cut at the number that makes each unique.

    ``heads``, ``tails`` (String), ``plain`` (Boolean: ASCII, one line, no quotes) and ``weights``
    run in parallel, one entry a template.
    """

    heads: pl.Series
    tails: pl.Series
    plain: pl.Series
    weights: tuple[float, ...]

    @classmethod
    def of(cls, *, ascii_lines: bool) -> Phrases:
        """Collect all templates, or only those in ASCII and on one line."""
        chosen = [
            (template, weight / len(templates))
            for templates, weight in _STYLES
            for template in templates
            if not ascii_lines or (template.isascii() and "\n" not in template)
        ]
        fields = [as_field(template).partition("{n}") for template, _ in chosen]
        return cls(
            heads=pl.Series([head for head, _, _ in fields]),
            tails=pl.Series([tail for _, _, tail in fields]),
            plain=pl.Series([template in PLAIN for template, _ in chosen]),
            weights=tuple(weight for _, weight in chosen),
        )


def as_field(text: str) -> str:
    """Write a text as a CSV field (RFC 4180): quoted only where it must be."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
