"""The difference between two refs or generations: tables, columns, rows and values.

What is equal and what changed, in the words that this module keeps to:

- *A* is before, *B* is after. Views are compared by their SQL, tables by their columns and rows.
- Values are equal as DuckDB's ``IS NOT DISTINCT FROM`` has it: NULL equals NULL, NaN equals NaN,
  -0.0 equals 0.0, also within nested values; moments (TIMESTAMPTZ) are equal as instants. A VARIANT
  is compared as JSON, in which 1 is not '1', but a day is its text.
- A column that has another type is compared by value where both cast to a common type (decimals of
  another scale, 1 and '1', a day and its midnight, UTC); otherwise every row counts as changed in
  it. A float and another number compare as doubles where that loses nothing.
- A column that has its name on both sides, whatever the case of its ASCII letters, is the same one.
  DuckLake's ids tell which of the others were renamed, within one lineage; without one, a column
  was removed and another added.
- Rows are compared in the columns that both sides have; if there is none, all of them are others. A
  column that only one side has is told once, and makes no row a changed one.
- Two rows of one key are the same row, unchanged or changed. Of a key that several rows have, equal
  rows pair off first; what is left pairs off as changed, in the order of its values on each side;
  the rest was added or removed.
- Rows without a key, or with a NULL in it, compare as multisets, in which NULL is a value as any
  other: a row that the other side has not, or not so often, was added or removed.

Data files that both sides read, with the same deletions, are not read here: whatever the key, their
rows cancel out. Of the rows of one key with these values, let A have f in such files and a in
others, B f and b: min(f + a, f + b) pairs are equal, which leaves a - min(a, b) and b - min(a, b),
as without these files. So equal tables cost nothing, and appended ones what was appended.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sluicegate.errors import UnknownName
from sluicegate.lake.diff_tables import Plan, TableDiff, compare, opened, plan
from sluicegate.lake.lake import Lake
from sluicegate.lake.leases import Lease
from sluicegate.lake.schema import CatalogSchema, read_schema

SAMPLE = 5
"""Rows of every kind that are shown, by default."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: what was asked for.
        generation: the generation behind it; None for a refused run.
    """

    name: str
    generation: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A table or view that only one of the two has.

    Attributes:
        kind: ``table`` or ``view``.
        rows: of a table.
    """

    name: str
    kind: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything that is different.

    Attributes:
        tables: the tables that both have, equal ones among them.
        views: the views that both have with other SQL.
    """

    before: Side
    after: Side
    added: tuple[Whole, ...]
    removed: tuple[Whole, ...]
    views: tuple[str, ...]
    tables: tuple[TableDiff, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing is different."""
        whole = self.added or self.removed or self.views
        return not whole and all(table.equal for table in self.tables)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        tables = [{**asdict(table), "equal": table.equal} for table in self.tables]
        return {**asdict(self), "tables": tables, "equal": self.equal}


def diff(
    lake: Lake,
    before: str,
    after: str,
    *,
    keys: Mapping[str, Sequence[str]] | None = None,
    personal: Mapping[str, Container[str]] | None = None,
    tables: Collection[str] = (),
    sample: int = SAMPLE,
) -> Diff:
    """Compare what two names of the lake show.

    Args:
        before: a ref, a generation or ``refused/<run>``.
        after: another one.
        keys: ``schema.table`` → columns that identify a row of it.
        personal: ``schema.table`` → columns whose values are masked wherever they are shown. Of a
            table that is not in it, all are.
        tables: tables and views to look at; by default all.
        sample: rows to show of every kind, a table.

    Raises:
        UnknownName: there is no such name, or neither side has a table or view of that name.
        EnvironmentFailed: a catalog or a table cannot be read.
    """
    # For as long as it takes: a collector may come by.
    with lake.held(before) as one, lake.held(after) as other:
        sides = _side(before, one), _side(after, other)
        return _diff(lake, sides, keys or {}, personal or {}, tables, sample)


def _diff(
    lake: Lake,
    sides: tuple[tuple[Side, Path], tuple[Side, Path]],
    keys: Mapping[str, Sequence[str]],
    personal: Mapping[str, Container[str]],
    tables: Collection[str],
    sample: int,
) -> Diff:
    before, after = (side.name for side, _ in sides)
    old, new = (read_schema(catalog) for _, catalog in sides)
    known = {*old.tables, *old.views, *new.tables, *new.views}
    for name in tables:
        if name not in known:
            raise UnknownName.of("table or view", name, known, where=f"{before}, {after}")
    chosen = known.intersection(tables) if tables else known
    return Diff(
        before=sides[0][0],
        after=sides[1][0],
        added=tuple(_only(new, old, chosen)),
        removed=tuple(_only(old, new, chosen)),
        views=tuple(
            name
            for name in sorted(chosen & old.views.keys() & new.views.keys())
            if old.views[name] != new.views[name]
        ),
        tables=tuple(
            _compared(
                lake,
                [catalog for _, catalog in sides],
                [
                    plan(name, old.tables[name], new.tables[name])
                    for name in sorted(chosen & old.tables.keys() & new.tables.keys())
                ],
                keys,
                personal,
                sample,
            )
        ),
    )


def _compared(
    lake: Lake,
    catalogs: Sequence[Path],
    plans: Sequence[Plan],
    keys: Mapping[str, Sequence[str]],
    personal: Mapping[str, Container[str]],
    sample: int,
) -> Iterator[TableDiff]:
    """Compare table by table; DuckDB is opened if rows must be read."""
    reads = any(plan.reads for plan in plans)
    with opened(lake, catalogs, plans) if reads else nullcontext() as connection:
        for each in plans:
            yield compare(
                connection,
                each,
                key=keys.get(each.name, ()),
                personal=personal.get(each.name),
                sample=sample,
            )


def _side(name: str, lease: Lease) -> tuple[Side, Path]:
    generation = None if lease.name.startswith("refused/") else lease.name
    return Side(name, generation), lease.catalog


def _only(here: CatalogSchema, there: CatalogSchema, chosen: set[str]) -> Iterator[Whole]:
    """What one side has and the other has not, or not as a thing of that kind."""
    for name in sorted(chosen):
        if name in here.tables and name not in there.tables:
            yield Whole(name, "table", here.tables[name].rows)
        if name in here.views and name not in there.views:
            yield Whole(name, "view", None)
