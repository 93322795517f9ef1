"""What a rule stands for, besides what it says: whom it breaks if that is something else now."""

from __future__ import annotations

from collections.abc import Iterator

from sluicegate.versions.record import Change
from sluicegate.versions.rules import WARN, ColumnRules, RowRule


def severity(what: str, old: RowRule, new: RowRule) -> Iterator[Change]:
    """The change of what becomes of rows that break a rule."""
    if old.severity == new.severity:
        return
    weaker = new.severity == WARN
    yield Change(
        what,
        "only warns now" if weaker else "rejects now",
        old.severity,
        new.severity,
        readers="rows that break it are published now" if weaker else "",
        writers="" if weaker else "rows that break it are refused",
    )


def dimension(
    what: str, old: ColumnRules | RowRule, new: ColumnRules | RowRule
) -> Iterator[Change]:
    """The change of what a rule is counted as."""
    if old.dimension != new.dimension:
        usual = "the usual one"
        yield Change(
            what,
            "counts for another dimension of quality",
            old.dimension or usual,
            new.dimension or usual,
        )
