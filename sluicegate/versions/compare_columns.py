"""The changes of a dataset's columns, and whom they break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sluicegate.versions.record import Change
from sluicegate.versions.rules import NAMED, PER_RECORD, POSITIONAL, WARN, ColumnRules, Rules
from sluicegate.versions.severity import dimension
from sluicegate.versions.values import told, why_not_within

_BY_POSITION = "its batches tell columns by their position"
_CLASSES = {"none": 0, "indirect": 1, "direct": 2}


def columns(old: Rules, new: Rules) -> Iterator[Change]:
    """The changes of all columns."""
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    renamed = _renamed(before, after)
    for name, column in before.items():
        if name in renamed:
            after_name = renamed[name].name
            yield Change(
                f"column {name}",
                "was renamed",
                name,
                after_name,
                readers="whoever reads it by its old name does not find it",
            )
            yield from _column(column, renamed[name], old, new)
        elif name in after:
            yield from _column(column, after[name], old, new)
        else:
            yield Change(
                f"column {name}",
                "was removed",
                readers="whoever reads it does not find it",
                writers=_BY_POSITION if _positional(old, new) else "",
            )
    taken = {column.name for column in renamed.values()}
    for name in [name for name in after if name not in before and name not in taken]:
        yield _added(after[name], old, new)
    yield from _order(old, new)


def _renamed(
    before: dict[str, ColumnRules], after: dict[str, ColumnRules]
) -> dict[str, ColumnRules]:
    """Old name → the new column that reads the same of the source, under another name."""
    gone = {each.reads: name for name, each in before.items() if name not in after}
    new = [each for name, each in after.items() if name not in before]
    return {gone[each.reads]: each for each in new if each.reads in gone}


def _added(column: ColumnRules, old: Rules, new: Rules) -> Change:
    if _positional(old, new):
        why = _BY_POSITION
    elif new.model:
        why = "the model must build it"
    else:
        why = "" if _optional(column, new) else "a batch without it is refused"
    shown = f"{column.type}, {told(column)}"
    return Change(f"column {column.name}", "is new", after=shown, writers=why)


def _order(old: Rules, new: Rules) -> Iterator[Change]:
    if not _positional(old, new):
        return
    # Those that come or go break writers already.
    kept = {column.reads for column in old.columns} & {column.reads for column in new.columns}
    orders = [[c.reads for c in each.columns if c.reads in kept] for each in (old, new)]
    if orders[0] != orders[1]:
        yield Change("columns", "are in another order", writers=_BY_POSITION)


def _column(old: ColumnRules, new: ColumnRules, was: Rules, now: Rules) -> Iterator[Change]:
    what = f"column {new.name}"
    if old.type != new.type:
        yield Change(
            what,
            "has another type",
            old.type,
            new.type,
            readers="whoever reads it gets values of another type",
            writers="what is a value of one type may be none of the other",
        )
    elif change := _values(what, old, new):
        yield change
    yield from dimension(what, old, new)
    if old.nullable != new.nullable:
        yield Change(
            what,
            "may be absent" if new.nullable else "may not be absent any more",
            readers="readers meet absent values" if new.nullable else "",
            writers="" if new.nullable else "rows without a value are refused",
        )
    if old.references != new.references:
        yield Change(
            what,
            "refers to something else",
            old.references or "nothing",
            new.references or "nothing",
            readers="values may stand nowhere that stood there" if old.references else "",
            writers="values may be refused that were taken" if new.references else "",
        )
    yield from _delivery(what, old, new, was, now)
    yield from _personal(what, old, new)


def _values(what: str, old: ColumnRules, new: ColumnRules) -> Change | None:
    if (_accepts(old), old.severity) == (_accepts(new), new.severity):
        return None
    before, after = _enforced(old), _enforced(new)
    wider, narrower = why_not_within(after, before), why_not_within(before, after)
    if old.severity != new.severity:
        how = "only warns now" if new.severity == WARN else "rejects now"
    elif new.severity == WARN:
        how = "warns of other values"
    else:
        how = "accepts other values" if wider or narrower else "says in other words what it accepts"
    return Change(
        what,
        how,
        told(old),
        told(new),
        readers=wider and f"values may be published that were refused: {wider}",
        writers=narrower and f"values may be refused that were taken: {narrower}",
    )


def _enforced(column: ColumnRules) -> ColumnRules:
    """What is refused: where checks only warn, any value is let in."""
    if column.severity != WARN:
        return column
    nothing: dict[str, str] = {}
    return replace(
        column, gt=None, ge=None, lt=None, le=None, isin=None, matches=None, checks=nothing
    )


def _accepts(column: ColumnRules) -> object:
    bounds = (column.gt, column.ge, column.lt, column.le)
    return bounds, column.isin, column.matches, column.checks


def _delivery(
    what: str, old: ColumnRules, new: ColumnRules, was: Rules, now: Rules
) -> Iterator[Change]:
    """How a source delivers the column."""
    if old.reads != new.reads:
        why = "" if now.model else "batches with the old name lack it"
        yield Change(what, "has another name at the source", old.reads, new.reads, writers=why)
    if old.since == new.since:
        return
    lost = _optional(old, was) and not _optional(new, now)
    why = "a batch without it is refused" if lost and not now.model else ""
    yield Change(
        what,
        "is there from another day on",
        old.since or "always",
        new.since or "always",
        writers=why,
    )


def _personal(what: str, old: ColumnRules, new: ColumnRules) -> Iterator[Change]:
    if old.pii != new.pii:
        lower = _CLASSES.get(new.pii, 0) < _CLASSES.get(old.pii, 0)
        yield Change(
            what,
            "is of another class of personal data",
            old.pii,
            new.pii,
            readers="what was masked is shown: who may read it has to be decided anew"
            if lower
            else "what was shown is masked, and must be handled as what it is",
        )
    elif (old.mask, old.domain) != (new.mask, new.domain):
        shown = [f"{each.mask} of {each.domain}" for each in (old, new)]
        why = "pseudonyms of masked branches are others, and join with others"
        yield Change(what, "is masked in another way", shown[0], shown[1], why)


def _optional(column: ColumnRules, rules: Rules) -> bool:
    """Whether a batch may lack the column."""
    header = rules.source.header if rules.source else NAMED
    return column.since is not None or (column.nullable and header == PER_RECORD)


def _positional(old: Rules, new: Rules) -> bool:
    return any(each.source and each.source.header == POSITIONAL for each in (old, new))
