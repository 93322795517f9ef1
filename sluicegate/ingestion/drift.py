"""Drift: how what a batch sends differs from what its contract reads, and what follows.

Told are columns that are new, missing, called otherwise, in another order or of another type. A
type is another one where a typed format says so, or where no text of a column can be read as what
it should be. What a source is declared with decides what becomes of the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum

import polars as pl

from sluicegate.contracts import Column, Reading, read
from sluicegate.contracts.readings import reading_rules
from sluicegate.errors import BatchRefused
from sluicegate.sources import LINE, Batch, Drift, Records, Source

RULE = "batch:drift"
"""The rule that every record of a batch breaks which is set aside because it has drifted."""

_ALIKE = 0.6
_SAMPLE = 1_000
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


class Change(StrEnum):
    """What can differ."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    REORDERED = "reordered"
    RETYPED = "retyped"


@dataclass(frozen=True, slots=True)
class Drifted:
    """One difference between a batch and its contract.

    Attributes:
        column: its name at the source; empty where the order of all is meant, or columns may be
            values: of a file without a header, what stands there is a row.
        before: what the contract reads; empty for a column that it does not know.
        after: what the batch has; empty for one that it lacks.
    """

    change: Change
    column: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        """The difference, for people."""
        told = {
            Change.ADDED: f"{self.column!r} is new" if self.column else self.after,
            Change.REMOVED: f"{self.column!r} is missing",
            Change.RENAMED: f"{self.before!r} may be called {self.after!r} now",
            Change.REORDERED: "its columns come in another order",
            Change.RETYPED: f"{self.column!r} was {self.before}, and is {self.after}",
        }
        return told[self.change]

    @property
    def unknown(self) -> str:
        """The column that the contract does not name; empty if there is none to be told."""
        named = self.change is Change.RENAMED or (self.change is Change.ADDED and self.column)
        return self.after if named else ""

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return {
            "change": self.change.value,
            "column": self.column,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the columns of a batch, or of a part of it.

    Attributes:
        found: differences that its header and its types show.
        readable: columns of the contract of which a value could be read.
        unreadable: those of which one could not.
    """

    found: tuple[Drifted, ...] = ()
    readable: frozenset[str] = field(default_factory=frozenset)
    unreadable: frozenset[str] = field(default_factory=frozenset)

    def __add__(self, other: Observed) -> Observed:
        """Two parts of a batch."""
        return Observed(
            tuple(dict.fromkeys([*self.found, *other.found])),
            self.readable | other.readable,
            self.unreadable | other.unreadable,
        )

    def drift(self, source: Source) -> tuple[Drifted, ...]:
        """All differences, once the whole of a batch was seen."""
        told = {each.column for each in self.found if each.change is Change.RETYPED}
        retyped = (
            Drifted(Change.RETYPED, column.reads, _told(column.dtype), "text of another form")
            for column in source.contract.columns()
            if column.name in self.unreadable - self.readable and column.reads not in told
        )
        return (*self.found, *retyped)


def observe(source: Source, records: Records) -> Observed:
    """What the header and the types of some records show."""
    if not records.named and records.count == 0:
        return Observed()
    theirs = [column.reads for column in source.contract.columns()]
    reads = [name for name in source.reads() if name != LINE]
    # Values of folders are no columns of the file.
    header = [name for name in records.header if name in reads or name not in theirs]
    added = [name for name in header if name not in reads and name not in source.ignore]
    removed = [column.reads for column in missing(source, records)]
    if added and not set(reads) & set(header):
        strange = Drifted(Change.ADDED, "", "", f"{len(added)} columns, none of the contract")
        return Observed((*(Drifted(Change.REMOVED, name) for name in removed), strange))
    renamed = _renamed(source, records, removed, added)
    found = [
        *(Drifted(Change.RENAMED, old, old, new) for old, new in renamed.items()),
        *(Drifted(Change.REMOVED, name, name) for name in removed if name not in renamed),
        *(Drifted(Change.ADDED, name, "", name) for name in added if name not in renamed.values()),
        *_reordered(records, reads),
        *_retyped(source, records),
    ]
    return Observed(tuple(found))


def missing(source: Source, records: Records) -> list[Column]:
    """Columns that the contract reads and the records lack."""
    return [
        column
        for column in source.contract.columns()
        if column.reads not in (*records.header, LINE)
        and column.since is None
        # Where each record names its own members, one that is absent from all has no value.
        and (records.named or not column.nullable)
    ]


def read_as(readings: Mapping[str, Reading], columns: Iterable[Column], seen: Observed) -> Observed:
    """The same, with which columns of a batch, or of a part of it, could be read."""
    typed = [readings[column.name] for column in columns if reading_rules(column)]
    readable = {r.value.name for r in typed if r.value.null_count() < len(r.value)}
    return replace(
        seen,
        readable=seen.readable | readable,
        unreadable=seen.unreadable | {r.value.name for r in typed if r.broken},
    )


def require_columns(source: Source, batch: Batch, records: Records, observed: Observed) -> None:
    """Be sure that a batch has what its rows cannot do without.

    Raises:
        BatchRefused: it lacks a column.
    """
    if not records.named and records.count == 0:
        return
    lacking = [
        column.reads
        for column in missing(source, records)
        if not (source.drift is Drift.EVOLVE and column.nullable)
    ]
    if not lacking or source.drift is Drift.QUARANTINE:
        return
    renamed = [str(each) for each in observed.found if each.change is Change.RENAMED]
    if any(each.change is Change.ADDED and not each.column for each in observed.found):
        # Not quoted: of a file without a header, what stands there are values of a row.
        hint = (
            f"none of its {len(records.header)} columns is one of the contract: is there a header?"
        )
    else:
        hint = "; ".join(renamed) or (
            f"it has: {', '.join(records.header)}. Correct the contract of source "
            f"{source.name!r}, or have the provider send it again"
        )
    raise BatchRefused(
        f"The batch lacks columns of the contract: {', '.join(lacking)}.",
        where=batch.name,
        hint=hint,
        result=_result(observed.found),
    )


def drift_in(error: BatchRefused) -> tuple[Drifted, ...]:
    """The differences for which a batch was refused; none if it was refused for something else."""
    found = (error.result or {}).get("drift")
    return found if isinstance(found, tuple) else ()


def refusal(batch: Batch, drift: Sequence[Drifted]) -> BatchRefused:
    """The error for a batch of a source that refuses what has drifted."""
    return BatchRefused(
        f"The batch has drifted from its contract: {'; '.join(map(str, drift))}.",
        where=batch.name,
        hint="if the provider means it, change the contract; drift= of the source says what else "
        "may become of such a batch",
        result=_result(drift),
    )


def _result(drift: Sequence[Drifted]) -> Mapping[str, object]:
    return {"drift": tuple(drift)}


def _renamed(
    source: Source, records: Records, removed: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    """Columns that seem to be called otherwise: alike by name, and not unlike by value."""
    columns = {column.reads: column for column in source.contract.columns()}
    free = {_folded(name): name for name in added}
    found: dict[str, str] = {}
    for old in removed:
        for near in get_close_matches(_folded(old), free, n=3, cutoff=_ALIKE):
            if _may_be(columns[old], records.rows, free[near]):
                found[old] = free.pop(near)
                break
    return found


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name


def _may_be(column: Column, rows: pl.DataFrame, name: str) -> bool:
    """Whether most values of another column could be this one's, where that can be told."""
    if name not in rows.columns or not reading_rules(column):
        return True
    sample = rows[name].head(_SAMPLE).rename(column.name)
    reading = read(column, sample)
    return int(reading.unreadable.sum()) * 2 <= len(sample) - sample.null_count()


def _reordered(records: Records, reads: Sequence[str]) -> Iterator[Drifted]:
    common = [name for name in records.header if name in reads]
    declared = [name for name in reads if name in common]
    if records.named and common != declared:
        yield Drifted(Change.REORDERED, "", ", ".join(declared), ", ".join(common))


def _retyped(source: Source, records: Records) -> Iterator[Drifted]:
    types = {**records.rows.schema, **records.types}
    for column in source.contract.columns():
        sent = types.get(column.reads)
        if sent is None or column.reads == LINE or isinstance(sent, (*_TEXTS, pl.Null)):
            continue
        if _told(sent) != _told(column.dtype):
            yield Drifted(Change.RETYPED, column.reads, _told(column.dtype), _told(sent))


def _told(dtype: pl.DataType) -> str:
    """A type as far as it makes a difference: how wide a number is does not."""
    if dtype.is_integer():
        return "a whole number"
    if isinstance(dtype, pl.Decimal):
        return "a decimal"
    if isinstance(dtype, pl.Datetime):
        return "a moment" if dtype.time_zone else "a moment without a zone"
    return {pl.String: "text", pl.Date: "a day"}.get(type(dtype), str(dtype))
