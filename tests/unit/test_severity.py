"""Rules that only warn: rows are published and counted, audits say so, and nothing is stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from sluicegate.contracts import (
    Contract,
    Dimension,
    Money,
    Severity,
    UtcTimestamp,
    field,
    key,
    promises_of,
    rule,
)
from sluicegate.errors import ContractError
from sluicegate.ingestion import ingest, raw_table, replay
from sluicegate.ingestion.accounts import WARNINGS, last_runs
from sluicegate.ingestion.quarantine import Selection
from sluicegate.lake import Archive, Session
from sluicegate.quality.check import Outcome
from sluicegate.quality.conservation import audit_batches, audit_conservation, stock
from sluicegate.quality.contracts import audit_source
from sluicegate.sources import Batch, Files, Load
from tests.unit.kit import HEADER, orders, source
from tests.unit.test_load import published, quarantined


class Watched(Contract):
    """Orders of which some are odd, and not wrong."""

    order_id: str = key()
    booked_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(gt=0)
    paid: Money = field(nullable=True, ge=0, severity=Severity.WARN)

    @rule(severity=Severity.WARN)
    def not_overpaid(self) -> pl.Expr:
        """Who pays more will get it back."""
        return pl.col("paid") <= pl.col("amount")


LINES = (
    "a,,1.00,0.50",
    "b,,1.00,2.00",
    "c,,0.00,5.00",
    "b,,1.00,2.00",
    "d,,1.00,-1.00",
    "d,,2.00,-1.00",
    "e,,1.00,x",
    "f,,1.00,9.00",
)
"""Fine; odd; wrong and odd; a copy; odd otherwise; its key again; unreadable; odd."""
WARNED = {"not_overpaid": 2, "paid:greater_than_or_equal_to": 1}


def warned(session: Session, declared: Files) -> list[tuple[Any, ...]]:
    """What the accounts have of warnings."""
    sql = f"SELECT run, rule, row_count FROM {WARNINGS.sql} WHERE source = ? ORDER BY ALL"
    return session.rows(sql, [declared.name])


@pytest.mark.parametrize("load", Load)
def test_what_warns_is_published_and_counted(session: Session, tmp_path: Path, load: Load) -> None:
    """Once a published row: rejected rows, copies and rows whose key is taken do not count."""
    declared = source(contract=Watched, load=load)
    before = stock(declared, session)
    intake = ingest(declared, [orders(tmp_path, *LINES)], session, "run")
    (receipt,) = intake.receipts
    assert set(published(session, declared)) == {"a", "b", "d", "f"}
    assert receipt.warnings == WARNED
    assert receipt.examples["not_overpaid"] == "orders.csv, line 3"
    assert (receipt.rows_in, receipt.published, receipt.quarantined) == (8, 4, 3)
    assert warned(session, declared) == [("run", rule, n) for rule, n in WARNED.items()]
    assert last_runs(session)[declared.name]["warnings"] == WARNED
    rules = [rules for _, _, rules, _ in quarantined(session, declared)]
    assert rules == [["amount:greater_than"], ["order_id:unique"], ["paid:decimal"]]
    checks = audit_conservation(declared, before, stock(declared, session), intake)
    checks += audit_batches(declared, intake, session, "run")
    assert {check.outcome for check in checks} == {Outcome.PASS}


def test_an_audit_says_that_it_warns(session: Session, tmp_path: Path) -> None:
    """It is no pass, it names rows, and it stops nothing."""
    declared = source(contract=Watched)
    ingest(declared, [orders(tmp_path, *LINES)], session, "run")
    checks = {check.name: check for check in audit_source(declared, session)}
    odd = {name: check for name, check in checks.items() if check.outcome is not Outcome.PASS}
    assert {name: (check.outcome, check.failures) for name, check in odd.items()} == {
        name: (Outcome.WARN, failures) for name, failures in WARNED.items()
    }
    assert odd["not_overpaid"].rows == ("order_id=b", "order_id=f")
    assert not any(check.blocks for check in checks.values())
    session.execute(f"INSERT INTO {raw_table(declared).sql} VALUES ('g', NULL, 0, 9, '0f', 9)")
    blocks = [check.name for check in audit_source(declared, session) if check.blocks]
    assert blocks == ["amount:greater_than"]


def test_an_audit_of_nothing_is_no_warning(session: Session, tmp_path: Path) -> None:
    """A rule that only warns has to look at something, too."""
    declared = source(contract=Watched)
    ingest(declared, [orders(tmp_path, "a,,0.00,")], session, "run")
    assert {check.outcome for check in audit_source(declared, session)} == {Outcome.ERROR}


def test_a_rule_that_warns_now_lets_go_of_what_it_rejected(
    session: Session, archive: Archive
) -> None:
    """The replay publishes the row, and counts it as its own."""
    strict, raw = source(), "\n".join([HEADER, *LINES[:2]]) + "\n"
    batch, content, size = archive.keep_bytes(raw.encode())
    ingest(strict, [Batch(batch, "orders.csv", content, size)], session, "run")
    assert set(published(session, strict)) == {"a"}
    lenient = source(strict.name, contract=Watched)
    intake = replay(lenient, archive, session, "again", Selection())
    assert [receipt.warnings for receipt in intake.receipts] == [{"not_overpaid": 1}]
    assert set(published(session, strict)) == {"a", "b"}
    assert warned(session, strict) == [("again", "not_overpaid", 1)]


class Everything(Contract):
    """A rule of every kind."""

    id: int = key(isin=[1, 2])
    needed: str = field(matches="[a-z]", references="others.id")
    late: int = field(nullable=True, le=5, severity=Severity.WARN, dimension=Dimension.TIMELINESS)
    own: int = field(nullable=True, check=pa.Check.ne(3))

    @rule
    def alone(self) -> pl.Expr:
        """A rule over one column."""
        return pl.col("own") != 4

    @rule()
    def together(self) -> pl.Expr:
        """A rule over two."""
        return pl.col("own") != pl.col("late")

    @rule(dimension=Dimension.COMPLETENESS, severity=Severity.WARN)
    def either(self) -> pl.Expr:
        """A rule that says what it is."""
        return pl.col("own").is_not_null() | pl.col("late").is_not_null()


def test_every_rule_has_a_dimension() -> None:
    """The usual one by what kind of rule it is, or the one that it was given."""
    found = {
        rule: (promise.dimension.value, promise.severity.value)
        for rule, promise in promises_of(Everything).items()
    }
    assert found == {
        "id:unique": ("uniqueness", "reject"),
        "id:not_null": ("completeness", "reject"),
        "id:isin": ("validity", "reject"),
        "needed:not_null": ("completeness", "reject"),
        "needed:matches": ("validity", "reject"),
        "needed:references": ("consistency", "reject"),
        "late:less_than_or_equal_to": ("timeliness", "warn"),
        "own:not_equal_to": ("validity", "reject"),
        "alone": ("validity", "reject"),
        "together": ("consistency", "reject"),
        "either": ("completeness", "warn"),
    }
    assert list(found) == list(Everything.rules())
    assert promises_of(Everything)["needed:encoding"].dimension is Dimension.VALIDITY


@pytest.mark.parametrize(
    ("declare", "message", "hint"),
    [
        (lambda: field(severity=Severity.WARN), "cannot only warn: .* NOT NULL", "nullable=True"),
        (lambda: field(nullable=True, severity=Severity.WARN), "column has none", "gt="),
        (lambda: field(dimension=Dimension.TIMELINESS), "column has none", "gt="),
        (lambda: field(gt=0, dimension=Dimension.UNIQUENESS), "tell its uniqueness", r"key()"),
        (lambda: rule(dimension=Dimension.ACCURACY), "tell its accuracy", "reference="),
    ],
)
def test_what_cannot_be_meant_is_refused(
    declare: Callable[[], Any], message: str, hint: str
) -> None:
    """When the contract is loaded, with what to write instead."""
    with pytest.raises(ContractError, match=message) as caught:
        declare()
    assert hint in str(caught.value.hint)


def test_pandera_knows_of_no_warning() -> None:
    """Used by itself, a contract holds rows to all of its rules."""
    frame = pl.DataFrame({"order_id": ["a"], "booked_at": [None], "amount": [1], "paid": [2]}).cast(
        {column.name: column.dtype for column in Watched.columns()}
    )
    with pytest.raises(pa.errors.SchemaError, match="not_overpaid"):
        Watched.validate(frame)
