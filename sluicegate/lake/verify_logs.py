"""Verifying logs: a ref's tells an unbroken story, and the ledger tells none that goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import Any

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.lake import Lake
from sluicegate.lake.log import SUFFIX, number_of, parsed
from sluicegate.lake.problem import Problem
from sluicegate.lake.refs import DELETE, Move, move_of
from sluicegate.refnames import is_name

Entries = dict[int, dict[str, Any] | None]
"""Number → entry; None for one that cannot be read."""

Published = Callable[[Mapping[str, Any]], tuple[str, str] | None]
"""What an entry of the ledger says was published: run and generation; None if nothing."""


def logs(lake: Lake, prefix: str) -> tuple[dict[str, Entries], list[Problem]]:
    """Every log below a prefix, its name → its entries; and what is there and is no entry."""
    found: defaultdict[str, Entries] = defaultdict(dict)
    strays = []
    for stored in lake.store.list(prefix):
        name, _, last = stored.key.removeprefix(prefix).rpartition("/")
        number = number_of(last)
        if number is None or not is_name(name):
            what = f"{stored.key} is no entry of a log"
            strays.append(Problem(what, place=lake.store.where(stored.key)))
        else:
            found[name][number] = read_entry(lake, stored.key)
    return dict(sorted(found.items())), sorted(strays, key=lambda problem: problem.what)


def read_entry(lake: Lake, key: str) -> dict[str, Any] | None:
    """The entry in an object; None if it cannot be read."""
    try:
        return parsed(lake.store.read(key))
    except (ValueError, FileNotFoundError, EnvironmentFailed):
        return None


def gaps(lake: Lake, place: str, entries: Entries) -> Iterator[Problem]:
    """What is missing in a log, or is no entry."""
    for number in range(1, max(entries, default=0) + 1):
        if number not in entries:
            yield entry_problem(lake, place, number, "is missing")
        elif entries[number] is None:
            yield entry_problem(lake, place, number, "cannot be read")


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
        except (KeyError, ValueError):
            yield entry_problem(lake, place, number, "is no move of a ref")
    for number, move in moves.items():
        before, after = moves.get(number - 1), moves.get(number + 1)
        shown = before.generation if before and before.action != DELETE else None
        if (before or number == 1) and move.previous != shown:
            what = f"says that {move.previous} was shown before, and it was {shown}"
            yield entry_problem(lake, place, number, what)
        until = after.at if after else datetime.now(UTC)
        if move.action != DELETE and until >= since and move.generation not in kept:
            what = f"points at generation {move.generation}, whose catalog is missing"
            yield entry_problem(lake, place, number, what, move.generation)


def ledger_problems(
    lake: Lake, ref: str, ledger: Entries, entries: Entries, published: Published
) -> Iterator[Problem]:
    """What the ledger has on record as published, and the log of its ref does not know.

    So it is told that a log has lost its newest entry: nothing in the log itself is amiss then.

    Args:
        ledger: read before the log, which is moved first.
        entries: of the log of the ref.
    """
    place = f"ledger/{ref}"
    runs = [entry.get("run") for entry in entries.values() if entry]
    told = max(entries, default=0) - len(runs)
    unknown = []
    for number, entry in sorted(ledger.items()):
        if entry is None:
            continue
        try:
            done = published(entry)
        except (KeyError, ValueError):
            yield entry_problem(lake, place, number, "is no entry of a ledger")
            continue
        if done is not None and done[0] not in runs:
            what = f"says that run {done[0]} published {done[1]}; refs/{ref} has no entry of it"
            unknown.append(entry_problem(lake, place, number, what))
    # Entries that are missing in between, or cannot be read, were told already, and may be these.
    if len(unknown) > told:
        yield from unknown


def entry_problem(lake: Lake, place: str, number: int, what: str, *catalogs: str) -> Problem:
    """What is wrong with an entry of a log."""
    where = lake.store.where(f"{place}/{number:08d}{SUFFIX}")
    return Problem(f"entry {number} of {place} {what}", catalogs=catalogs, place=where)
