"""Looking for a row that keeps, or breaks, exactly the right rules over several columns."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import polars as pl

Row = dict[str, Any]

_AT_ONCE = 256
_ROUNDS = 24
_PLAIN = 6
"""Values of a column that come up more often than the others: the first ones."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best row there is, and the rules on which it is not as wanted; none: it is right."""

    row: Row
    off: frozenset[str]


class Search:
    """Rows are changed where a rule is not as wanted, and the best of many changes is kept.

    Dice decide, but always in the same way. Whoever finds nothing has no proof that there is none.

    Args:
        rules: expressions by name, true or null of a row that keeps the rule.
        schema: types of the columns.
        pools: values that each column may have, the likeliest first.
    """

    def __init__(
        self,
        rules: Mapping[str, pl.Expr],
        schema: Mapping[str, pl.DataType],
        pools: Mapping[str, Sequence[Any]],
    ) -> None:
        self._rules = rules
        self._reads = {name: set(expr.meta.root_names()) for name, expr in rules.items()}
        read = set().union(*self._reads.values())
        self._schema = {name: dtype for name, dtype in schema.items() if name in read}
        self._pools = pools
        # A decimal one equals a whole one, and each column has its own.
        self._own = {
            name: {value: value for value in values if isinstance(value, Hashable)}
            for name, values in pools.items()
        }
        self._truths = [
            expr.fill_null(value=True).cast(pl.Boolean).alias(name) for name, expr in rules.items()
        ]

    @property
    def read(self) -> set[str]:
        """The columns that some rule reads."""
        return set(self._schema)

    def find(
        self, start: Row, breaks: Set[str] = frozenset(), fixed: Mapping[str, Any] | None = None
    ) -> Found:
        """The row that breaks exactly these rules, or the one that comes nearest.

        Args:
            start: where to look first.
            fixed: values of columns that must stay.
        """
        dice = random.Random(0)  # noqa: S311 - dice for test data, not for secrets
        row = {**start, **(fixed or {})}
        best = Found(row, self._off([row], breaks)[0])
        for round_ in range(_ROUNDS):
            if not best.off:
                break
            free = sorted(self._near(best.off, wide=round_ >= _ROUNDS // 2) - set(fixed or ()))
            if not free:
                break
            tried = [self._changed(best.row, free, dice) for _ in range(_AT_ONCE)]
            offs = self._off(tried, breaks)
            row, off = min(zip(tried, offs, strict=True), key=lambda pair: len(pair[1]))
            if len(off) <= len(best.off):
                best = Found(row, off)
        return best

    def _near(self, rules: Set[str], *, wide: bool) -> set[str]:
        """The columns that some rules read, or that those read which share a column with them."""
        columns = {column for rule in rules for column in self._reads[rule]}
        if not wide:
            return columns
        return columns.union(*(reads for reads in self._reads.values() if reads & columns))

    def _changed(self, row: Row, free: Sequence[str], dice: random.Random) -> Row:
        some = dice.sample(free, dice.randint(1, len(free)))
        if dice.random() < 0.3:
            # Sums and orders often hold where all that is compared is the same.
            value = self._drawn(some[0], dice)
            if not isinstance(value, Hashable):
                return row
            same = {name: self._own[name][value] for name in some if value in self._own[name]}
            return {**row, **same}
        return {**row, **{name: self._drawn(name, dice) for name in some}}

    def _drawn(self, column: str, dice: random.Random) -> Any:
        pool = self._pools[column]
        return dice.choice(pool[:_PLAIN] if dice.random() < 0.5 else pool)

    def _off(self, rows: Sequence[Row], breaks: Set[str]) -> list[frozenset[str]]:
        """For each row the rules that it breaks and should not, or keeps and should not."""
        if not self._truths:
            return [frozenset()] * len(rows)
        # Column by column: rows of many columns, of which few matter, take polars long.
        columns = [
            pl.Series(name, [row[name] for row in rows], dtype=dtype)
            for name, dtype in self._schema.items()
        ]
        kept = pl.DataFrame(columns).select(self._truths)
        return [
            frozenset(name for name, keeps in row.items() if keeps == (name in breaks))
            for row in kept.iter_rows(named=True)
        ]
