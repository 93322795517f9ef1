"""January 2026 in a payments company, drawn from a seed: facts of every kind, in any order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sluicegate.lake.connection import Connection
from tests.unit.raw_lake import chargeback, put, refund

AS_OF = datetime(2026, 1, 18, 23, tzinfo=UTC)
"""Monday, 19 January 2026, 00:00 in Berlin: in the middle of the data."""


def moment(dice: random.Random, first: datetime, days: float) -> datetime:
    """A moment within some days from another, often that very moment."""
    return first + timedelta(seconds=dice.choice([0, 1, dice.uniform(0, days * 86_400)]))


def payment(dice: random.Random, number: str, booked: datetime) -> dict[str, Any]:
    """A payment between anybody and anybody."""
    status = dice.choice(["settled", "settled", "captured", "authorised", "failed"])
    arrived = booked + timedelta(days=dice.uniform(0, 9)) if status == "settled" else None
    return {
        "payment_id": number,
        "booked_at": booked,
        "settled_at": arrived,
        "amount": dice.randrange(1, 90_000) / 100,
        "currency": dice.choice(["EUR", "USD", "XAU"]),
        "merchant_id": f"M{dice.randrange(1, 7):06}",
        "customer_id": f"C{dice.randrange(1, 9):07}",
        "status": status,
    }


def dispute(dice: random.Random, number: str, paid: str, opened: datetime) -> dict[str, Any]:
    """A chargeback that may have been decided within days."""
    status = dice.choice(["open", "won", "lost"])
    decided = None if status == "open" else moment(dice, opened, 12)
    return chargeback(number, paid, str(opened), resolved_at=decided, status=status)


def write_world(connection: Connection, dice: random.Random) -> None:
    """January 2026: customers, merchants, their payments, and what was given back of them."""
    first = datetime(2026, 1, 1, 9, tzinfo=UTC)
    moments = [moment(dice, dice.choice([first, AS_OF]), 17) for _ in range(240)]
    moments.append(AS_OF - timedelta(seconds=1))
    paid = [payment(dice, f"p{n}", booked) for n, booked in enumerate(moments)]
    put(connection, "payments", *paid)
    days = [first.date() + timedelta(days=n) for n in range(-3, 33)]
    quotes = [{"currency": "USD", "rate_date": day, "rate": 1 + day.day / 100} for day in days]
    put(connection, "fx_rates", *quotes)
    # Some ask before they pay, and some for what nobody paid.
    pairs = [(f"{n}", dice.choice([*paid, None])) for n in range(90)]
    asked = [(n, p["payment_id"], p["booked_at"]) if p else (n, f"no{n}", first) for n, p in pairs]
    waits = [timedelta(days=dice.uniform(-1, 12)) for _ in asked]
    later = [(number, p, at + wait) for (number, p, at), wait in zip(asked, waits, strict=True)]
    states = ["pending", "succeeded", "failed"]
    refunds = [refund(n, p, str(at), status=dice.choice(states)) for n, p, at in later[:45]]
    put(connection, "refunds", *refunds)
    put(connection, "chargebacks", *(dispute(dice, n, p, at) for n, p, at in later[45:]))
    known = ["2025-11-01 10:00:00+00", "2026-01-13 10:00:00+00", AS_OF]
    people = [{"customer_id": f"C{n:07}", "updated_at": known[n % 3]} for n in range(1, 8)]
    put(connection, "customers", *people)
    codes = ["5411", "7995", "5967", "9998", "7995"]
    listed = [{"merchant_id": f"M{n:06}", "mcc": mcc} for n, mcc in enumerate(codes, 1)]
    put(connection, "merchants", *listed)
