"""A contract that extends another keeps all that the other promises, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandera.polars as pa
import polars as pl

from sluicegate.contracts.dimension import Severity
from sluicegate.contracts.field import METADATA
from sluicegate.contracts.kinds import is_builtin
from sluicegate.errors import ContractError

Rules = Mapping[str, tuple[pl.Expr, Severity]]
"""Rules over several columns: what each says, and what follows when a row breaks it."""


def require_promises_kept(
    schema: pa.DataFrameSchema,
    rules: Rules,
    base: tuple[pa.DataFrameSchema, Rules, str],
    where: str,
) -> None:
    """Refuse a contract that declares a column or rule anew, and leaves a promise of it out.

    Args:
        schema: of the contract, and its rules over several columns.
        base: the same of the contract that it extends, and what that is called.

    Raises:
        ContractError: it promises less.
    """
    theirs, their_rules, name = base
    lost = [
        f"{column}: {promise}"
        for column, declared in theirs.columns.items()
        for promise in _lost(schema.columns[column], declared)
    ]
    lost += _lost_rules(rules, their_rules)
    if lost:
        raise ContractError(
            f"The contract extends {name}, and does not keep what that promises: "
            f"{', '.join(lost)}.",
            where=where,
            hint="say it again with what is new, give a new rule a name of its own, or do not "
            f"extend {name}",
        )


def _lost_rules(mine: Rules, theirs: Rules) -> Iterator[str]:
    for rule, (expression, severity) in theirs.items():
        if rule not in mine or not mine[rule][0].meta.eq(expression):
            yield rule
        elif mine[rule][1] is Severity.WARN is not severity:
            yield f"{rule}: severity"


def _lost(mine: pa.Column, theirs: pa.Column) -> Iterator[str]:
    if mine.dtype != theirs.dtype:
        yield f"type {theirs.dtype}"
    if mine.nullable and not theirs.nullable:
        yield "not_null"
    meta, other = mine.metadata[METADATA], theirs.metadata[METADATA]
    if other.key and not meta.key:
        yield "key"
    if other.references not in (None, meta.references):
        yield "references"
    if theirs.checks and meta.rules.severity is Severity.WARN is not other.rules.severity:
        yield "severity"
    known = {str(check.name): check for check in mine.checks}
    for check in theirs.checks:
        name = str(check.name)
        if name == "matches" and other.matches is not None:
            kept = meta.matches == other.matches
        else:
            kept = name in known and _as_strict(known[name], check)
        if not kept:
            yield name


def _as_strict(mine: pa.Check, theirs: pa.Check) -> bool:
    if not (is_builtin(mine) and is_builtin(theirs)):
        return mine._check_fn is theirs._check_fn  # noqa: SLF001 - what else tells two checks apart
    one, other = mine.statistics or {}, theirs.statistics or {}
    return all(name in one and _within(name, one[name], value) for name, value in other.items())


def _within(name: str, mine: Any, theirs: Any) -> bool:
    """Whether what a check is given lets nothing pass that it did not before."""
    if name == "min_value":
        return bool(mine >= theirs)
    if name == "max_value":
        return bool(mine <= theirs)
    if name == "allowed_values":
        return set(mine) <= set(theirs)
    return bool(mine == theirs)
