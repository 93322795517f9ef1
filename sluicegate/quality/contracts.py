"""Auditing the tables of a branch against their contracts, after everything was built.

What a contract says is compiled to one aggregate query a table, which DuckDB answers where the rows
lie. The few rules that cannot be told in SQL are judged by pandera, on slices of bounded size that
have their columns and no others. Whether keys are unique is asked of the whole table at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandera.polars as pa

from sluicegate.contracts import Contract, Model, judge, judge_by, promises_of
from sluicegate.contracts.foreign_keys import RULE
from sluicegate.errors import ContractError
from sluicegate.ingestion import raw_table
from sluicegate.ingestion.table import BATCH
from sluicegate.ingestion.tally import Tallies
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.quality.agreement import audit_agreements
from sluicegate.quality.check import Check, Outcome, verdict_of
from sluicegate.quality.compiled import compiled
from sluicegate.quality.counts import tallied
from sluicegate.quality.foreign_keys import audit_references
from sluicegate.quality.judged import judged
from sluicegate.quality.keys import SHOWN, shown_keys
from sluicegate.sources import Source

ROWS_AT_ONCE = 500_000


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of holding a table against its contract.

    Attributes:
        checks: one a rule.
        tallies: what was counted on the way, by dimension of quality; none of a table that could
            not be examined.
    """

    checks: list[Check]
    tallies: Tallies


def audit_source(source: Source, session: Session, arrived: Sequence[str] = ()) -> list[Check]:
    """One check a rule of a source's contract, over every row that it published.

    What a row refers to may leave later. So references are checked of what just arrived.

    Args:
        arrived: batches of the run.
    """
    checks = audit_table(
        raw_table(source), source.contract, session, may_be_empty=source.may_be_empty
    )
    there = f"list_contains(?::VARCHAR[], {identifier(BATCH)})"
    return checks + audit_references(
        raw_table(source), source.contract, session, rows=(there, [list(arrived)])
    )


def audit_model(model: Model, session: Session) -> list[Check]:
    """One check a rule of a model's contract, over every row that dbt built."""
    return examine_model(model, session).checks


def examine_model(model: Model, session: Session) -> Examined:
    """The same, with what was counted."""
    table = Table.of(model.table)
    examined = examine_table(
        table,
        model.contract,
        session,
        may_be_empty=model.may_be_empty,
        unique=model.unique,
        references=True,
    )
    return replace(examined, checks=examined.checks + audit_agreements(model, session))


def audit_table(
    table: Table,
    contract: type[Contract],
    session: Session,
    *,
    may_be_empty: bool = False,
    unique: bool = True,
) -> list[Check]:
    """One check a rule of the contract, over every row of the table; references are others."""
    return examine_table(table, contract, session, may_be_empty=may_be_empty, unique=unique).checks


def examine_table(
    table: Table,
    contract: type[Contract],
    session: Session,
    *,
    may_be_empty: bool = False,
    unique: bool = True,
    references: bool = False,
) -> Examined:
    """The same, with what was counted.

    Args:
        references: whether what the table refers to is looked at, too.
    """
    on = str(table)
    if not session.exists(table):
        return _failed(
            Check("exists", on, Outcome.ERROR, 0, message="the table is not in the branch")
        )
    try:
        _require_shape(table, contract, session)
        in_place = compiled(contract)
        height, broken, looked_at = _counts(table, contract, session, in_place)
        others, answered = _by_pandera(table, contract, session, height, in_place)
    except ContractError as error:
        height = int(session.scalar(f"SELECT count(*) FROM {table.sql}"))
        return _failed(Check("applies", on, Outcome.ERROR, height, message=error.message))
    broken |= others
    looked_at |= answered
    rules = [rule for rule in contract.rules() if not rule.endswith(f":{RULE}")]
    warnings = promises_of(contract).warnings
    if unique:
        broken[contract.unique_rule()] = _taken_twice(table, contract, session, height)
    else:
        rules.remove(contract.unique_rule())
    checks = [
        verdict_of(
            rule,
            on,
            looked_at=height,
            failures=broken[rule].rows,
            message=f"{broken[rule].rows:,} of {height:,} rows break it",
            may_be_empty=may_be_empty,
            rows=broken[rule].shown,
            warns=rule in warnings,
        ).narrowed(looked_at.get(rule, height))
        for rule in rules
    ]
    counts = {rule: found.rows for rule, found in broken.items()}
    between = audit_references(table, contract, session) if references else []
    counts |= {each.name: each.failures for each in between if each.outcome is not Outcome.ERROR}
    return Examined(checks + between, tallied(table, contract, session, height, counts))


def _failed(check: Check) -> Examined:
    return Examined([check], {})


@dataclass(frozen=True, slots=True)
class _Broken:
    """How many rows break a rule, and how to find some of them again."""

    rows: int
    shown: tuple[str, ...] = ()


def _require_shape(table: Table, contract: type[Contract], session: Session) -> None:
    """Be sure that the table has the contract's columns, of their types, by asking for no row."""
    present = session.types(table)
    wanted = [column.name for column in contract.columns()]
    if missing := [name for name in wanted if name not in present]:
        raise ContractError(
            f"the contract names columns that the table does not have: {', '.join(missing)}"
        )
    columns = ", ".join(map(identifier, wanted))
    judge(contract, session.frame(f"SELECT {columns} FROM {table.sql} LIMIT 0"))


def _counts(
    table: Table, contract: type[Contract], session: Session, rules: Mapping[str, str]
) -> tuple[int, dict[str, _Broken], dict[str, int]]:
    """The table's height, for each rule that SQL can tell the rows that break it, and its subject.

    The last are the rows that a rule says something of, where these need not be all.
    """
    asked = judged(contract, rules)
    known = list(dict.fromkeys(asked.values()))
    counted = [f"count(*) FILTER (WHERE {sql})" for sql in rules.values()]
    counted += [f"count({sql})" for sql in known]
    ((height, *counts),) = session.rows(
        f"SELECT {', '.join(['count(*)', *counted])} FROM {table.sql}"
    )
    broken = dict(zip(rules, counts, strict=False))
    values = dict(zip(known, counts[len(rules) :], strict=True))
    wrong = {rule: rules[rule] for rule, count in broken.items() if count}
    shown = _shown(table, contract, session, wrong)
    return (
        int(height),
        {rule: _Broken(count, shown.get(rule, ())) for rule, count in broken.items()},
        {rule: values[sql] for rule, sql in asked.items()},
    )


def _shown(
    table: Table, contract: type[Contract], session: Session, rules: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """For each rule the first keys of those that break it, all found in one pass."""
    if not rules:
        return {}
    key = f"row({', '.join(map(identifier, contract.key()))})"
    firsts = ", ".join(f"min({key}, {SHOWN}) FILTER (WHERE {sql})" for sql in rules.values())
    (found,) = session.rows(f"SELECT {firsts} FROM {table.sql}")
    return {rule: shown_keys(contract, list(keys)) for rule, keys in zip(rules, found, strict=True)}


def _by_pandera(
    table: Table,
    contract: type[Contract],
    session: Session,
    height: int,
    in_place: Collection[str],
) -> tuple[dict[str, _Broken], dict[str, int]]:
    """The rules that SQL cannot tell: slices by hash of the key, every row in exactly one.

    Of those over several columns the rows, too, that they say something of.
    """
    schema, rules = _left_over(contract, in_place)
    if not rules:
        return {}, {}
    answers = [
        expression.count().alias(rule)
        for rule, expression in contract.row_rules().items()
        if rule in rules
    ]
    answered = dict.fromkeys((rule.meta.output_name() for rule in answers), 0)
    names = dict.fromkeys((*contract.key(), *schema.columns))
    columns = ", ".join(map(identifier, names))
    key = ", ".join(map(identifier, contract.key()))
    count = max(1, -(-height // ROWS_AT_ONCE))
    broken = {rule: _Broken(0) for rule in rules}
    for part in range(count):
        where = f" WHERE hash({key}) % {count} = {part}" if count > 1 else ""
        frame = session.frame(f"SELECT {columns} FROM {table.sql}{where}")
        verdict = judge_by(schema, frame.select(schema.columns.keys()), contract.place())
        for rule, mask in verdict.broken.items():
            shown = broken[rule].shown or shown_keys(
                contract, frame.filter(mask).select(contract.key()).iter_rows()
            )
            broken[rule] = _Broken(broken[rule].rows + int(mask.sum()), shown)
        for rule, told in frame.select(answers).to_dict(as_series=False).items():
            answered[rule] += told[0]
    return broken, answered


def _left_over(
    contract: type[Contract], known: Collection[str]
) -> tuple[pa.DataFrameSchema, list[str]]:
    """The part of a contract that has to be judged by pandera, and the rules that are in it."""
    whole = contract.to_schema()
    columns = {
        name: [check for check in column.checks if f"{name}:{check.name}" not in known]
        for name, column in whole.columns.items()
    }
    checks = [check for check in whole.checks if str(check.name) not in known]
    rules = [f"{name}:{check.name}" for name, left in columns.items() for check in left]
    expressions = contract.row_rules()
    read = {
        name
        for check in checks
        for name in (
            expressions[str(check.name)].meta.root_names()
            if str(check.name) in expressions
            else columns
        )
    }
    return (
        pa.DataFrameSchema(
            {
                name: pa.Column(whole.columns[name].dtype, checks=left, nullable=True)
                for name, left in columns.items()
                if left or name in read
            },
            checks=checks,
            strict=True,
        ),
        [*rules, *(str(check.name) for check in checks)],
    )


def _taken_twice(table: Table, contract: type[Contract], session: Session, height: int) -> _Broken:
    """Rows whose key another one has, but for one of each; DuckDB spills what is too much."""
    key = ", ".join(identifier(name) for name in contract.key())
    keys = f"SELECT {key}, count(*) AS _rows FROM {table.sql} GROUP BY {key}"
    distinct = session.scalar(f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM {table.sql})")
    if distinct == height:
        return _Broken(0)
    twice = session.rows(f"SELECT {key} FROM ({keys}) WHERE _rows > 1 ORDER BY ALL LIMIT {SHOWN}")
    return _Broken(height - int(distinct), shown_keys(contract, twice))
