"""The rows that a rule of a contract says something of: where it is null, it says nothing.

Most rules are null exactly where one column is, so one count of that column's values serves all of
them. Of a column that must have a value none is asked: where it has none, its own rule fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sluicegate.contracts import Contract
from sluicegate.lake.connection import identifier
from sluicegate.quality.compiled import tree_of

_ASKS_OF_NULL = ("IsNull", "IsNotNull")


def judged(contract: type[Contract], rules: Mapping[str, str]) -> dict[str, str]:
    """SQL that is null on the rows that a rule says nothing of, by rule; many have the same.

    A rule that is not in it says something of every row, or is one over several columns that SQL
    cannot tell.

    Args:
        rules: those that SQL can tell, as of :func:`~sluicegate.quality.compiled.compiled`.
    """
    schema = contract.to_schema()
    # What is not a number is absent for NOT NULL, and a value for every other check.
    may_lack = {
        column.name for column in contract.columns() if column.nullable or column.dtype.is_float()
    }
    found = {
        f"{name}:{check.name}": identifier(name)
        for name, column in schema.columns.items()
        for check in column.checks
        if name in may_lack
    }
    for name, expression in contract.row_rules().items():
        if name in rules and (sql := _judged(expression, may_lack, rules[name])):
            found[name] = sql
    return found


def _judged(expression: pl.Expr, may_lack: set[str], sql: str) -> str | None:
    needed = _needed(tree_of(expression), may_lack)
    if needed is None or len(needed) > 1:
        return sql
    return identifier(*needed) if needed else None


def _needed(node: Any, may_lack: set[str]) -> set[str] | None:
    """The columns any of which makes an expression null by being null; None: it is not so simple.

    Only of expressions that could be compiled.
    """
    match node:
        case {"Column": str(name)}:
            return {name} & may_lack
        case {"Function": {"function": {"Boolean": str(asked)}}} if asked in _ASKS_OF_NULL:
            return set()
        case {"Function": {"input": [inner]}}:
            return _needed(inner, may_lack)
        case {"BinaryExpr": {"left": left, "op": str(op), "right": right}}:
            one, other = _needed(left, may_lack), _needed(right, may_lack)
            if op in ("And", "Or"):
                # One side may decide where the other is null, unless both are null together.
                return one if one == other else None
            return None if one is None or other is None else one | other
    return set()
