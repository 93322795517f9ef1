"""The changes of how a source or model is bound to its contract, and whom they break."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal

from sluicegate.versions.record import Change
from sluicegate.versions.rules import Built, Intake

_APPEND, _MERGE, _REPLACE = "append", "merge", "replace"
_CHANGE = "published rows may change"
_LEAVE = "published rows may leave"
_STAY = "rows that the source deleted stay"
_REFUSED = "corrections are quarantined"
_WHOLE = "a batch that is not the whole deletes rows, or is refused"
_LOADS = {
    (_APPEND, _MERGE): (_CHANGE, ""),
    (_APPEND, _REPLACE): (f"{_CHANGE} and leave", _WHOLE),
    (_MERGE, _APPEND): ("", _REFUSED),
    (_MERGE, _REPLACE): (_LEAVE, _WHOLE),
    (_REPLACE, _APPEND): (_STAY, _REFUSED),
    (_REPLACE, _MERGE): (_STAY, ""),
}
_UNKNOWN_LOAD = ("what becomes of rows cannot be decided",) * 2
_UNDECIDED = "which rows come in cannot be decided"
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) %")
_SPAN = re.compile(r"every (\d+) (hours|days)")


def source(old: Intake, new: Intake) -> Iterator[Change]:
    """The changes of a source's terms."""
    if old.load != new.load:
        readers, writers = _LOADS.get((old.load, new.load), _UNKNOWN_LOAD)
        yield Change("load", "changed", old.load, new.load, readers, writers)
    yield from _share("tolerate", old.tolerate, new.tolerate)
    if old.may_shrink and new.may_shrink:
        yield from _share("may_shrink", old.may_shrink, new.may_shrink)
    yield from _empty(old.may_be_empty, new.may_be_empty)
    yield from _fresh(old.fresh, new.fresh)
    yield from _origin(old, new)
    yield from _drift(old.drift, new.drift)
    if old.owner != new.owner:
        yield Change("owner", "changed", old.owner, new.owner)
    if old.ignore != new.ignore:
        yield Change("ignore", "changed", ", ".join(old.ignore), ", ".join(new.ignore))
    yield from _reference(old, new)


def model(old: Built, new: Built) -> Iterator[Change]:
    """The changes of how a model is bound."""
    yield from _empty(old.may_be_empty, new.may_be_empty)
    if old.unique != new.unique:
        yield Change(
            "unique",
            "changed",
            str(old.unique),
            str(new.unique),
            readers="" if new.unique else "several rows may have one key",
            writers="a second row of a key is refused" if new.unique else "",
        )
    yield from _agreements(old, new)
    yield from _reference(old, new)


def _agreements(old: Built, new: Built) -> Iterator[Change]:
    for each in sorted({*old.agrees} - {*new.agrees}):
        yield Change("agrees", "was removed", each, readers="the totals may differ")
    for each in sorted({*new.agrees} - {*old.agrees}):
        yield Change("agrees", "is new", after=each, writers="totals that differ are refused")


def _reference(old: Intake | Built, new: Intake | Built) -> Iterator[Change]:
    """A reference measures; no row is refused for what it says."""
    if old.reference != new.reference:
        yield Change("reference", "changed", old.reference or "none", new.reference or "none")


def _share(what: str, old: str, new: str) -> Iterator[Change]:
    if old == new:
        return
    before, after = _PERCENT.fullmatch(old), _PERCENT.fullmatch(new)
    readers, writers = "more rows may be missing from what is published", "a batch may be refused"
    if before and after:
        more = Decimal(after[1]) > Decimal(before[1])
        readers, writers = (readers, "") if more else ("", writers)
    yield Change(what, "changed", old, new, readers, writers)


def _empty(old: bool, new: bool) -> Iterator[Change]:
    if old != new:
        yield Change(
            "may_be_empty",
            "changed",
            str(old),
            str(new),
            readers="readers meet a table without a row" if new else "",
            writers="" if new else "a delivery without a row is refused",
        )


_STRICT = ("evolve", None, "quarantine", "refuse")
"""Ways to treat drift, the next one stricter with who delivers."""


def _drift(old: str | None, new: str | None) -> Iterator[Change]:
    if old == new:
        return
    known = {old, new} <= set(_STRICT)
    stricter = not known or _STRICT.index(new) > _STRICT.index(old)
    yield Change(
        "drift",
        "changed",
        old or "none",
        new or "none",
        readers="values may be absent where a column is missing" if new == "evolve" else "",
        writers="a batch that has drifted is not taken in" if stricter else "",
    )


def _fresh(old: str | None, new: str | None) -> Iterator[Change]:
    if old == new:
        return
    # Without an expectation, any day is soon enough.
    before, after = (math.inf if text is None else _hours(text) for text in (old, new))
    readers, writers = "news may come later than promised", "news must come sooner"
    if after == math.inf or (before is not None and after is not None and after > before):
        writers = ""
    elif before == math.inf or (before is not None and after is not None and after < before):
        readers = ""
    yield Change("fresh", "changed", old or "never", new or "never", readers, writers)


def _hours(text: str) -> float | None:
    """A span in hours; None for what is no span."""
    span = _SPAN.fullmatch(text)
    return int(span[1]) * (24 if span[2] == "days" else 1) if span else None


def _origin(old: Intake, new: Intake) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("source", "is of another kind", old.kind, new.kind, _UNDECIDED, _UNDECIDED)
        return
    for name in sorted(old.origin.keys() | new.origin.keys()):
        before, after = old.origin.get(name, ""), new.origin.get(name, "")
        if before != after:
            yield Change(name, "changed", before, after, _UNDECIDED, _UNDECIDED)
    if (old.format, old.header) != (new.format, new.header):
        why = "batches are read in another way"
        yield Change("format", "changed", old.format, new.format, writers=why)
