"""What goes wrong in the drops: every kind of dirt, how often, and what must become of it.

A rule is named ``<column>:<check>``; ``settles_after_booking`` compares two columns and has no
prefix; ``record:...`` means that the text could not be read as a record at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal

from simulator.iban import break_iban
from simulator.world import ACCENTED, UNKNOWN, UNRATED

Outcome = Literal["quarantined", "deduplicated", "unconverted"]
Record = Mapping[str, str]
Soil = Callable[[Record, Random], dict[str, str]]
"""Takes a clean record, returns the fields to replace, as they stand in the file."""

ENCODING_DAY = 9
TRUNCATED_DAY = 20


@dataclass(frozen=True, slots=True)
class Dirt:
    """One kind of dirt.

    Attributes:
        rate: share of records: of all of them or, with ``day``, of the files of that day.
        outcome: what must become of the record; ``unconverted`` is published without euro amount.
        rules: the rules it breaks, all of them.
        soil: how a clean record is made dirty.
        day: day of the month to which the kind is confined.
    """

    rate: float
    outcome: Outcome
    rules: tuple[str, ...]
    soil: Soil
    day: int | None = None


def _null_key(_record: Record, _rng: Random) -> dict[str, str]:
    return {"payment_id": ""}


def _same(_record: Record, _rng: Random) -> dict[str, str]:
    return {}


def _other_amount(record: Record, rng: Random) -> dict[str, str]:
    return {"amount": str(Decimal(record["amount"]) + Decimal(rng.randrange(1, 10_000)) / 100)}


def _negative_amount(record: Record, _rng: Random) -> dict[str, str]:
    return {"amount": "-" + record["amount"]}


def _bad_number(record: Record, rng: Random) -> dict[str, str]:
    euros, _, cents = record["amount"].partition(".")
    # A comma for a decimal point, as a German spreadsheet writes it; a letter O for a zero.
    return {"amount": rng.choice((f'"{euros},{cents}"', f"{euros}.{cents[0]}O"))}


def _unknown_currency(_record: Record, rng: Random) -> dict[str, str]:
    return {"currency": rng.choice(UNKNOWN)}


def _unrated_currency(_record: Record, rng: Random) -> dict[str, str]:
    return {"currency": rng.choice(UNRATED)}


def _bad_timestamp(record: Record, rng: Random) -> dict[str, str]:
    year, month = record["booked_at"][:4], record["booked_at"][5:7]
    slashes = f"31/{month}/{year} 10:00"
    return {"booked_at": rng.choice((f"{year}-13-45T10:00:00Z", "yesterday", slashes))}


def _local_time(record: Record, rng: Random) -> dict[str, str]:
    return {"booked_at": record["booked_at"][:19].replace("T", rng.choice("T "))}


def _bad_iban(record: Record, rng: Random) -> dict[str, str]:
    return {"debtor_iban": break_iban(record["debtor_iban"], rng)}


def _settles_before_booking(record: Record, rng: Random) -> dict[str, str]:
    booked = datetime.fromisoformat(record["booked_at"])
    settled = (booked - timedelta(seconds=rng.randrange(1, 172_800))).isoformat()
    return {"status": "settled", "settled_at": settled.replace("+00:00", "Z")}


def _unknown_status(_record: Record, _rng: Random) -> dict[str, str]:
    # Without a settlement, so that the status is the only thing wrong with the record.
    return {"status": "SETTLED?", "settled_at": ""}


def _negative_and_bad_iban(record: Record, rng: Random) -> dict[str, str]:
    return _negative_amount(record, rng) | _bad_iban(record, rng)


def _broken_quoting(_record: Record, rng: Random) -> dict[str, str]:
    return {"description": f'"Refund for order {rng.randrange(1_000_000)}, see note'}


def _extra_field(record: Record, _rng: Random) -> dict[str, str]:
    return {"description": f"{record['description']}, gift wrapped"}


def _accented(_record: Record, rng: Random) -> dict[str, str]:
    plain = [text for text in ACCENTED if "," not in text]
    return {"description": rng.choice(plain).format(n=rng.randrange(10_000, 1_000_000))}


DIRT: dict[str, Dirt] = {
    "null_key": Dirt(0.0005, "quarantined", ("payment_id:not_null",), _null_key),
    "duplicate_key": Dirt(0.0010, "quarantined", ("payment_id:unique",), _other_amount),
    "duplicate_line": Dirt(0.0020, "deduplicated", (), _same),
    "negative_amount": Dirt(0.0010, "quarantined", ("amount:greater_than",), _negative_amount),
    "bad_number": Dirt(0.0010, "quarantined", ("amount:decimal",), _bad_number),
    "unknown_currency": Dirt(0.0010, "quarantined", ("currency:isin",), _unknown_currency),
    "unrated_currency": Dirt(0.0010, "unconverted", (), _unrated_currency),
    "bad_timestamp": Dirt(0.0007, "quarantined", ("booked_at:timestamp",), _bad_timestamp),
    "local_time": Dirt(0.0010, "quarantined", ("booked_at:zone",), _local_time),
    "bad_iban": Dirt(0.0015, "quarantined", ("debtor_iban:iban",), _bad_iban),
    "settles_before_booking": Dirt(
        0.0005, "quarantined", ("settles_after_booking",), _settles_before_booking
    ),
    "unknown_status": Dirt(0.0005, "quarantined", ("status:isin",), _unknown_status),
    "negative_amount_and_bad_iban": Dirt(
        0.0001, "quarantined", ("amount:greater_than", "debtor_iban:iban"), _negative_and_bad_iban
    ),
    "broken_quoting": Dirt(0.0003, "quarantined", ("record:quoting",), _broken_quoting),
    "extra_field": Dirt(0.0005, "quarantined", ("record:fields",), _extra_field),
    "wrong_encoding": Dirt(
        0.0060, "quarantined", ("record:encoding",), _accented, day=ENCODING_DAY
    ),
    # One a file, whatever its size: the transfer broke off inside the last line.
    "truncated_line": Dirt(0.0, "quarantined", ("record:fields",), _same, day=TRUNCATED_DAY),
}
"""Every kind of dirt by name. Kinds meet no other kind in one record; combinations are kinds."""

REPEATS = frozenset({"duplicate_key", "duplicate_line"})
"""Kinds that repeat an earlier clean record instead of soiling the record in their place."""


def soiled_line(kind: str, record: Record, rng: Random) -> str:
    """Write a clean record as a line that has one kind of dirt."""
    fields = list({**record, **DIRT[kind].soil(record, rng)}.values())
    if kind == "truncated_line":
        return ",".join([*fields[:5], fields[5][:9]])
    return ",".join(fields)
