"""What goes wrong in the exports of customers: every kind, how often, what must become of it.

A flaw in a field hits a customer's only record. What has no readable key, or repeats one, is a line
more, so that nobody is missing from an export who was not deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import polars as pl

Tokens = Mapping[str, str]
"""A record: field to the JSON text of its value."""

_PLAIN = ("customer_id", "updated_at", "name", "email", "born_on", "segment", "kyc_level")
_ADDRESS = ("street", "postal_code", "city", "country")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One kind of dirt.

    Attributes:
        outcome: what must become of the record.
        rules: the rules it breaks, all of them.
        write: writes a clean record as a line that has the flaw.
        more: whether the line comes besides the clean record, anywhere behind it.
        rate: share of records.
    """

    outcome: str
    rules: tuple[str, ...]
    write: Callable[[Tokens, Random], bytes]
    more: bool = False
    rate: float = 0.0004


def line_of(tokens: Tokens) -> bytes:
    """Write a record as a line, without line end."""
    return _written(tokens).encode()


def _written(tokens: Tokens) -> str:
    fields = [f'"{name}":{tokens[name]}' for name in (*_PLAIN, "credit_limit_eur")]
    address = ",".join(f'"{name}":{tokens[name]}' for name in _ADDRESS)
    return "{" + ",".join(fields) + ',"address":{' + address + "}}"


def _choosing(field: str, *texts: str) -> Callable[[Tokens, Random], bytes]:
    """Put one of some JSON texts in the place of a field."""

    def write(tokens: Tokens, rng: Random) -> bytes:
        return line_of({**tokens, field: rng.choice(texts)})

    return write


def _local_time(tokens: Tokens, _rng: Random) -> bytes:
    return line_of({**tokens, "updated_at": tokens["updated_at"][:20] + '"'})


def _broken(tokens: Tokens, rng: Random) -> bytes:
    line = _written(tokens)
    cut = line[: rng.randrange(40, len(line) - 2)]
    unquoted = line.replace('"segment":', "segment:")
    comma = line[:-1] + ",}"
    return rng.choice((cut, unquoted, comma)).encode()


def _no_object(tokens: Tokens, rng: Random) -> bytes:
    key = tokens["customer_id"]
    return rng.choice((key, f"[{key}]", f"[{_written(tokens)}]", "null", "42")).encode()


def _named_twice(tokens: Tokens, _rng: Random) -> bytes:
    return f'{_written(tokens)[:-1]},"segment":{tokens["segment"]}}}'.encode()


def _wrong_encoding(tokens: Tokens, rng: Random) -> bytes:
    name = rng.choice(("Zoë Almér", "Jörn Søndberg", "Noé Quarnér"))
    return _written({**tokens, "name": f'"{name}"', "city": "null"}).encode("cp1252")


def _same(tokens: Tokens, _rng: Random) -> bytes:
    return line_of(tokens)


def _other_limit(tokens: Tokens, rng: Random) -> bytes:
    euros = int(tokens["credit_limit_eur"][:-3]) + rng.randrange(1, 500)
    return line_of({**tokens, "credit_limit_eur": f"{euros}.00"})


CUSTOMER_DIRT: dict[str, Flaw] = {
    "null_key": Flaw(
        "quarantined", ("customer_id:not_null",), _choosing("customer_id", "null"), more=True
    ),
    "unknown_segment": Flaw(
        "quarantined", ("segment:isin",), _choosing("segment", '"vip"', '"Retail"', '"private"')
    ),
    "bad_timestamp": Flaw(
        "quarantined",
        ("updated_at:timestamp",),
        _choosing("updated_at", '"yesterday"', '"2026-13-45T10:00:00Z"', '"31/10/2026 10:00"'),
    ),
    "local_time": Flaw("quarantined", ("updated_at:zone",), _local_time),
    "unknown_country": Flaw(
        "quarantined", ("country:matches",), _choosing("country", '"DEU"', '"Germany"', '"f"')
    ),
    "bad_date": Flaw(
        "quarantined",
        ("born_on:date",),
        _choosing("born_on", '"1980-02-30"', '"12.04.1980"', '"unknown"'),
    ),
    "broken_json": Flaw("quarantined", ("record:json",), _broken, more=True),
    "no_object": Flaw("quarantined", ("record:json",), _no_object, more=True),
    "not_a_number": Flaw(
        "quarantined", ("record:json",), _choosing("credit_limit_eur", "NaN"), more=True
    ),
    "name_twice": Flaw("quarantined", ("record:duplicate_key",), _named_twice, more=True),
    "wrong_encoding": Flaw("quarantined", ("record:encoding",), _wrong_encoding, more=True),
    "duplicate_key": Flaw("quarantined", ("customer_id:unique",), _other_limit, more=True),
    "duplicate_line": Flaw("deduplicated", (), _same, more=True),
}
"""Every kind of dirt by name; a record has one at most. Each comes at least once in an export."""


def soil(
    records: pl.DataFrame, rng: Random, *, clean: bool = False
) -> tuple[list[bytes], list[tuple[int, str]]]:
    """Write records as lines, some of them dirty.

    Args:
        records: JSON text of each field, String.
        rng: decides which.
        clean: none of them.

    Returns:
        The lines, and the dirty ones' numbers (from 1) and kinds, in order.
    """
    lines = _lines(records)
    if clean:
        return lines, []
    kinds = [
        kind
        for kind, flaw in CUSTOMER_DIRT.items()
        for _ in range(max(1, round(flaw.rate * len(lines))))
    ]
    behind: dict[int, list[tuple[str, bytes]]] = {}
    instead: dict[int, str] = {}
    for kind, place in zip(kinds, rng.sample(range(len(lines)), len(kinds)), strict=True):
        flaw = CUSTOMER_DIRT[kind]
        line = flaw.write(records.row(place, named=True), rng)
        if flaw.more:
            behind.setdefault(rng.randrange(place, len(lines)), []).append((kind, line))
        else:
            lines[place], instead[place] = line, kind
    return _merged(lines, instead, behind)


def _merged(
    lines: list[bytes], instead: Mapping[int, str], behind: Mapping[int, list[tuple[str, bytes]]]
) -> tuple[list[bytes], list[tuple[int, str]]]:
    written: list[bytes] = []
    stains: list[tuple[int, str]] = []
    for place, line in enumerate(lines):
        written.append(line)
        if place in instead:
            stains.append((len(written), instead[place]))
        for kind, extra in behind.get(place, ()):
            written.append(extra)
            stains.append((len(written), kind))
    return written, stains


def _lines(records: pl.DataFrame) -> list[bytes]:
    # As ``line_of`` writes it, for all records at once.
    form = _written(dict.fromkeys(records.columns, "{}"))
    braced = form.replace("{", "{{").replace("}", "}}").replace("{{}}", "{}")
    names = (*_PLAIN, "credit_limit_eur", *_ADDRESS)
    return [line.encode() for line in records.select(pl.format(braced, *names)).to_series()]
