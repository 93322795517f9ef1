"""Two versions of a dataset's rules: for each change, whom it breaks.

Readers query what is published: it breaks them if something may be there, or be missing, that the
old version kept out or promised. Writers deliver it: it breaks them if something is refused that
the old version took. What cannot be decided counts as breaking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from sluicegate.versions.compare_columns import columns
from sluicegate.versions.compare_source import model, source
from sluicegate.versions.record import Change
from sluicegate.versions.rules import WARN, RowRule, Rules
from sluicegate.versions.severity import dimension, severity

_UNDECIDED = "whether it means the same cannot be decided"


class Verdict(StrEnum):
    """Whom a change breaks."""

    SAFE = "safe"
    READERS = "breaking for readers"
    WRITERS = "breaking for writers"
    BOTH = "breaking for readers and writers"

    @classmethod
    def of(cls, *, readers: bool, writers: bool) -> Verdict:
        """The verdict by who is broken."""
        if readers:
            return cls.BOTH if writers else cls.READERS
        return cls.WRITERS if writers else cls.SAFE


@dataclass(frozen=True, slots=True)
class Compared:
    """What is different between two versions of a dataset.

    Attributes:
        table: ``schema.name``.
        owner: the team to ask; None for what dbt builds.
        changes: everything that is different; at least one.
    """

    table: str
    owner: str | None
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict:
        """Whom the changes break, taken together."""
        return verdict_of(self.changes)


def verdict_of(changes: tuple[Change, ...] | list[Change]) -> Verdict:
    """Whom some changes break, taken together."""
    return Verdict.of(
        readers=any(change.readers for change in changes),
        writers=any(change.writers for change in changes),
    )


def compare(old: Mapping[str, Rules], new: Mapping[str, Rules]) -> tuple[Compared, ...]:
    """Compare two versions of all datasets, by table; those that are equal are left out."""
    found = []
    for table in sorted(old.keys() | new.keys()):
        before, after = old.get(table), new.get(table)
        if before == after:
            continue
        changes = _of_dataset(before, after)
        bound = after or before
        owner = bound.source.owner if bound and bound.source else None
        found.append(Compared(table, owner, changes))
    return tuple(found)


def _of_dataset(old: Rules | None, new: Rules | None) -> tuple[Change, ...]:
    if old is None:
        return (Change("dataset", "is new"),)
    if new is None:
        why = "nobody promises anything of the table any more"
        return (Change("dataset", "was removed", readers=why),)
    changes = chain(
        columns(old, new),
        _key(old, new),
        _row_rules(old, new),
        _options(old, new),
        _bound(old, new),
    )
    # Versions that differ and show no change would be a difference that nobody judged.
    return tuple(changes) or (Change("dataset", "differs in a way that makes no difference"),)


def _key(old: Rules, new: Rules) -> Iterator[Change]:
    same_columns = _reads(old) == _reads(new)
    if set(old.key) != set(new.key) and not same_columns:
        yield Change(
            "key",
            "changed",
            ", ".join(old.key),
            ", ".join(new.key),
            readers="what is one row, and joins one row, is another",
            writers="what was a row of its own may be a correction now, or the reverse",
        )


def _reads(rules: Rules) -> set[str]:
    """The key by what it reads of the source: a column that is renamed stays what it is."""
    return {column.reads for column in rules.columns if column.key}


def _row_rules(old: Rules, new: Rules) -> Iterator[Change]:
    removed = {name: rule for name, rule in old.rules.items() if name not in new.rules}
    added = {name: rule for name, rule in new.rules.items() if name not in old.rules}
    for name, rule in removed.items():
        same = next((other for other, each in added.items() if each == rule), None)
        if same is not None:
            del added[same]
            yield Change(f"rule {name}", "was renamed", name, same)
            continue
        yield Change(
            f"rule {name}",
            "was removed",
            _shown(rule),
            # What only warned was published before.
            readers="" if rule.severity == WARN else "rows that break it are published now",
        )
    for name, rule in added.items():
        yield Change(
            f"rule {name}",
            "is new",
            after=_shown(rule),
            writers="" if rule.severity == WARN else "rows that break it are refused",
        )
    for name in sorted(old.rules.keys() & new.rules.keys()):
        yield from _row_rule(f"rule {name}", old.rules[name], new.rules[name])


def _row_rule(what: str, old: RowRule, new: RowRule) -> Iterator[Change]:
    yield from severity(what, old, new)
    yield from dimension(what, old, new)
    if (old.expression, old.code) == (new.expression, new.code):
        return
    # What polars prints hides arguments: equal texts are told apart by their code.
    same = old.expression == new.expression
    before, after = (f"code {each.code}" if same else each.expression for each in (old, new))
    if old.severity == new.severity == WARN:
        yield Change(what, "warns of other rows", before, after)
    else:
        yield _undecided(what, before, after)


def _shown(rule: RowRule) -> str:
    return rule.expression or f"code {rule.code}"


def _options(old: Rules, new: Rules) -> Iterator[Change]:
    for name in sorted(old.options.keys() | new.options.keys()):
        before, after = old.options.get(name), new.options.get(name)
        if before != after:
            yield _undecided(f"option {name}", before or "default", after or "default")


def _bound(old: Rules, new: Rules) -> Iterator[Change]:
    if old.source and new.source:
        yield from source(old.source, new.source)
    elif old.model and new.model:
        yield from model(old.model, new.model)
    else:
        before, after = ("a source" if each.source else "a model" for each in (old, new))
        yield _undecided("binding", before, after)


def _undecided(what: str, before: str, after: str) -> Change:
    return Change(what, "changed", before, after, _UNDECIDED, _UNDECIDED)
