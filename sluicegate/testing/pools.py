"""The values of each column that keep its checks, and those that break just one of them."""

from __future__ import annotations

import json
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandera.polars as pa
import polars as pl

from sluicegate.contracts import Column, Contract, Severity, judge
from sluicegate.contracts.field import METADATA, FieldMeta, rule_meta
from sluicegate.contracts.kinds import is_builtin, is_plain
from sluicegate.testing.values import Hints, candidates

_BOUNDS: Mapping[str, tuple[Callable[[Any, Any], bool], str, str]] = {
    "greater_than": (operator.gt, "min_value", "greater than"),
    "greater_than_or_equal_to": (operator.ge, "min_value", "greater than or equal to"),
    "less_than": (operator.lt, "max_value", "less than"),
    "less_than_or_equal_to": (operator.le, "max_value", "less than or equal to"),
}
"""Written down once more on purpose: a proof does not take the word of what it proves."""


@dataclass(slots=True)
class Pool:
    """Values of one column, sorted by what its checks say of them.

    Attributes:
        good: they keep every check; None is among them, at the end, if it may be.
        breaking: check → values that break it and no other check of the column.
        beside: check → the other checks that break with it, for each value that breaks it.
        wrong: check → what it says of a value that cannot be.
    """

    good: list[Any] = field(default_factory=list)
    breaking: dict[str, list[Any]] = field(default_factory=dict)
    beside: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def pools_of(contract: type[Contract], *, texts: bool) -> dict[str, Pool]:
    """Values of every column of a contract.

    Args:
        texts: whether rows come in as text, where an empty one is an absent value.

    Raises:
        ContractError: a check of the contract raises on one of the values.
    """
    checks = {name: column.checks for name, column in contract.to_schema().columns.items()}
    columns = contract.columns()
    named = _named_by_rules(contract)
    tried = {
        column.name: candidates(column.dtype, _hints(column, contract, named, texts=texts))
        for column in columns
    }
    # As many rows as the longest list has values; the others begin again.
    height = max(map(len, tried.values()), default=0)
    rows = {name: ((values or [None]) * height)[:height] for name, values in tried.items()}
    frame = pl.DataFrame(rows, schema={column.name: column.dtype for column in columns})
    broken = judge(contract, frame).broken
    return {
        column.name: _sorted(column, tried[column.name], checks[column.name], broken, contract)
        for column in columns
    }


def declared(contract: type[Contract], column: str) -> FieldMeta:
    """What a contract says of a column and pandera has no place for."""
    meta = contract.to_schema().columns[column].metadata[METADATA]
    assert isinstance(meta, FieldMeta)
    return meta


def severity_of(rule: str, contract: type[Contract]) -> Severity:
    """What a contract declares of a rule, read where it stands, not where others look it up."""
    over = rule_meta(getattr(contract, rule, None))
    if over is not None:
        return over.severity
    for name, column in contract.to_schema().columns.items():
        if rule in {f"{name}:{check.name}" for check in column.checks}:
            return declared(contract, name).rules.severity
    return Severity.REJECT


def _sorted(
    column: Column,
    values: list[Any],
    checks: list[pa.Check],
    broken: Mapping[str, pl.Series],
    contract: type[Contract],
) -> Pool:
    names = [str(check.name) for check in checks]
    pool = Pool(breaking={name: [] for name in names}, beside={name: [] for name in names})
    nothing = pl.repeat(value=False, n=len(values), eager=True)
    masks = {name: broken.get(f"{column.name}:{name}", nothing) for name in names}
    for place, value in enumerate(values):
        against = frozenset(name for name, mask in masks.items() if mask[place])
        for check in checks:
            if wrong := _contradiction(check, value, broken=str(check.name) in against):
                pool.wrong.setdefault(str(check.name), wrong)
        for name in against:
            pool.beside[name].append(against - {name})
        if len(against) == 1:
            pool.breaking[min(against)].append(value)
        elif not against:
            pool.good.append(value)
    pool.wrong |= _given_in_vain(pool, checks, declared(contract, column.name))
    if column.nullable:
        pool.good.append(None)
    return pool


def _given_in_vain(pool: Pool, checks: list[pa.Check], meta: FieldMeta) -> dict[str, str]:
    """The checks that say otherwise of values that were given by hand."""
    own = [check for check in checks if not is_builtin(check)] or checks
    wrong = {
        str(check.name): f"{value!r}, which is given in breaks=, keeps every check of the column"
        for value in meta.breaks
        for check in own
        if value in pool.good
    }
    if meta.example is not None and meta.example not in pool.good:
        refusing = [name for name, values in pool.breaking.items() if meta.example in values]
        told = f"it refuses {meta.example!r}, which is given in example="
        wrong |= dict.fromkeys(refusing or pool.breaking, told)
    return wrong


def _contradiction(check: pa.Check, value: Any, *, broken: bool) -> str | None:
    """What is wrong with a verdict on a value, where plain Python knows the right one."""
    if not (is_builtin(check) and is_plain(check)):
        return None
    given = check.statistics or {}
    if str(check.name) in _BOUNDS:
        compare, argument, words = _BOUNDS[str(check.name)]
        try:
            keeps = compare(value, given[argument])
        except TypeError:
            return None
        of = f"{words} {given[argument]}"
    elif check.name == "isin":
        keeps, of = value in given["allowed_values"], "one of those that are allowed"
    else:
        return None
    if keeps != broken:
        return None
    told = of if keeps else f"not {of}"
    return f"it {'refuses' if broken else 'takes'} {value!r}, which is {told}"


def _hints(
    column: Column, contract: type[Contract], named: Mapping[str, list[Any]], *, texts: bool
) -> Hints:
    meta = declared(contract, column.name)
    bounds, listed = list(named.get(column.name, ())), []
    for check in contract.to_schema().columns[column.name].checks:
        given = check.statistics or {}
        for name, value in given.items():
            many = isinstance(value, list | tuple | set | frozenset)
            if many:
                listed += sorted(value) if name == "allowed_values" else list(value)
            else:
                bounds.append(value)
    examples = () if meta.example is None else (meta.example,)
    return Hints(
        examples=(*examples, *meta.breaks),
        bounds=tuple(bounds),
        listed=tuple(listed),
        pattern=meta.matches,
        many=column.key,
        blank=not texts,
    )


def _named_by_rules(contract: type[Contract]) -> dict[str, list[Any]]:
    """Constants in rules over several columns, for each column that they read."""
    found: dict[str, list[Any]] = {}
    for expression in contract.row_rules().values():
        with warnings.catch_warnings():
            # The form is not promised to last: what is not found is one hint less.
            warnings.simplefilter("ignore")
            try:
                tree = json.loads(expression.meta.serialize(format="json"))
            except (pl.exceptions.PolarsError, ValueError):
                continue
        for column in expression.meta.root_names():
            found.setdefault(column, []).extend(_constants(tree))
    return found


def _constants(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        held = node.get("Literal")
        if isinstance(held, dict):
            yield from (
                value
                for kind in held.values()
                if isinstance(kind, dict)
                for value in kind.values()
                if isinstance(value, str | int | float)
            )
            return
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _constants(each)
