"""Tables made by dice, in several lineages, and what a diff of them must say, found by hand.

The oracle knows of no SQL: it has the rows as Python values and walks through them one by one.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

from sluicegate.lake import Table
from sluicegate.lake.connection import identifier

NAN = "not a number"
"""Stands for NaN, which Python would not find equal to itself."""


class Literal(NamedTuple):
    """A value: as SQL, as it compares within its type, and with values of the kind's other type."""

    sql: str
    own: Hashable
    common: Hashable


@dataclass(frozen=True)
class Kind:
    """What a column may be: a type and another that it may be changed to, with some values each.

    The values are in DuckDB's order, NULL apart, which comes last.
    """

    types: tuple[str, str]
    values: tuple[tuple[Literal, ...], tuple[Literal, ...]]
    comparable: bool = True

    def literals(self, side: int) -> tuple[Literal, ...]:
        null = Literal("NULL", None, None if self.comparable else odd(side, None))
        return (*self.values[side], null)


def odd(side: int, text: str | None) -> Hashable:
    """A value that no value of the other type equals."""
    return ("odd", side, text)


def same(kind: str, **values: Hashable) -> Kind:
    """A kind of one type."""
    literals = tuple(Literal(sql, value, value) for sql, value in values.items())
    return Kind((kind, kind), (literals, literals))


def other(one: str, first: dict[str, Any], two: str, second: dict[str, Any]) -> Kind:
    """A kind of two types; a value that is ``...`` has no equal in the other type."""
    sides = []
    for side, values in enumerate((first, second)):
        told = ((sql, odd(side, sql) if value is ... else value) for sql, value in values.items())
        sides.append(tuple(Literal(sql, sql, value) for sql, value in told))
    return Kind((one, two), (sides[0], sides[1]))


KEYS = {
    "whole": same("INTEGER", **{"1": 1, "2": 2, "3": 3}),
    "text": same("VARCHAR", **{"''": "", "'a'": "a", "'it''s'": "it's"}),
    "double": same(
        "DOUBLE", **{"-1.5": -1.5, "-0.0::DOUBLE": 0.0, "0.0": 0.0, "'nan'::DOUBLE": NAN}
    ),
    "decimal": other(
        *("DECIMAL(9,2)", {"1.5": Decimal("1.5"), "2.25": Decimal("2.25")}),
        *("DECIMAL(18,4)", {"1.5": Decimal("1.5"), "1.5001": Decimal("1.5001")}),
    ),
    "moment": same(
        "TIMESTAMPTZ",
        **{
            "'2026-03-29 00:59:00+00'": 1,
            "'2026-03-29 01:00:00+00'": 2,
            "'2026-03-29 03:00:00+02'": 2,
        },
    ),
    "typed": other(
        *("INTEGER", {"1": 1, "2": 2}),
        *("VARCHAR", {"'01'": 1, "'1'": 1, "'2'": 2, "'x'": ...}),
    ),
}
"""What may be a column of a key."""

VALUES = {
    **KEYS,
    "big decimal": other(
        *("DECIMAL(38,0)", {"1": 1, "1e37::DECIMAL(38,0)": ...}),
        *("DECIMAL(38,10)", {"1.0": 1, "1.5": Decimal("1.5")}),
    ),
    "float": other(
        *("FLOAT", {"0.1": Decimal("0.10000000149"), "0.5": Decimal("0.5")}),
        *("DOUBLE", {"0.1": Decimal("0.1"), "0.5": Decimal("0.5")}),
    ),
    "big": other(
        *("BIGINT", {"1": 1, "9007199254740992": 9007199254740992, "9007199254740993": ...}),
        *("DOUBLE", {"1": 1, "9007199254740992": 9007199254740992}),
    ),
    "naive": other(
        *("TIMESTAMP", {"'2026-01-01 10:00:00'": 10, "'2026-01-01 11:00:00'": 11}),
        *("TIMESTAMPTZ", {"'2026-01-01 11:00:00+01'": 10, "'2026-01-01 12:00:00+00'": 12}),
    ),
    "day": other(
        *("DATE", {"'2026-01-01'": 0, "'2026-01-02'": 24}),
        *("TIMESTAMP", {"'2026-01-01 00:00:00'": 0, "'2026-01-01 12:00:00'": 12}),
    ),
    "list": same(
        "DOUBLE[]",
        **{"[]": (), "[0.0]": (0.0,), "[-0.0]": (0.0,), "['nan']": (NAN,), "[NULL]": (None,)},
    ),
    "struct": same(
        "STRUCT(a INTEGER, b VARCHAR)",
        **{
            "{'a': 1, 'b': 'x'}": (1, "x"),
            "{'a': 1, 'b': NULL}": (1, None),
            "{'a': 2, 'b': 'x'}": (2, "x"),
        },
    ),
    "map": same("MAP(VARCHAR, INTEGER)", **{"MAP {'a': 1}": ("a", 1), "MAP {'b': 1}": ("b", 1)}),
    "longer list": other(
        *("INTEGER[]", {"[1]": (1,), "[1, 2]": (1, 2)}), *("BIGINT[]", {"[1]": (1,), "[3]": (3,)})
    ),
    "unlike": replace(
        other(
            *("DATE", {"'2026-01-01'": ..., "'2026-01-02'": ...}),
            *("INTEGER", {"1": ..., "2": ...}),
        ),
        comparable=False,
    ),
}


@dataclass(frozen=True)
class Column:
    """A column: its name, what it was first called in its lineage, its kind and which type."""

    name: str
    first: str
    kind: Kind
    side: int

    @property
    def type(self) -> str:
        return self.kind.types[self.side]


Row = tuple[Literal, ...]


@dataclass
class Content:
    """A table as it is in one ref: its lineage, columns and rows; and the SQL that made it so."""

    table: Table
    lineage: str
    columns: list[Column]
    rows: list[Row]
    data: list[str] = field(default_factory=list)
    shape: list[str] = field(default_factory=list)

    def copy(self) -> Content:
        return replace(self, columns=[*self.columns], rows=[*self.rows], data=[], shape=[])

    def create(self) -> None:
        listed = ", ".join(f"{identifier(c.name)} {c.type}" for c in self.columns)
        self.data.append(f"CREATE TABLE {self.table.sql} ({listed})")

    def insert(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        values = ", ".join(
            f"({', '.join(f'{v.sql}::{c.type}' for v, c in zip(row, self.columns, strict=True))})"
            for row in rows
        )
        self.data.append(f"INSERT INTO {self.table.sql} VALUES {values}")
        self.rows += rows

    def where(self, position: int, value: Literal) -> str:
        column = self.columns[position]
        return f"{identifier(column.name)} IS NOT DISTINCT FROM {value.sql}::{column.type}"

    def delete(self, position: int, value: Literal) -> None:
        self.data.append(f"DELETE FROM {self.table.sql} WHERE {self.where(position, value)}")
        self.rows = [row for row in self.rows if row[position].own != value.own]

    def update(self, position: int, value: Literal, target: int, new: Literal) -> None:
        column = self.columns[target]
        self.data.append(
            f"UPDATE {self.table.sql} SET {identifier(column.name)} = {new.sql}::{column.type}"
            f" WHERE {self.where(position, value)}"
        )
        self.rows = [
            (*row[:target], new, *row[target + 1 :]) if row[position].own == value.own else row
            for row in self.rows
        ]

    def rename(self, position: int) -> None:
        column = self.columns[position]
        name = f"{column.name} new"
        self.columns[position] = replace(column, name=name)
        self.shape.append(
            f"ALTER TABLE {self.table.sql} RENAME {identifier(column.name)} TO {identifier(name)}"
        )

    def drop_column(self, position: int) -> None:
        column = self.columns.pop(position)
        self.rows = [(*row[:position], *row[position + 1 :]) for row in self.rows]
        self.shape.append(f"ALTER TABLE {self.table.sql} DROP {identifier(column.name)}")

    def add_column(self) -> None:
        self.columns.append(Column("extra", "extra", KEYS["whole"], 0))
        self.rows = [(*row, KEYS["whole"].literals(0)[-1]) for row in self.rows]
        self.shape.append(f"ALTER TABLE {self.table.sql} ADD extra INTEGER")

    def recreate(self, rows: Sequence[Row], columns: list[Column]) -> None:
        self.lineage = uuid4().hex
        self.columns, self.rows = columns, []
        self.data.append(f"DROP TABLE {self.table.sql}")
        self.create()
        self.insert(rows)


class Dice:
    """Makes tables up; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def table(self, name: str) -> tuple[Content, tuple[str, ...]]:
        """A table with some rows in two files, and its key."""
        roll = self._random
        keys = roll.choices(list(KEYS.values()), k=roll.choice([0, 1, 1, 2]))
        rest = roll.choices(list(VALUES.values()), k=roll.randint(1, 3))
        columns = [
            *(Column(f"k{n}", f"k{n}", kind, 0) for n, kind in enumerate(keys)),
            *(Column(f"v{n}", f"v{n}", kind, 0) for n, kind in enumerate(rest)),
        ]
        content = Content(Table("raw", name), uuid4().hex, columns, [])
        content.create()
        content.insert(self.rows(columns))
        content.insert(self.rows(columns))
        return content, tuple(c.name for c in columns[: len(keys)])

    def rows(self, columns: Sequence[Column]) -> list[Row]:
        return [
            tuple(self._random.choice(column.kind.literals(column.side)) for column in columns)
            for _ in range(self._random.randint(0, 7))
        ]

    def stranger(self, content: Content) -> Content:
        """A table of that name in another lineage, of other types where its kinds have them."""
        columns = self.retyped(content)
        made = Content(content.table, uuid4().hex, columns, [])
        made.create()
        made.insert(self.rows(columns))
        return made

    def retyped(self, content: Content) -> list[Column]:
        first = [column for column in content.columns if column.first != "extra"]
        return [replace(column, name=column.first, side=1) for column in first]

    def change(self, content: Content) -> Content:
        """The table after a run on a branch of it."""
        roll, made = self._random, content.copy()
        for change in roll.choices(
            ["nothing", "append", "delete", "update", "rename", "drop", "add", "recreate", "again"],
            weights=[2, 6, 4, 4, 2, 1, 1, 1, 1],
            k=roll.randint(1, 3),
        ):
            self._change(change, made)
        return made

    def _change(self, change: str, made: Content) -> None:
        roll = self._random
        position = roll.randrange(len(made.columns))
        value = self._value(made, position)
        # DuckLake takes data before shapes: the order in which the SQL is run.
        if change == "append" and not made.shape:
            made.insert(self.rows(made.columns))
        elif change == "delete" and not made.shape:
            made.delete(position, value)
        elif change == "update" and not made.shape:
            target = roll.randrange(len(made.columns))
            made.update(position, value, target, self._value(made, target))
        elif change == "rename":
            made.rename(position)
        elif change == "drop" and len(made.columns) > 1 and made.columns[position].first[0] == "v":
            made.drop_column(position)
        elif change == "add" and made.columns[-1].first != "extra":
            made.add_column()
        elif change == "recreate" and not made.shape:
            rows = [*made.rows]
            roll.shuffle(rows)
            made.recreate(rows, [*made.columns])
        elif change == "again" and not made.shape:
            columns = self.retyped(made)
            made.recreate(self.rows(columns), columns)

    def _value(self, made: Content, position: int) -> Literal:
        column = made.columns[position]
        return self._random.choice(column.kind.literals(column.side))


@dataclass(frozen=True)
class Expected:
    """What a diff must say."""

    key: tuple[str, ...]
    renamed: set[tuple[str, str]]
    retyped: set[str]
    added_columns: set[str]
    removed_columns: set[str]
    before: int
    after: int
    added: int
    removed: int
    changed: int
    columns: dict[str, int]


class _Pair(NamedTuple):
    old: int
    new: int


def expected(old: Content, new: Content, wanted: Sequence[str]) -> Expected:
    """Compare two tables by walking through them."""
    pairs = list(_paired(old, new))
    key = list(_key(old, new, pairs, wanted))
    rest = [pair for pair in pairs if pair not in key]
    before = [_cells(row, old, new, [*key, *rest], 0) for row in old.rows]
    after = [_cells(row, old, new, [*key, *rest], 1) for row in new.rows]
    names = [new.columns[pair.new].name for pair in [*key, *rest]]
    # Rows that have no column in common cannot be equal.
    groups = _by_key(before, after, len(key)) if pairs else [(before, []), ([], after)]
    pairs_off = [pair for sides in groups for pair in _matched(*sides)]
    width = len(key)
    return Expected(
        key=tuple(names[:width]),
        renamed={
            (old.columns[p.old].name, new.columns[p.new].name)
            for p in pairs
            if old.columns[p.old].name != new.columns[p.new].name
        },
        retyped={
            new.columns[p.new].name
            for p in pairs
            if old.columns[p.old].type != new.columns[p.new].type
        },
        added_columns={
            c.name for n, c in enumerate(new.columns) if n not in {p.new for p in pairs}
        },
        removed_columns={
            c.name for n, c in enumerate(old.columns) if n not in {p.old for p in pairs}
        },
        before=len(before),
        after=len(after),
        added=sum(was is None for was, _ in pairs_off),
        removed=sum(now is None for _, now in pairs_off),
        changed=sum(was is not None and now is not None for was, now in pairs_off),
        columns={
            name: sum(
                was is not None and now is not None and was[n].value != now[n].value
                for was, now in pairs_off
            )
            for n, name in enumerate(names)
            if width and n >= width
        },
    )


def _paired(old: Content, new: Content) -> Iterator[_Pair]:
    names = [column.name for column in old.columns]
    for n, column in enumerate(new.columns):
        if column.name in names:
            yield _Pair(names.index(column.name), n)
        elif old.lineage == new.lineage:
            for o, was in enumerate(old.columns):
                still = {column.name for column in new.columns}
                if was.first == column.first != "extra" and was.name not in still:
                    yield _Pair(o, n)


def _key(
    old: Content, new: Content, pairs: Sequence[_Pair], wanted: Sequence[str]
) -> Iterator[_Pair]:
    found = []
    for name in wanted:
        named = [p for p in pairs if name in {old.columns[p.old].name, new.columns[p.new].name}]
        if not named:
            return
        found += named
    yield from found


@dataclass(frozen=True, order=False)
class _Cell:
    value: Hashable
    rank: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Cell) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


_Cells = tuple[_Cell, ...]


def _cells(row: Row, old: Content, new: Content, pairs: Sequence[_Pair], side: int) -> _Cells:
    cells = []
    for pair in pairs:
        columns = old.columns[pair.old], new.columns[pair.new]
        literal = row[pair[side]]
        if columns[0].type == columns[1].type:
            listed = [each.own for each in columns[side].kind.literals(columns[side].side)]
            cells.append(_Cell(literal.own, (listed.index(literal.own),)))
        else:
            cells.append(_Cell(literal.common, _rank(literal.common)))
    return tuple(cells)


def _rank(value: Hashable) -> tuple[Any, ...]:
    match value:
        case None:
            return (3,)
        case ("odd", _, None):
            return (2,)
        case ("odd", _, text):
            return (1, text)
        case number:
            return (0, number)


def _by_key(
    before: Sequence[_Cells], after: Sequence[_Cells], width: int
) -> Iterator[tuple[list[_Cells], list[_Cells]]]:
    groups: dict[Hashable, tuple[list[_Cells], list[_Cells]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((before, after)):
        for row in rows:
            key = row[:width]
            whole = width and all(cell.value is not None for cell in key)
            groups[key if whole else row][side].append(row)
    yield from groups.values()


def _matched(
    before: list[_Cells], after: list[_Cells]
) -> list[tuple[_Cells | None, _Cells | None]]:
    """Pairs of rows that are not equal; None where one side has none left."""
    left = sorted((Counter(before) - Counter(after)).elements(), key=_order)
    right = sorted((Counter(after) - Counter(before)).elements(), key=_order)
    longest = max(len(left), len(right))
    padded = ([*rows, *[None] * (longest - len(rows))] for rows in (left, right))
    return list(zip(*padded, strict=True))


def _order(row: _Cells) -> tuple[tuple[Any, ...], ...]:
    return tuple(cell.rank for cell in row)
