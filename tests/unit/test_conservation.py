"""Conservation: receipts close, and the tables hold what the receipts say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sluicegate.ingestion import Intake, Receipt, create, ingest, raw_table
from sluicegate.ingestion.accounts import QUARANTINE
from sluicegate.lake import Session
from sluicegate.quality.check import Outcome
from sluicegate.quality.conservation import Stock, audit_batches, audit_conservation, stock
from sluicegate.sources import Files, Load
from tests.unit.kit import orders, source


@pytest.fixture
def declared() -> Files:
    """A source whose rows correct each other."""
    return source(load=Load.MERGE)


@pytest.fixture
def audited(session: Session, tmp_path: Path, declared: Files) -> tuple[Stock, Intake]:
    """A run on top of another, with everything that can happen to a row."""
    ingest(declared, [orders(tmp_path, "a,,1.00,", "b,,0.00,")], session, "run-1")
    before = stock(declared, session)
    lines = ("a,,2.00,", "a,,2.00,", "a,,3.00,", "c,,1.00,", "d,,0.00,")
    return before, ingest(declared, [orders(tmp_path, *lines)], session, "run-2")


def outcomes(declared: Files, before: Stock, after: Stock, intake: Intake) -> dict[str, Outcome]:
    """What each check says."""
    checks = audit_conservation(declared, before, after, intake)
    return {check.name.removeprefix("conservation:"): check.outcome for check in checks}


def test_run_that_lost_nothing(
    session: Session, declared: Files, audited: tuple[Stock, Intake]
) -> None:
    """Publishing, correcting, deduplicating and rejecting add up to what the tables hold."""
    before, intake = audited
    after = stock(declared, session)
    assert (before, after) == (Stock(1, 1), Stock(2, 3))
    assert set(outcomes(declared, before, after, intake).values()) == {Outcome.PASS}


def test_row_that_vanished_from_the_table(
    session: Session, declared: Files, audited: tuple[Stock, Intake]
) -> None:
    """A row that nobody accounts for fails the audit, and the message says how many."""
    before, intake = audited
    session.execute(f"DELETE FROM {raw_table(declared).sql} WHERE order_id = 'c'")
    checks = audit_conservation(declared, before, stock(declared, session), intake)
    (broken,) = (check for check in checks if check.outcome is Outcome.FAIL)
    assert (broken.name, broken.failures) == ("conservation:published", 1)
    assert broken.message == "the table has -1 rows against its receipts"


def test_row_that_vanished_from_quarantine(
    session: Session, declared: Files, audited: tuple[Stock, Intake]
) -> None:
    """The quarantine is counted as well."""
    before, intake = audited
    sql = "DELETE FROM lake.accounts.quarantine WHERE source = ? AND line = 6"
    session.execute(sql, [declared.name])
    found = outcomes(declared, before, stock(declared, session), intake)
    assert found["quarantined"] is Outcome.FAIL
    assert found["published"] is Outcome.PASS


def test_row_that_came_from_nowhere(declared: Files, audited: tuple[Stock, Intake]) -> None:
    """More rows than receipts is as wrong as fewer."""
    before, intake = audited
    found = outcomes(declared, before, Stock(before.published + 2, 3), intake)
    assert found["published"] is Outcome.FAIL


def test_receipt_that_does_not_close(declared: Files, audited: tuple[Stock, Intake]) -> None:
    """It fails the audit even if the tables seem to agree."""
    before, intake = audited
    intake.receipts[0] = replace(intake.receipts[0], rows_in=99)
    assert outcomes(declared, before, Stock(2, 3), intake)["receipts"] is Outcome.FAIL


def test_run_without_batches_still_counts(declared: Files) -> None:
    """A run that only rebuilds models must leave the tables as they were."""
    nothing = Intake(declared.name)
    assert set(outcomes(declared, Stock(5, 1), Stock(5, 1), nothing).values()) == {Outcome.PASS}
    assert outcomes(declared, Stock(5, 1), Stock(4, 1), nothing)["published"] is Outcome.FAIL


def test_looking_at_nothing_is_no_pass(session: Session) -> None:
    """Without a row and without a receipt there was nothing to conserve."""
    declared = source()
    empty = stock(declared, session)
    assert empty == Stock(0, 0)
    found = outcomes(declared, empty, empty, Intake(declared.name))
    assert found["published"] is found["quarantined"] is Outcome.ERROR


def test_held_rows_are_not_published(declared: Files) -> None:
    """A batch that was held adds nothing to any table."""
    held = Intake(declared.name, [Receipt(declared.name, "0f", "x.csv", rows_in=4, held=4)])
    assert set(outcomes(declared, Stock(1, 0), Stock(1, 0), held).values()) == {Outcome.PASS}


def by_batch(declared: Files, intake: Intake, session: Session, run: str) -> dict[str, Outcome]:
    """What the checks by batch say."""
    checks = audit_batches(declared, intake, session, run)
    return {check.name.partition(":")[2]: check.outcome for check in checks}


def test_tables_are_compared_batch_by_batch(session: Session, tmp_path: Path) -> None:
    """A row that changed sides between two batches is found, although the totals agree."""
    declared = source()
    one, two = orders(tmp_path, "a,,1.00,", "b,,0.00,"), orders(tmp_path, "c,,1.00,", "d,,0.00,")
    intake = ingest(declared, [one, two], session, "run")
    assert set(by_batch(declared, intake, session, "run").values()) == {Outcome.PASS}
    table = raw_table(declared)
    session.execute(f"UPDATE {table.sql} SET _batch = ? WHERE order_id = 'c'", [one.id])
    assert by_batch(declared, intake, session, "run")["by_batch"] is Outcome.FAIL
    session.execute(f"UPDATE {table.sql} SET _batch = ? WHERE order_id = 'c'", [two.id])
    session.execute(
        f"UPDATE {QUARANTINE.sql} SET batch = ? WHERE source = ?", [one.id, declared.name]
    )
    assert by_batch(declared, intake, session, "run")["by_batch"] is Outcome.FAIL


def test_batch_that_was_loaded_twice_is_found(session: Session, tmp_path: Path) -> None:
    """A batch stands in the manifest once, whatever happened to the run before."""
    declared = source()
    same = orders(tmp_path, "a,,1.00,")
    ingest(declared, [same], session, "run-1")
    intake = ingest(declared, [same], session, "run-2")
    assert by_batch(declared, intake, session, "run-2")["once"] is Outcome.FAIL


@pytest.mark.parametrize(
    ("may_be_empty", "outcome"), [(False, Outcome.ERROR), (True, Outcome.PASS)]
)
def test_source_that_has_sent_nothing_yet(
    session: Session, may_be_empty: bool, outcome: Outcome
) -> None:
    """A table without a row proves nothing, unless that is an answer; it is there in any case."""
    quiet = source(may_be_empty=may_be_empty)
    create(quiet, session)
    nothing = stock(quiet, session)
    assert nothing == Stock(0, 0)
    found = outcomes(quiet, nothing, nothing, Intake(quiet.name))
    assert {found["published"], found["quarantined"]} == {outcome}
