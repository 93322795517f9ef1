"""Verifying logs: a ref's tells an unbroken story, and the ledger can be read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import Any

from sluicegate.lake.lake import Lake
from sluicegate.lake.log import SUFFIX
from sluicegate.lake.problem import Problem
from sluicegate.lake.refs import DELETE, Move, move_of

Entries = dict[int, dict[str, Any] | None]
"""Number → entry; None for one that cannot be read."""


def logs(lake: Lake, prefix: str) -> dict[str, Entries]:
    """Every log below a prefix: its name → its entries."""
    found: defaultdict[str, Entries] = defaultdict(dict)
    for stored in lake.store.list(prefix):
        name, _, last = stored.key.removeprefix(prefix).rpartition("/")
        if last.endswith(SUFFIX) and (number := last.removesuffix(SUFFIX)).isdigit():
            found[name][int(number)] = _read(lake, stored.key)
    return dict(sorted(found.items()))


def _read(lake: Lake, key: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(lake.store.read(key))
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def gaps(lake: Lake, place: str, entries: Entries) -> Iterator[Problem]:
    """What is missing in a log, or is no entry."""
    for number in range(1, max(entries) + 1):
        if number not in entries:
            yield _problem(lake, place, number, "is missing")
        elif entries[number] is None:
            yield _problem(lake, place, number, "cannot be read")


def ref_problems(
    lake: Lake, ref: str, entries: Entries, kept: Set[str], since: datetime
) -> Iterator[Problem]:
    """What is wrong with the log of a ref.

    Args:
        kept: generations whose catalog is there.
        since: what the ref showed after that must be there.
    """
    place = f"refs/{ref}"
    yield from gaps(lake, place, entries)
    moves: dict[int, Move] = {}
    for number, entry in sorted(entries.items()):
        if entry is None:
            continue
        try:
            moves[number] = move_of(ref, number, entry)
        except (KeyError, ValueError, TypeError):
            yield _problem(lake, place, number, "is no move of a ref")
    for number, move in moves.items():
        before, after = moves.get(number - 1), moves.get(number + 1)
        shown = before.generation if before and before.action != DELETE else None
        if (before or number == 1) and move.previous != shown:
            what = f"says that {move.previous} was shown before, and it was {shown}"
            yield _problem(lake, place, number, what)
        until = after.at if after else datetime.now(UTC)
        if move.action != DELETE and until >= since and move.generation not in kept:
            what = f"points at generation {move.generation}, whose catalog is missing"
            yield _problem(lake, place, number, what, move.generation)


def _problem(lake: Lake, place: str, number: int, what: str, *catalogs: str) -> Problem:
    where = lake.store.where(f"{place}/{number:08d}{SUFFIX}")
    return Problem(f"entry {number} of {place} {what}", catalogs=catalogs, place=where)
