"""The proof that every rule of a dataset can fail: a datum each, through all that judges it.

What comes in from a source goes the way of a batch, from bytes to verdict. Rows of every table are
judged as a frame, and audited in place, in a table of DuckDB's. A rule is proven if its datum
breaks it everywhere, and breaks nothing else; all of a dataset's rules are tried at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from sluicegate.contracts import Column, Contract, Model, Severity, judge, reading_rules
from sluicegate.contracts.foreign_keys import RULE
from sluicegate.errors import ContractError
from sluicegate.ingestion.sift import Sifted, shape, sift
from sluicegate.lake import Session, scratch
from sluicegate.quality.check import Check, Outcome
from sluicegate.sources import LINE, Batch, Source
from sluicegate.sources.records import Records, rejects_of
from sluicegate.testing.between import audited, prove_between, put
from sluicegate.testing.pools import severity_of
from sluicegate.testing.rows import Rows, rows_of
from sluicegate.testing.search import Row
from sluicegate.testing.texts import Texts, damages, record, unreadable, write

EMPTY = "zero_rows"
"""The case of a table without a row, which is no rule of the contract's."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record of a batch that is tried.

    Attributes:
        rule: the one that it breaks; None: it breaks nothing.
        beside: rules that break with it, because they need the value that cannot be read.
    """

    texts: Texts
    rule: str | None
    beside: frozenset[str] = frozenset()


Wanted = tuple[str | None, frozenset[str]]
"""The rule that a datum is for, and all that it should be said to break."""


def cases_of(declared: Source | Model) -> tuple[str, ...]:
    """The names of all that must be proven of a dataset."""
    contract = declared.contract
    rules = [rule for rule in contract.rules() if rule != contract.unique_rule()]
    if isinstance(declared, Model):
        rules += [each.rule for each in declared.agrees]
    if isinstance(declared, Source):
        rules += [rule for each in _sent(contract) for rule in reading_rules(each)]
        rules += damages(declared)
    unique = isinstance(declared, Source) or declared.unique
    return (*rules, *([contract.unique_rule()] if unique else []), EMPTY)


def prove(declared: Source | Model) -> dict[str, str]:
    """What could not be proven: case → why. Nothing: every rule can fail, and fails alone."""
    contract = declared.contract
    try:
        rows = rows_of(contract, texts=isinstance(declared, Source))
    except ContractError as error:
        return dict.fromkeys(cases_of(declared), error.message)
    if rows.valid is None:
        return rows.missing | dict.fromkeys(cases_of(declared), next(iter(rows.missing.values())))
    wrong = _as_frame(contract, rows)
    with scratch() as session:
        wrong |= _in_place(declared, rows, session)
        wrong |= prove_between(declared, rows, session)
    if isinstance(declared, Source):
        wrong |= _as_batch(declared, rows)
    return wrong | rows.missing


def _sent(contract: type[Contract]) -> list[Column]:
    """The columns that a provider sends: the place of a record in its file is not among them."""
    return [column for column in contract.columns() if column.reads != LINE]


def _frame(contract: type[Contract], rows: Iterable[Row]) -> pl.DataFrame:
    schema = {column.name: column.dtype for column in contract.columns()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def _as_frame(contract: type[Contract], rows: Rows) -> dict[str, str]:
    assert rows.valid is not None
    frame = _frame(contract, [rows.valid, *rows.broken.values()])
    broken = judge(contract, frame).broken
    told = [{rule for rule, mask in broken.items() if mask[at]} for at in range(frame.height)]
    wanted = [(rule, _alone(rule)) for rule in (None, *rows.broken)]
    return _compared(wanted, told, "as a frame")


def _in_place(declared: Source | Model, rows: Rows, session: Session) -> dict[str, str]:
    """Audit one table with all the rows and one key twice, and one without a row."""
    assert rows.valid is not None
    contract, unique = declared.contract, declared.contract.unique_rule()
    whole = _frame(contract, [rows.valid, rows.valid, *rows.broken.values()])
    wanted = dict.fromkeys(rows.broken, 1)
    if unique in cases_of(declared):
        wanted[unique] = whole.height - whole.select(contract.key()).n_unique()
    checks = _audited(declared, whole, session)
    found = {check.name: check.failures for check in checks if check.failures}
    wrong = {
        check.name: f"audited in place, {check.name} says {check.outcome}, not {outcome}"
        for check in checks
        if check.failures and check.outcome is not (outcome := _outcome(check.name, contract))
    }
    wrong |= {
        rule: f"audited in place, {found.get(rule, 0)} rows break {rule}, not {wanted.get(rule, 0)}"
        for rule in contract.rules()
        if not rule.endswith(f":{RULE}")
        and found.get(rule, 0) != wanted.get(rule, 0)
        and rule not in rows.missing
    }
    return wrong | _of_nothing(declared, whole, session)


def _of_nothing(declared: Source | Model, whole: pl.DataFrame, session: Session) -> dict[str, str]:
    outcome = Outcome.PASS if declared.may_be_empty else Outcome.ERROR
    checks = _audited(declared, whole.clear(), session)
    if checks and {check.outcome for check in checks} == {outcome}:
        return {}
    return {EMPTY: f"of a table without a row, not every check says {outcome}"}


def _audited(declared: Source | Model, frame: pl.DataFrame, session: Session) -> list[Check]:
    put(declared, frame, session)
    checks = audited(declared, session)
    # What is promised between tables is proven by itself.
    alone = declared.contract.rules()
    return [each for each in checks if each.name in alone and not each.name.endswith(f":{RULE}")]


def _outcome(rule: str, contract: type[Contract]) -> Outcome:
    return Outcome.WARN if severity_of(rule, contract) is Severity.WARN else Outcome.FAIL


def _as_batch(source: Source, rows: Rows) -> dict[str, str]:
    """Send all the rows as one batch, and look what becomes of each."""
    sent = list(_records(source, rows))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "batch"
        records, damaged = _read(source, [each.texts for each in sent], file)
        batch = Batch("tried", "tried", file, 0)
        sifted = sift(source, [shape(source, batch, records)])
    lines = sorted([*records.rows[LINE], *records.rejects[LINE]])
    wanted = [(each.rule, _alone(each.rule) | each.beside) for each in sent]
    wanted += [(rule, _alone(rule)) for rule in damaged]
    if len(lines) != len(wanted):
        return dict.fromkeys(cases_of(source), f"{len(wanted)} records are read as {len(lines)}")
    return _sifted(source, wanted, sifted, lines)


def _sifted(
    source: Source, wanted: list[Wanted], sifted: Sifted, lines: list[int]
) -> dict[str, str]:
    """Compare what became of each record, by the severity that its rules are declared with."""
    rejecting, warning = [], []
    for rule, rules in wanted:
        warns = {each for each in rules if severity_of(each, source.contract) is Severity.WARN}
        rejecting.append((rule, rules - warns))
        # Of a record that is set aside nothing else is told.
        warning.append((rule, rules if rules == warns else frozenset[str]()))
    wrong: dict[str, str] = {}
    for expected, table, how in (
        (warning, sifted.warned, "as a batch, among the records that are published"),
        (rejecting, sifted.rejected, "as a batch, among the records that are set aside"),
    ):
        told = dict(table.select(LINE, "rules").iter_rows())
        wrong |= _compared(expected, [set(told.get(line, ())) for line in lines], how)
    return wrong


def _records(source: Source, rows: Rows) -> Iterable[Sent]:
    assert rows.valid is not None
    columns = source.contract.columns()
    place = {column.name for column in columns if column.reads == LINE}
    yield Sent(record(columns, rows.valid), None)
    for rule, row in rows.broken.items():
        if rule.partition(":")[0] not in place:
            yield Sent(record(columns, row), rule)
    for column in _sent(source.contract):
        for rule in reading_rules(column):
            texts = record(columns, rows.absent[column.name])
            yield Sent({**texts, column.reads: unreadable(rule)}, rule, rows.beside[column.name])


def _read(source: Source, texts: list[Texts], file: Path) -> tuple[Records, tuple[str, ...]]:
    if write(source, texts, file):
        # Records of many columns are read in several parts.
        parts = [*source.read(Batch("tried", "tried", file, 0))]
        rows = pl.concat([part.rows for part in parts], how="diagonal_relaxed")
        rejects = pl.concat([part.rejects for part in parts])
        return replace(parts[-1], rows=rows, rejects=rejects), damages(source)
    # A format of somebody's own: what it reads is for its own tests to prove.
    schema = dict.fromkeys(texts[0], pl.String)
    frame = pl.DataFrame(texts, schema=schema, orient="row")
    numbered = frame.with_row_index(LINE, 1).with_columns(pl.col(LINE).cast(pl.Int64))
    return Records(tuple(schema), numbered, rejects_of([])), ()


def _alone(rule: str | None) -> frozenset[str]:
    return frozenset(() if rule is None else (rule,))


def _compared(wanted: list[Wanted], told: list[set[str]], how: str) -> dict[str, str]:
    wrong: dict[str, str] = {}
    for (rule, rules), broken in zip(wanted, told, strict=True):
        if broken == rules:
            continue
        said = ", ".join(sorted(broken)) or "nothing"
        if rule is None:
            wrong |= dict.fromkeys(broken, f"a row that breaks nothing is said to break it, {how}")
        else:
            wrong[rule] = f"the datum that breaks {rule} is said to break {said}, {how}"
    return wrong
