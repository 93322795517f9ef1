"""Rules of a contract as SQL: what DuckDB can judge where the rows lie, exactly as pandera would.

The contract stays the single source of truth: SQL is made of its checks, and only of those whose
meaning is the same in both engines. All others are left to pandera. A test holds the two against
each other for every kind of check, on random tables.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl

from sluicegate.contracts import Column, Contract
from sluicegate.contracts.field import METADATA
from sluicegate.contracts.kinds import BOUNDS, is_builtin, is_plain
from sluicegate.lake.connection import identifier

_COMPARES = {"Gt": ">", "GtEq": ">=", "Lt": "<", "LtEq": "<=", "Eq": "=", "NotEq": "<>"}
_CONNECTS = {"And": "AND", "Or": "OR"}
_NULLS = {"IsNull": "IS NULL", "IsNotNull": "IS NOT NULL"}
_PLAIN_PATTERN = re.compile(
    r"(?:(?:[A-Za-z0-9_,:;/@# -]|\\[.+*?()|\[\]{}^$-]|\[[A-Za-z0-9_-]+\])"
    r"(?:[*+?]|\{\d{1,2}(?:,\d{0,2})?\})?"
    r"|\)[*+?]?|\((?:\?:)?|\|)*"
)
"""Patterns that mean the same to Rust's regex and to DuckDB's RE2: ASCII, no classes by name."""


def compiled(contract: type[Contract]) -> dict[str, str]:
    """SQL that is true of the rows that break a rule, and false or null of the others, by rule.

    Rules that are not in it cannot be told in SQL without a doubt: pandera judges them. Whether a
    key is unique is no matter of single rows, and not in it either.
    """
    schema, columns = contract.to_schema(), contract.columns()
    found: dict[str, str] = {}
    for column in columns:
        if not column.nullable:
            found[f"{column.name}:not_null"] = _absent(column)
        checks = schema.columns[column.name].checks
        names = [str(check.name) for check in checks]
        for number, check in enumerate(checks):
            pattern = _pattern(schema.columns[column.name], number)
            holds = _check(check, column, pattern)
            # Two checks of one name are one rule.
            if holds is not None and names.count(str(check.name)) == 1:
                found[f"{column.name}:{check.name}"] = f"NOT ({holds})"
    kinds = {column.name: column.dtype for column in columns}
    for name, expression in contract.row_rules().items():
        # A row rule; None where anything in it is more than a comparison of columns.
        holds = _truth(tree_of(expression), kinds)
        if holds is not None:
            found[name] = f"NOT ({holds})"
    return found


def _absent(column: Column) -> str:
    """As pandera has it: what is not a number is absent."""
    name = identifier(column.name)
    nan = f" OR isnan({name})" if column.dtype.is_float() else ""
    return f"{name} IS NULL{nan}"


def _pattern(column: pa.Column, number: int) -> str | None:
    """The pattern of ``matches``, if it is what this check stands for: the last one of a column."""
    meta = column.metadata[METADATA]
    return meta.matches if number == len(column.checks) - 1 else None


def _check(check: pa.Check, column: Column, pattern: str | None) -> str | None:
    name = identifier(column.name)
    if pattern is not None:
        plain = column.dtype == pl.String and _PLAIN_PATTERN.fullmatch(pattern)
        return f"regexp_full_match({name}, {_text(pattern)})" if plain else None
    if not (is_builtin(check) and is_plain(check)):
        return None
    given = check.statistics or {}
    if bound := BOUNDS.get(str(check.name)):
        constant = _literal(given[bound.argument], column.dtype)
        return None if constant is None else f"{name} {bound.sign} {constant}"
    if check.name == "isin":
        values = [_literal(value, column.dtype) for value in given["allowed_values"]]
        known = [value for value in values if value is not None]
        return f"{name} IN ({', '.join(known)})" if known and len(known) == len(values) else None
    return None


def _literal(value: Any, dtype: pl.DataType) -> str | None:
    """A constant as SQL; None if the two engines might not compare it with the column alike."""
    exact, known = isinstance(dtype, pl.Decimal), None
    match value:
        case bool():
            pass
        case str() if dtype == pl.String and "\0" not in value:
            known = _text(value)
        case int() if exact or dtype.is_integer():
            known = str(value)
        case Decimal() if exact and value.is_finite():
            known = format(value, "f")
        case int() | float() if dtype == pl.Float64 and float(value) == value:
            known = f"CAST({_text(repr(float(value)))} AS DOUBLE)"
        case datetime() if _is_moment(dtype) and value.tzinfo:
            known = f"TIMESTAMPTZ {_text(value.astimezone(UTC).isoformat())}"
        case date() if dtype == pl.Date and type(value) is date:
            known = f"DATE {_text(value.isoformat())}"
    return known


def _is_moment(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Datetime) and (dtype.time_unit, dtype.time_zone) == ("us", "UTC")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def tree_of(expression: pl.Expr) -> Any:
    """An expression as what it is made of; None if polars cannot tell."""
    with warnings.catch_warnings():
        # The form is not promised to last; what is not known here is left to pandera.
        warnings.simplefilter("ignore")
        try:
            return json.loads(expression.meta.serialize(format="json"))
        except (pl.exceptions.PolarsError, ValueError):
            return None


def _truth(node: Any, kinds: Mapping[str, pl.DataType]) -> str | None:
    """A boolean expression."""
    match node:
        case {"BinaryExpr": {"left": left, "op": str(op), "right": right}}:
            if op in _COMPARES:
                return _comparison(left, _COMPARES[op], right, kinds)
            sides = _truth(left, kinds), _truth(right, kinds)
            known = op in _CONNECTS and None not in sides
            return f"({sides[0]}) {_CONNECTS[op]} ({sides[1]})" if known else None
        case {"Function": {"input": [inner], "function": {"Boolean": str(asked)}}}:
            return _asked(inner, asked, kinds)
        case {"Column": str(name)} if kinds[name] == pl.Boolean:
            return identifier(name)
    return None


def _asked(node: Any, asked: str, kinds: Mapping[str, pl.DataType]) -> str | None:
    if asked == "Not":
        held = _truth(node, kinds)
        return None if held is None else f"NOT ({held})"
    if asked in _NULLS and "Column" in node:
        return f"{identifier(node['Column'])} {_NULLS[asked]}"
    return None


def _comparison(
    left: Any, operator: str, right: Any, kinds: Mapping[str, pl.DataType]
) -> str | None:
    truths = _truth(left, kinds), _truth(right, kinds)
    if operator in ("=", "<>") and None not in truths:
        return f"({truths[0]}) {operator} ({truths[1]})"
    sides = _side(left, kinds, right), _side(right, kinds, left)
    if None in sides or not _alike(left, right, kinds):
        return None
    return f"{sides[0]} {operator} {sides[1]}"


def _alike(left: Any, right: Any, kinds: Mapping[str, pl.DataType]) -> bool:
    """Whether what is compared is of one type, or whole numbers of two."""
    found = [kinds[node["Column"]] for node in (left, right) if "Column" in node]
    if not found:
        return False
    return found[0] == found[-1] or all(kind.is_integer() for kind in found)


def _side(node: Any, kinds: Mapping[str, pl.DataType], other: Any) -> str | None:
    match node:
        case {"Column": str(name)}:
            return identifier(name)
        case {"Literal": {"Dyn": {"Int": int(value)}}} | {
            "Literal": {"Scalar": {"String": str(value)}}
        }:
            return _literal(value, kinds[other["Column"]]) if "Column" in other else None
    return None
