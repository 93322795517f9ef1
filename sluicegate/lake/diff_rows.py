"""Rows of a table before and after: counted and sampled by DuckDB, never collected here.

Three ways to compare, and a table takes as many of them as it needs. Rows whose key is theirs alone
meet in one full join that counts everything at once. Rows of a key that several have are matched as
multisets first, and what is left of them joins in. Rows without a whole key are matched as
multisets and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.connection import Connection, literal
from sluicegate.lake.diff_columns import Compared

MASK = "•••"
"""What is shown of a personal value."""

LONGEST = 200
"""Characters of a value that are shown."""

_SMALL = 100_000
"""Rows that are copied into memory at first: a scan of the lake costs more than scanning those."""

Cells = dict[str, str | None]
"""Column → value as text."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column that both sides have.

    Attributes:
        name: its name after.
        personal: whether its values are masked.
        sql: how its values compare.
    """

    name: str
    personal: bool
    sql: Compared


@dataclass(frozen=True, slots=True)
class Scan:
    """What has to be read of a table on one side.

    Attributes:
        table: its full, quoted name.
        rows: how many rows the catalog says that is; None if it cannot tell.
    """

    table: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that both have, with other values.

    Attributes:
        key: its key.
        columns: each column that changed, with its value before and after.
    """

    key: Cells
    columns: dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """The first few rows of every kind, in the order of their keys."""

    added: tuple[Cells, ...] = ()
    removed: tuple[Cells, ...] = ()
    changed: tuple[ChangedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What is different between the rows of two tables.

    Attributes:
        before: rows that were looked at before.
        after: rows that were looked at after.
        changed: rows that both have, with other values.
        columns: rows that changed in a column; one that is not there changed in none.
    """

    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    sample: Sample = Sample()


@dataclass(frozen=True, slots=True)
class _Tally:
    """What a full join counted: its rows, those that have a left and a right side, and changes."""

    joined: int
    before: int
    after: int
    changed: int
    columns: tuple[int, ...]


class Comparison:
    """Two tables that are being compared on one connection.

    Args:
        connection: has both catalogs attached.
        fields: the columns that both have; at least one.
        key: how many of the fields, from the first one on, are the key.
        sample: rows to show of every kind.
    """

    def __init__(
        self, connection: Connection, fields: Sequence[Field], key: int, sample: int
    ) -> None:
        self._connection = connection
        self._fields = fields
        self._names = [f"c{position}" for position in range(len(fields))]
        self._key, self._rest = self._names[:key], self._names[key:]
        self._sample = sample

    def compare(self, before: Scan, after: Scan) -> Found:
        """Count and sample what is different between two tables.

        Raises:
            EnvironmentFailed: a table has other rows than its catalog says.
        """
        old = self._read("old", before, [field.sql.before for field in self._fields])
        new = self._read("new", after, [field.sql.after for field in self._fields])
        sides = ("old_rows", "new_rows")
        found = self._by_key(old, new) if self._key else self._as_multisets(*sides)
        for table in ("old_copy", "new_copy", "tally", "bag", "taken", "leftover"):
            self._run(f"DROP TABLE IF EXISTS {table}")
        return replace(found, before=old, after=new)

    def _read(self, side: str, scan: Scan, expressions: Sequence[str]) -> int:
        """Give the rows of a side a name; returns their number."""
        source = scan.table
        if scan.rows is not None and scan.rows <= _SMALL:
            self._run(f"CREATE TEMP TABLE {side}_copy AS FROM {source}")
            source = f"{side}_copy"
        columns = (f"{sql} AS {c}" for sql, c in zip(expressions, self._names, strict=True))
        self._view(f"{side}_rows", f"SELECT {', '.join(columns)} FROM {source}")
        rows = self._number(f"SELECT count(*) FROM {side}_rows")
        if scan.rows not in {rows, None}:
            raise EnvironmentFailed(
                f"The table has {rows:,} rows where its catalog says {scan.rows:,}.",
                where=scan.table,
                hint="look for other damage: sluicegate lake verify; restore it from a backup",
            )
        return rows

    def _by_key(self, old: int, new: int) -> Found:
        whole = " AND ".join(f"{name} IS NOT NULL" for name in self._key)
        for side in ("old", "new"):
            self._view(f"{side}_keyed", f"FROM {side}_rows WHERE {whole}")
        # DuckLake's statistics answer this, as a rule.
        keyed = [self._number(f"SELECT count(*) FROM {side}_keyed") for side in ("old", "new")]
        rest = self._rest if all(keyed) else []
        sides, on = ("old_keyed", "new_keyed"), self._key
        tally = self._joined(sides, on, rest, most=sum(keyed))
        if not _each_once(tally, *keyed):
            sides, on = self._pair_off(), [*self._key, "turn"]
            tally = self._joined(sides, on, rest, most=sum(keyed))
        names = [self._fields[self._names.index(name)].name for name in rest]
        found = Found(
            added=tally.joined - tally.before,
            removed=tally.joined - tally.after,
            changed=tally.changed,
            columns=dict(zip(names, tally.columns, strict=True)),
            sample=self._sampled(sides, on, rest),
        )
        return found if keyed == [old, new] else self._with_loose(found, whole)

    def _joined(
        self, sides: tuple[str, str], on: Sequence[str], rest: Sequence[str], *, most: int
    ) -> _Tally:
        """Join two sides on columns that are never null, and count; fills ``tally``.

        The join stops one row after the most that it can have where every key is there once: a
        key that a million rows share on both sides would yield a billion.
        """
        condition = " AND ".join(f"a.{name} = b.{name}" for name in on)
        key = ", ".join(f"'{name}': coalesce(a.{name}, b.{name})" for name in on)
        differ = [f"a.{name} IS DISTINCT FROM b.{name} AS {name}" for name in rest]
        joined = [f"a.{on[-1]} IS NOT NULL AS here", f"b.{on[-1]} IS NOT NULL AS there"]
        joined += [f"{{{key}}} AS key", *differ]
        changed = " OR ".join(rest) or "false"
        both = [f"here AND there AND {name}" for name in ("changed", *rest)]
        counts = [f"coalesce(count_if({which}), 0)" for which in ("here", "there", *both)]
        few = max(self._sample, 1)
        self._run(
            f"CREATE OR REPLACE TEMP TABLE tally AS SELECT"
            f" [count(*), {', '.join(counts)}] AS counts,"
            f" min(key, {few}) FILTER (WHERE NOT there) AS removed,"
            f" min(key, {few}) FILTER (WHERE NOT here) AS added,"
            f" min(key, {few}) FILTER (WHERE here AND there AND changed) AS changed"
            f" FROM (SELECT *, {changed} AS changed FROM (SELECT {', '.join(joined)}"
            f" FROM {sides[0]} AS a FULL JOIN {sides[1]} AS b ON {condition} LIMIT {most + 1}))"
        )
        ((counted,),) = self._rows("SELECT counts FROM tally")
        joined_rows, here, there, changed_rows, *columns = counted
        return _Tally(joined_rows, here, there, changed_rows, tuple(columns))

    def _pair_off(self) -> tuple[str, str]:
        """Name relations in which every key, together with its ``turn``, is there once.

        Of a key that several rows of a side have, equal rows of both sides cancel out; what is
        left is numbered in the order of its values, on each side.
        """
        key, names = ", ".join(self._key), ", ".join(self._names)
        copies = f"SELECT {key} FROM {{}}_keyed GROUP BY ALL HAVING count(*) > 1"
        self._run(f"CREATE TEMP TABLE taken AS {copies.format('old')} UNION {copies.format('new')}")
        shared = f"(SELECT {names} FROM {{}}_keyed SEMI JOIN taken USING ({key}))"
        self._cancel_out(shared.format("old"), shared.format("new"))
        order = f" ORDER BY {', '.join(self._rest)}" if self._rest else ""
        self._run(
            f"CREATE TEMP TABLE leftover AS SELECT {names}, old,"
            f" row_number() OVER (PARTITION BY old, {key}{order}) AS turn"
            f" FROM (SELECT {names}, n < 0 AS old, unnest(range(abs(n))) FROM bag)"
        )
        alone = f"SELECT {names}, 0 AS turn FROM {{}}_keyed ANTI JOIN taken USING ({key})"
        for side, which in (("old", "old"), ("new", "NOT old")):
            left = f"SELECT {names}, turn FROM leftover WHERE {which}"
            self._view(f"{side}_turns", f"{alone.format(side)} UNION ALL {left}")
        return "old_turns", "new_turns"

    def _cancel_out(self, old: str, new: str) -> None:
        """Fill ``bag`` with the rows that one side has more often; ``n`` is below 0 for the old."""
        names = ", ".join(self._names)
        self._run(
            f"CREATE OR REPLACE TEMP TABLE bag AS SELECT {names}, sum(one)::BIGINT AS n FROM ("
            f"SELECT {names}, -1 AS one FROM {old} UNION ALL SELECT {names}, 1 AS one FROM {new})"
            f" GROUP BY {names} HAVING sum(one) <> 0"
        )

    def _as_multisets(self, old: str, new: str) -> Found:
        self._cancel_out(old, new)
        (counts,) = self._rows(
            "SELECT coalesce(sum(greatest(n, 0)), 0), coalesce(sum(greatest(-n, 0)), 0) FROM bag"
        )
        added, removed = map(int, counts)
        sample = Sample(self._in_bag("n > 0"), self._in_bag("n < 0"))
        return Found(added=added, removed=removed, sample=sample)

    def _with_loose(self, found: Found, whole: str) -> Found:
        """Add what is found among the rows that lack a part of their key."""
        loose = f"(FROM {{}}_rows WHERE NOT ({whole}))"
        others = self._as_multisets(loose.format("old"), loose.format("new"))
        few = self._sample
        return replace(
            found,
            added=found.added + others.added,
            removed=found.removed + others.removed,
            sample=replace(
                found.sample,
                added=(*found.sample.added, *others.sample.added)[:few],
                removed=(*found.sample.removed, *others.sample.removed)[:few],
            ),
        )

    def _in_bag(self, which: str) -> tuple[Cells, ...]:
        if not self._sample:
            return ()
        names, few = ", ".join(self._names), self._sample
        first = f"(FROM bag WHERE {which} ORDER BY {names} LIMIT {few})"
        every = f"(SELECT {names}, unnest(range(least(abs(n), {few}))) FROM {first})"
        shown = ", ".join(map(self._shown, self._names))
        rows = self._rows(f"SELECT {shown} FROM {every} ORDER BY {names} LIMIT {few}")
        return tuple(self._cells(row) for row in rows)

    def _sampled(self, sides: tuple[str, str], on: Sequence[str], rest: Sequence[str]) -> Sample:
        """The first rows of every kind, by the keys that ``tally`` has kept."""
        if not self._sample:
            return Sample()
        old, new = sides
        return Sample(
            added=self._only("added", new, on),
            removed=self._only("removed", old, on),
            changed=self._both(sides, on, rest) if rest else (),
        )

    def _only(self, kind: str, side: str, on: Sequence[str]) -> tuple[Cells, ...]:
        shown = ", ".join(self._shown(f"a.{name}") for name in self._names)
        order = ", ".join(["s.key", *(f"a.{name}" for name in self._names)])
        rows = self._rows(
            f"SELECT {shown} FROM {_keys(kind)} AS s JOIN {side} AS a ON {_on('a', on)}"
            f" ORDER BY {order} LIMIT {self._sample}"
        )
        return tuple(self._cells(row) for row in rows)

    def _both(
        self, sides: tuple[str, str], on: Sequence[str], rest: Sequence[str]
    ) -> tuple[ChangedRow, ...]:
        old, new = sides
        keys = [self._shown(f"b.{name}") for name in self._key]
        columns = [
            sql
            for name in rest
            for sql in (
                f"a.{name} IS DISTINCT FROM b.{name}",
                self._shown(f"a.{name}"),
                self._shown(f"b.{name}"),
            )
        ]
        rows = self._rows(
            f"SELECT {', '.join([*keys, *columns])} FROM {_keys('changed')} AS s"
            f" JOIN {old} AS a ON {_on('a', on)} JOIN {new} AS b ON {_on('b', on)} ORDER BY s.key"
        )
        return tuple(self._changed_row(row) for row in rows)

    def _changed_row(self, row: Sequence[Any]) -> ChangedRow:
        width = len(self._key)
        names = [field.name for field in self._fields]
        triples = zip(row[width::3], row[width + 1 :: 3], row[width + 2 :: 3], strict=True)
        told = zip(names[width:], triples, strict=True)
        return ChangedRow(
            key=dict(zip(names, row[:width], strict=False)),
            columns={name: (was, now) for name, (differs, was, now) in told if differs},
        )

    def _cells(self, row: Sequence[Any]) -> Cells:
        return {field.name: text for field, text in zip(self._fields, row, strict=True)}

    def _shown(self, column: str) -> str:
        """A value as text; of a personal one nothing leaves the database."""
        field = self._fields[int(column.rpartition("c")[2])]
        if field.personal:
            return literal(MASK)
        text = field.sql.shown.format(column)
        cut = f"left({text}, {LONGEST}) || '…'"
        return f"CASE WHEN length({text}) > {LONGEST} THEN {cut} ELSE {text} END"

    def _view(self, name: str, sql: str) -> None:
        self._run(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")

    def _run(self, sql: str) -> None:
        self._connection.execute(sql)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def _number(self, sql: str) -> int:
        ((number,),) = self._rows(sql)
        return int(number)


def _each_once(tally: _Tally, old: int, new: int) -> bool:
    """Whether no key that both sides have is there twice on a side.

    A key that ``a`` rows before and ``b`` rows after have is joined ``a * b`` times: a side is
    there as often as it has rows only where the other side's number is 1.
    """
    return (tally.before, tally.after) == (old, new) and tally.joined <= old + new


def _keys(kind: str) -> str:
    return f"(SELECT DISTINCT unnest({kind}) AS key FROM tally)"


def _on(side: str, on: Sequence[str]) -> str:
    return " AND ".join(f"{side}.{name} = s.key.{name}" for name in on)
