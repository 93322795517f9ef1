"""What goes wrong with refunds and chargebacks: every kind, how often, what must become of it.

A record that breaks no rule but belongs to no payment of ours is published, and ``unmatched``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from simulator.reversal_day import DISPUTED, ID, REASON_CODES, REASONS, REFUNDED
from simulator.world import CURRENCIES, UNKNOWN

Tokens = dict[str, str]
"""A version: field to the JSON text of its value."""

_MOST = 0.02
_SHARE = {"refunds": REFUNDED * 0.88, "chargebacks": DISPUTED * 0.88}
"""About how many records there are for each payment."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of dirt.

    Attributes:
        outcome: quarantined, or published and unmatched.
        rules: the rules it breaks, all of them.
        soil: takes a clean version and returns the fields to replace.
        rate: share of records.
    """

    outcome: str
    rules: tuple[str, ...]
    soil: Callable[[Tokens, Random], Tokens]
    rate: float = 0.002


def _negative(tokens: Tokens, _rng: Random) -> Tokens:
    return {"amount": "-" + tokens["amount"]}


def _unknown_currency(_tokens: Tokens, rng: Random) -> Tokens:
    return {"currency": f'"{rng.choice(UNKNOWN)}"'}


def _other_currency(tokens: Tokens, rng: Random) -> Tokens:
    others = [code for code in CURRENCIES if code != tokens["currency"].strip('"')]
    return {"currency": f'"{rng.choice(others)}"'}


def _null_payment(_tokens: Tokens, _rng: Random) -> Tokens:
    return {"payment_id": "null"}


def _unknown_payment(tokens: Tokens, rng: Random) -> Tokens:
    day = tokens["payment_id"][2:10]
    # No day has as many payments as that.
    return {"payment_id": f'"P{day}-9{rng.randrange(10**8):08d}"'}


def _unknown_status(_tokens: Tokens, rng: Random) -> Tokens:
    return {"status": rng.choice(('"SETTLED?"', '"in_review"', '"SUCCEEDED"'))}


def _before_payment(tokens: Tokens, rng: Random) -> Tokens:
    opened = datetime.fromisoformat(tokens["booked_at"]) - timedelta(
        seconds=rng.randrange(60, 7_200)
    )
    return {"opened_at": quoted(opened), "updated_at": quoted(opened)}


_BOTH = {
    "negative_amount": Kind("quarantined", ("amount:greater_than",), _negative),
    "unknown_currency": Kind("quarantined", ("currency:isin",), _unknown_currency),
    "null_payment_id": Kind("quarantined", ("payment_id:not_null",), _null_payment),
    "unknown_status": Kind("quarantined", ("status:isin",), _unknown_status),
}

REVERSAL_DIRT: dict[str, dict[str, Kind]] = {
    "refunds": {
        **_BOTH,
        "unknown_payment": Kind("unmatched", (), _unknown_payment),
        "other_currency": Kind("unmatched", (), _other_currency),
    },
    "chargebacks": {
        **_BOTH,
        "before_payment": Kind("unmatched", (), _before_payment),
    },
}
"""Source to its kinds by name. Each dirty record has one version and one kind."""


def plan(source: str, rows: int, days: int, rng: Random) -> list[list[str]]:
    """Share the dirt of a source out over days.

    Unmatched kinds come at least once. Quarantined ones do too as long as they all together stay
    below two records in a hundred: a day's handful of records is no reason to refuse them.

    Args:
        source: refunds or chargebacks.
        rows: payments of all days together; none, no dirt.
        days: how many days.
        rng: decides the order.

    Returns:
        For each day its kinds, one entry a record.
    """
    if not rows:
        return [[] for _ in range(days)]
    records = rows * _SHARE[source]
    kinds = REVERSAL_DIRT[source]
    tokens = [name for name, kind in kinds.items() for _ in range(_count(kind, records))]
    rng.shuffle(tokens)
    room = int(records * _MOST)
    quarantined = [name for name in tokens if kinds[name].outcome == "quarantined"][:room]
    chosen = quarantined + [name for name in tokens if kinds[name].outcome != "quarantined"]
    rng.shuffle(chosen)
    by_day: list[list[str]] = [[] for _ in range(days)]
    for place, name in enumerate(chosen):
        by_day[(2 * place + 1) * days // (2 * len(chosen))].append(name)
    return by_day


def soiled(source: str, name: str, payment: Mapping[str, Any], rng: Random) -> tuple[str, Tokens]:
    """Make one dirty version about a payment that is not given back otherwise.

    Returns:
        The record's id, and the JSON text of its fields.
    """
    booked = datetime.fromisoformat(payment["booked_at"])
    asked = quoted(booked + timedelta(seconds=rng.randrange(60, 5_400)))
    network, code = rng.choice(REASON_CODES)
    key = f"{source[0].upper()}{payment['payment_id'][1:]}-1"
    tokens = {
        ID[source]: f'"{key}"',
        "payment_id": f'"{payment["payment_id"]}"',
        "booked_at": payment["booked_at"],
        "created_at": asked,
        "opened_at": asked,
        "updated_at": asked,
        "resolved_at": "null",
        "amount": payment["amount"],
        "currency": f'"{payment["currency"]}"',
        "reason": f'"{rng.choice(list(REASONS))}"',
        "network": f'"{network}"',
        "reason_code": f'"{code}"',
        "status": '"succeeded"' if source == "refunds" else '"open"',
    }
    return key, tokens | REVERSAL_DIRT[source][name].soil(tokens, rng)


def choose(places: int, count: int, rng: Random) -> Sequence[int]:
    """Choose places for dirt; where there are too few, the rest of the dirt falls away."""
    return rng.sample(range(places), min(places, count))


def quoted(moment: datetime) -> str:
    """Write a moment as JSON, in UTC."""
    return moment.astimezone(UTC).strftime('"%Y-%m-%dT%H:%M:%SZ"')


def _count(kind: Kind, records: float) -> int:
    return max(1, round(kind.rate * records))
