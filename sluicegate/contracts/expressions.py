"""Rules over several columns that cannot judge a row, or judge every row alike."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import polars as pl

from sluicegate.errors import ContractError

_SAME = {"Eq": True, "EqValidity": True, "GtEq": True, "LtEq": True}
_SAME |= {"NotEq": False, "NotEqValidity": False, "Gt": False, "Lt": False}
"""What a comparison of something with itself says."""

_BY_ROW = frozenset({"Not", "IsNull", "IsNotNull", "IsIn", "IsBetween", "AllHorizontal"})
_OF_ROWS = frozenset({"Agg", "Over", "Filter"})
"""What answers of several rows at once."""

_NULL = {"Literal": {"Scalar": {"Null": "Null"}}}
_OPPOSITE = {"Eq": "NotEq", "Gt": "LtEq", "Lt": "GtEq", "IsNull": "IsNotNull"}
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}


def require_rule_that_counts(
    name: str, expression: Any, types: Mapping[str, pl.DataType], where: str
) -> None:
    """Refuse what is no rule of single rows, or is decided before it has seen one.

    Not all that is always true can be told here: the suite of :mod:`sluicegate.testing` asks for a
    row that breaks it.

    Raises:
        ContractError: the rule is one of these.
    """
    if not isinstance(expression, pl.Expr):
        raise ContractError(
            f"The rule {name!r} must return a polars expression.",
            where=where,
            hint='for example: return pl.col("settled_at") >= pl.col("booked_at")',
        )
    if expression.meta.has_multiple_outputs():
        raise ContractError(
            f"The rule {name!r} answers several times for each row.",
            where=where,
            hint="join the answers: pl.all_horizontal(...)",
        )
    for column in expression.meta.root_names():
        if column not in types:
            near = get_close_matches(column, types, n=1)
            raise ContractError(
                f"The rule {name!r} names the column {column!r}, which the contract does not have.",
                where=where,
                hint=f"did you mean {near[0]!r}?" if near else f"columns: {', '.join(types)}",
            )
    if not expression.meta.root_names():
        raise ContractError(f"The rule {name!r} looks at no column: it cannot fail.", where=where)
    _require_answer(name, expression, types, where)
    if _looks_beside(_tree(expression)):
        raise ContractError(
            f"The rule {name!r} judges a row by the rows beside it.",
            where=where,
            hint="a batch may hold any rows: compare with a constant, or test it in dbt",
        )
    decided = _decided(_tree(expression))
    if decided is not None:
        raise ContractError(
            f"The rule {name!r} is {'never broken' if decided else 'broken by every row'}: "
            "it says the same whatever a row holds.",
            where=where,
            hint="look for a column that is compared with itself, and for | where & is meant",
        )


def is_row_by_row(expression: pl.Expr) -> bool:
    """Whether an expression is made only of what looks at one row at a time, as far as is known."""
    return _by_row(_tree(expression))


def _looks_beside(node: Any) -> bool:
    """Whether a column is summed up, or cut, somewhere in an expression."""
    match node:
        case dict():
            # What is done within a list of a row is no matter of other rows.
            inner = {key: value for key, value in node.items() if key != "evaluation"}
            if inner.keys() & _OF_ROWS:
                return _has_column(inner)
            return any(map(_looks_beside, inner.values()))
        case list():
            return any(map(_looks_beside, node))
    return False


def _has_column(node: Any) -> bool:
    if isinstance(node, dict):
        return "Column" in node or any(map(_has_column, node.values()))
    return isinstance(node, list) and any(map(_has_column, node))


def _by_row(node: Any) -> bool:
    match node:
        case {"Column": _} | {"Literal": _}:
            return True
        case {"BinaryExpr": {"left": left, "right": right}}:
            return _by_row(left) and _by_row(right)
        case {"Function": {"input": list(inner), "function": {"Boolean": kind}}}:
            named = kind if isinstance(kind, str) else next(iter(kind))
            return named in _BY_ROW and all(map(_by_row, inner))
        case {"Ternary": {"predicate": when, "truthy": then, "falsy": otherwise}}:
            return _by_row(when) and _by_row(then) and _by_row(otherwise)
    return False


def _require_answer(
    name: str, expression: pl.Expr, types: Mapping[str, pl.DataType], where: str
) -> None:
    try:
        (kind,) = pl.LazyFrame(schema=dict(types)).select(expression).collect_schema().dtypes()
    except pl.exceptions.PolarsError as error:
        raise ContractError(
            f"The rule {name!r} cannot be applied: {str(error).splitlines()[0]}", where=where
        ) from error
    if kind != pl.Boolean:
        raise ContractError(
            f"The rule {name!r} answers with {kind}, not with true or false.",
            where=where,
            hint="compare what it computes with something",
        )


def _tree(expression: pl.Expr) -> Any:
    with warnings.catch_warnings():
        # The form is not promised to last; what is not known here is not decided.
        warnings.simplefilter("ignore")
        try:
            return json.loads(expression.meta.serialize(format="json"))
        except (pl.exceptions.PolarsError, ValueError):
            return None


def _decided(node: Any) -> bool | None:
    """Whether an expression is never false (True), never true (False), or may be both (None)."""
    match node:
        case {"Literal": {"Scalar": {"Boolean": bool(value)}}}:
            return value
        case {"Alias": [inner, _]}:
            return _decided(inner)
        case {"Function": {"input": [inner], "function": {"Boolean": "Not"}}}:
            known = _decided(inner)
            return None if known is None else not known
        case {"Function": {"input": [one, other], "function": "FillNull"}} | {
            "Ternary": {"truthy": one, "falsy": other}
        }:
            known = _decided(one)
            return known if known == _decided(other) or other == _NULL else None
        case {"BinaryExpr": {"left": left, "op": str(op), "right": right}}:
            return _joined(left, op, right)
    return None


def _joined(left: Any, op: str, right: Any) -> bool | None:
    if op in _SAME:
        return _SAME[op] if left == right else None
    if op not in ("And", "Or"):
        return None
    # One that is never false decides an "or", one that is never true an "and".
    deciding = op == "Or"
    known = (_decided(left), _decided(right))
    if deciding in known or _opposite(left, right):
        return deciding
    return known[0] if known[0] == known[1] else None


def _opposite(left: Any, right: Any) -> bool:
    """Whether of two expressions one is true where the other is not."""
    match left, right:
        case (
            {"BinaryExpr": {"left": a, "op": str(one), "right": b}},
            {"BinaryExpr": {"left": c, "op": str(other), "right": d}},
        ) if (a, b) == (c, d):
            return _OPPOSITE.get(one) == other
        case (
            {"Function": {"input": a, "function": {"Boolean": str(one)}}},
            {"Function": {"input": b, "function": {"Boolean": str(other)}}},
        ) if a == b and one in _OPPOSITE:
            return _OPPOSITE[one] == other
    return bool(_not(left) == right or _not(right) == left)


def _not(node: Any) -> Any:
    """What an expression says the opposite of, if it begins with "not"; nothing equals nothing."""
    match node:
        case {"Function": {"input": [inner], "function": {"Boolean": "Not"}}}:
            return inner
    return float("nan")
