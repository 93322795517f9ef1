"""Columns of a table before and after: which are the same ones, and how their values compare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from sluicegate.lake.connection import Connection, identifier, literal
from sluicegate.lake.names import folded
from sluicegate.lake.schema import Column, StoredTable

_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
_INTEGER = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
_NESTED = re.compile(r".*\]|(?:STRUCT|MAP)\(.*|VARIANT|GEOMETRY", re.DOTALL)
_VARIANT = "VARIANT"
_FLOATS = frozenset({"FLOAT", "DOUBLE"})


@dataclass(frozen=True, slots=True)
class Typed:
    """A column that only one of the two has."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A column that is called something else now."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Retyped:
    """A column that has another type now; its name is that after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """What became of a table's columns. The order of columns is not compared."""

    added: tuple[Typed, ...]
    removed: tuple[Typed, ...]
    renamed: tuple[Renamed, ...]
    retyped: tuple[Retyped, ...]

    @property
    def any(self) -> bool:
        """Whether there is a change."""
        return bool(self.added or self.removed or self.renamed or self.retyped)


@dataclass(frozen=True, slots=True)
class Pair:
    """One column, before and after."""

    before: Column
    after: Column

    def named(self, name: str) -> bool:
        """Whether it has this name, or had it."""
        return folded(name) in {folded(self.before.name), folded(self.after.name)}


def paired(before: StoredTable, after: StoredTable) -> list[Pair]:
    """The columns that both have, in the order of those after.

    A column that has its name in both is the same column. Of the others, those that have one id in
    one lineage were renamed. An id alone tells nothing, since two branches give the same one to
    what each of them adds: both must remember a name that the column had when it was one.
    """
    old = {folded(column.name): column for column in before.columns}
    new = {folded(column.name) for column in after.columns}
    gone = {column.id: column for name, column in old.items() if name not in new}
    pairs = []
    for column in after.columns:
        if same := old.get(folded(column.name)):
            pairs.append(Pair(same, column))
        elif (
            before.uuid == after.uuid and (was := gone.get(column.id)) and was.names & column.names
        ):
            pairs.append(Pair(was, column))
    return pairs


def changes(before: StoredTable, after: StoredTable, pairs: Sequence[Pair]) -> ColumnChanges:
    """What became of the columns, given which are the same."""
    old, new = {pair.before.name for pair in pairs}, {pair.after.name for pair in pairs}
    return ColumnChanges(
        added=tuple(Typed(c.name, c.kind) for c in after.columns if c.name not in new),
        removed=tuple(Typed(c.name, c.kind) for c in before.columns if c.name not in old),
        renamed=tuple(
            Renamed(pair.before.name, pair.after.name)
            for pair in pairs
            if pair.before.name != pair.after.name
        ),
        retyped=tuple(
            Retyped(pair.after.name, pair.before.kind, pair.after.kind)
            for pair in pairs
            if pair.before.kind != pair.after.kind
        ),
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair, as SQL that yields comparable values of both sides.

    Attributes:
        before: expression over the table before.
        after: expression over the table after, of the same type.
        comparable: whether any two values can be equal.
        shown: expression that makes a text of such a value; ``{}`` stands for it.
    """

    before: str
    after: str
    comparable: bool
    shown: str


def compared(connection: Connection, pair: Pair) -> Compared:
    """How values of a column compare.

    DuckDB's equality is the one that is promised: NaN equals NaN, -0.0 equals 0.0, also inside
    of nested values. Where the type changed, a value that its cast to the common type would not
    leave as it is equals none of the other side; where there is no common type, none does.
    """
    before, after = identifier(pair.before.name), identifier(pair.after.name)
    if pair.before.kind == pair.after.kind == _VARIANT:
        return Compared(_json(before), _json(after), True, "{}")
    if pair.before.kind == pair.after.kind:
        # -0.0 + 0 is 0.0: which of two equal values is shown must not depend on chance.
        zero = " + 0" if pair.after.kind in _FLOATS else ""
        return Compared(before, after, True, f"({{}}{zero})::VARCHAR")
    shown = "coalesce({0}.odd, {0}.value::VARCHAR)"
    common = common_type(connection, pair.before.kind, pair.after.kind)
    if common is not None:
        sides = (
            _cast(before, pair.before.kind, common, "before"),
            _cast(after, pair.after.kind, common, "after"),
        )
        if all(
            _binds(connection, side, column, kind)
            for side, column, kind in zip(
                sides, (before, after), (pair.before.kind, pair.after.kind), strict=True
            )
        ):
            return Compared(*sides, True, shown)
    sides = (_odd(before, "before", "VARCHAR"), _odd(after, "after", "VARCHAR"))
    return Compared(*sides, False, shown)


def _json(column: str) -> str:
    # DuckDB cannot compare a number with a text that both are VARIANT, and fails.
    return f"CASE WHEN {column} IS NOT NULL THEN {column}::JSON::VARCHAR END"


def common_type(connection: Connection, one: str, other: str) -> str | None:
    """The type that values of two different ones are compared in; None if there is none.

    Where a value does not fit into it, the other type has no value that would equal it.
    """
    kinds = (one, other)
    if _VARIANT in kinds:
        return None
    if all(map(_exact, kinds)):
        scales = [int(found[1]) for kind in kinds if (found := _DECIMAL.fullmatch(kind))]
        return f"DECIMAL(38,{max(scales)})" if scales else "HUGEINT"
    if all(_exact(kind) or kind in _FLOATS for kind in kinds):
        return "DOUBLE"
    if "VARCHAR" in kinds:
        typed = other if one == "VARCHAR" else one
        # A text inside of a nested value that cannot be cast would silently become NULL.
        return None if _NESTED.fullmatch(typed) else "VARCHAR" if typed == "JSON" else typed
    try:
        sql = f"SELECT typeof(coalesce(NULL::{one}, NULL::{other}))"
        ((common,),) = connection.execute(sql).fetchall()
    except duckdb.BinderException:
        return None
    return str(common)


def _exact(kind: str) -> bool:
    return bool(_INTEGER.fullmatch(kind) or _DECIMAL.fullmatch(kind))


def _cast(column: str, kind: str, common: str, side: str) -> str:
    """A value in the common type, or set apart with the side it is of."""
    value = f"TRY_CAST({column} AS {common})"
    if kind == "VARCHAR":
        fits = f"{value} IS NOT NULL"
    else:
        fits = f"TRY_CAST({value} AS {kind}) IS NOT DISTINCT FROM {column}"
    whole = f"{{'value': {value}, 'side': NULL::VARCHAR, 'odd': NULL::VARCHAR}}"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN {fits} THEN {whole}"
        f" ELSE {_odd(column, side, common)} END"
    )


def _odd(column: str, side: str, common: str) -> str:
    return f"{{'value': NULL::{common}, 'side': {literal(side)}, 'odd': {column}::VARCHAR}}"


def _binds(connection: Connection, expression: str, column: str, kind: str) -> bool:
    try:
        connection.execute(f"SELECT {expression} FROM (SELECT NULL::{kind} AS {column})")
    except duckdb.BinderException:
        return False
    return True
