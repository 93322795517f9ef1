"""Verifying what stands beside refs: pins, what is condemned or denied, what was removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import partial

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.condemned import COLLECTED, PLACE, condemned_by, removal_of
from sluicegate.lake.denylist import PLACE as DENIED
from sluicegate.lake.denylist import ruling_of, rulings_in
from sluicegate.lake.lake import Lake
from sluicegate.lake.log import number_of
from sluicegate.lake.pins import PLACE as PINS
from sluicegate.lake.pins import pin_of
from sluicegate.lake.problem import Problem
from sluicegate.lake.verify_logs import Entries, entry_problem, gaps, logs, read_entry


@dataclass(slots=True)
class Marks:
    """What was found.

    Attributes:
        entries: how many were looked at.
        removed: what is on record as removed, as far as it can be read.
    """

    entries: int = 0
    removed: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def look_at_marks(lake: Lake, ledgers: Mapping[str, Entries]) -> Marks:
    """Read pins, condemnations, removals and rulings, and note everything that is wrong.

    Args:
        ledgers: read before; each knows of rulings on batches of its environment.
    """
    marks = Marks()
    for look in (_pins, _condemned, _collected, partial(_denied, ledgers)):
        marks.problems += look(lake, marks)
    return marks


def _pins(lake: Lake, marks: Marks) -> Iterator[Problem]:
    kept: Set[str] | None = None
    for key in sorted(stored.key for stored in lake.store.list(PINS)):
        marks.entries += 1
        where = lake.store.where(key)
        try:
            pin = pin_of(key, lake.store.read(key))
        except FileNotFoundError:
            # Removed meanwhile.
            continue
        except (ValueError, KeyError, EnvironmentFailed):
            yield Problem(f"{key} is no pin that can be read", place=where)
            continue
        kept = set(lake.generations()) if kept is None else kept
        if pin.generation not in kept:
            what = f"{key} keeps generation {pin.generation}, whose catalog is missing"
            # No collector removes what is pinned: that it is on record as removed excuses nothing.
            yield Problem(what, place=where)


def _condemned(lake: Lake, marks: Marks) -> Iterator[Problem]:
    for key in sorted(stored.key for stored in lake.store.list(PLACE)):
        marks.entries += 1
        name = condemned_by(key)
        try:
            if name is not None:
                lake.condemned.at(name)
                # What is condemned and gone was removed by who had no room to say so.
                marks.removed.add(name)
                continue
        except FileNotFoundError:
            # Pardoned, or removed, meanwhile.
            continue
        except EnvironmentFailed:
            pass
        yield Problem(f"{key} is no condemnation that can be read", place=lake.store.where(key))


def _collected(lake: Lake, marks: Marks) -> Iterator[Problem]:
    entries: Entries = {}
    for stored in lake.store.list(f"{COLLECTED}/"):
        marks.entries += 1
        number = number_of(stored.key.removeprefix(f"{COLLECTED}/"))
        if number is None:
            where = lake.store.where(stored.key)
            yield Problem(f"{stored.key} is no record of a removal", place=where)
        else:
            entries[number] = read_entry(lake, stored.key)
    yield from gaps(lake, COLLECTED, entries)
    for number, entry in sorted(entries.items()):
        if entry is None:
            continue
        try:
            marks.removed.update(removal_of(entry)[1])
        except (ValueError, KeyError):
            yield entry_problem(lake, COLLECTED, number, "is no record of a removal")


def _denied(ledgers: Mapping[str, Entries], lake: Lake, marks: Marks) -> Iterator[Problem]:
    found, strays = logs(lake, DENIED)
    yield from strays
    known = _rulings_known(ledgers)
    for env in sorted({*found, *known}):
        entries = found.get(env, {})
        marks.entries += len(entries)
        place = f"{DENIED}{env}"
        yield from gaps(lake, place, entries)
        for number, entry in sorted(entries.items()):
            if entry is None:
                continue
            try:
                ruling_of(entry)
            except (KeyError, ValueError):
                yield entry_problem(lake, place, number, "is no ruling on a batch")
        for number in range(max(entries, default=0) + 1, known.get(env, 0) + 1):
            yield entry_problem(lake, place, number, "is missing, and the ledger knows of it")


def _rulings_known(ledgers: Mapping[str, Entries]) -> dict[str, int]:
    """Environment → rulings that ledgers have on record, those of refs of one's own as well."""
    known: dict[str, int] = {}
    for ref, entries in ledgers.items():
        for entry in entries.values():
            if entry is not None and (count := rulings_in(entry)):
                env = str(entry.get("env", ref))
                known[env] = max(count, known.get(env, 0))
    return known
