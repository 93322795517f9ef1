"""For every rule of a contract a row that breaks it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sluicegate.contracts import Contract
from sluicegate.contracts.field import breaking
from sluicegate.contracts.ranges import holds, is_known
from sluicegate.testing.pools import Pool, pools_of
from sluicegate.testing.search import Found, Row, Search

_TRIES = 8
"""Breaking values of a column that rows are looked for."""


@dataclass(slots=True)
class Rows:
    """Rows of a contract.

    Attributes:
        valid: it breaks nothing; None if none was found, and ``missing`` says of every rule why.
        broken: rule → row that breaks it.
        absent: column → row that has no value there, and breaks as little beside that as can be.
        beside: column → the rules over several columns that its row in ``absent`` breaks.
        missing: rule → why there is no row that breaks it, and what to do.
    """

    valid: Row | None = None
    broken: dict[str, Row] = field(default_factory=dict)
    absent: dict[str, Row] = field(default_factory=dict)
    beside: dict[str, frozenset[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def rows_of(contract: type[Contract], *, texts: bool) -> Rows:
    """Look for rows of a contract; that a key is unique is no matter of single ones.

    Args:
        texts: whether rows come in as text, where an empty one is an absent value.

    Raises:
        ContractError: a check of the contract raises on a value.
    """
    pools = pools_of(contract, texts=texts)
    looking = _Looking(contract, pools)
    rows = Rows()
    if why := looking.nothing_valid(rows):
        rows.missing = dict.fromkeys(contract.rules(), why)
        return rows
    for rule, row in looking.broken():
        if isinstance(row, str):
            rows.missing[rule] = row
        else:
            rows.broken[rule] = row
    rows.missing |= {
        f"{column}:{check}": f"{column}:{check} is not what it says: {wrong}"
        for column, pool in pools.items()
        for check, wrong in pool.wrong.items()
    }
    for column in pools:
        found = looking.with_value(column, [None])
        rows.absent[column], rows.beside[column] = found.row, found.off
    _tell_apart(contract, looking, rows)
    return rows


class _Looking:
    """The search for rows of one contract."""

    def __init__(self, contract: type[Contract], pools: dict[str, Pool]) -> None:
        self.contract = contract
        self.pools = pools
        schema = {column.name: column.dtype for column in contract.columns()}
        self.schema = schema
        self.search = Search(
            contract.row_rules(), schema, {name: pool.good for name, pool in pools.items()}
        )
        self.valid: Row = {}

    def nothing_valid(self, rows: Rows) -> str | None:
        """Look for a row that keeps every rule; says why there is none."""
        for column, pool in self.pools.items():
            if not pool.good:
                return (
                    f"no value found that keeps every check of {column}: "
                    "give one with field(example=...)"
                )
        found = self.search.find({column: pool.good[0] for column, pool in self.pools.items()})
        if found.off:
            return (
                f"no row found that keeps {', '.join(sorted(found.off))}: give each column that "
                "it reads a value with field(example=...), such that together they keep it"
            )
        self.valid = rows.valid = found.row
        return None

    def broken(self) -> Iterator[tuple[str, Row | str]]:
        """Each rule, with a row that breaks it, or why there is none."""
        for column in self.contract.columns():
            if not column.nullable:
                yield f"{column.name}:not_null", self._breaks(column.name, "not_null", [None])
            for check, values in self.pools[column.name].breaking.items():
                yield f"{column.name}:{check}", self._breaks(column.name, check, values)
        for rule in self.contract.row_rules():
            yield rule, self._row(rule)

    def with_value(self, column: str, values: list[Any]) -> Found:
        """The best row with one of some values in a column."""
        if column not in self.search.read:
            return Found({**self.valid, column: values[0]}, frozenset())
        best: Found | None = None
        for value in values[:_TRIES]:
            found = self.search.find(self.valid, fixed={column: value})
            best = found if best is None or len(found.off) < len(best.off) else best
            if not found.off:
                break
        assert best is not None
        return best

    def _breaks(self, column: str, check: str, values: list[Any]) -> Row | str:
        name = f"{column}:{check}"
        if not values:
            return self._no_value(column, check)
        found = self.with_value(column, values)
        return found.row if not found.off else _never_alone(name, found.off)

    def _no_value(self, column: str, check: str) -> str:
        name, beside = f"{column}:{check}", self.pools[column].beside[check]
        if always := frozenset.intersection(*beside) if beside else None:
            return _never_alone(name, frozenset(f"{column}:{other}" for other in always))
        what = "no datum found that breaks" + (" only" if beside else "")
        return f"{what} {name}: give one with field(breaks=...)"

    def _row(self, rule: str) -> Row | str:
        given = breaking(getattr(self.contract, rule))
        if given and (wrong := self._wrong(given)):
            return f"{rule} cannot be broken as @rule(breaks=...) says: {wrong}"
        found = self.search.find(self.valid, breaks={rule}, fixed=given)
        if not found.off:
            return found.row
        if rule not in found.off:
            return _never_alone(rule, found.off)
        if given:
            return f"the datum that is given in @rule(breaks=...) does not break {rule}"
        return f"no datum found that breaks {rule}: give one with @rule(breaks={{...}})"

    def _wrong(self, given: Row) -> str | None:
        for column, value in given.items():
            if column not in self.pools:
                return f"there is no column {column!r}"
            dtype = self.schema[column]
            if value is not None and is_known(dtype) and not holds(dtype, value):
                return f"{value!r} is no value of {column!r}"
            if value not in self.pools[column].good and value in self._refused(column):
                return f"{value!r} breaks a check of {column!r}"
        return None

    def _refused(self, column: str) -> list[Any]:
        return [value for values in self.pools[column].breaking.values() for value in values]


def _never_alone(rule: str, others: frozenset[str]) -> str:
    told = ", ".join(sorted(others))
    return (
        f"no datum found that breaks {rule} alone: each one breaks {told} too. What is left of a "
        f"rule when others are applied must be able to fail: remove {rule}, or give a datum with "
        "breaks="
    )


def _tell_apart(contract: type[Contract], looking: _Looking, rows: Rows) -> None:
    """Give every row a key of its own, where no rule over several columns reads the key."""
    free = [name for name in contract.key() if name not in looking.search.read]
    made = [*rows.broken.items(), *((f"{name}:", row) for name, row in rows.absent.items())]
    for number, (rule, row) in enumerate(made, 1):
        for name in free:
            if rule.partition(":")[0] != name:
                values = looking.pools[name].good
                row[name] = values[number % len(values)]
