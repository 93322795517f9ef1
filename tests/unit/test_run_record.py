"""The record of a run: how it ended is told as it was, whatever went wrong when."""

from __future__ import annotations

import errno
import os
from typing import cast

import pytest

from sluicegate.errors import BatchRefused, EnvironmentFailed, RefMoved
from sluicegate.ingestion import Intake, Receipt
from sluicegate.lake import Archive, Lake
from sluicegate.pipeline import Platform, Run, Status, stages
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED, STARTED
from tests.unit import kit


@pytest.fixture
def run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of an environment that took in ten rows so far."""
    monkeypatch.setattr(Platform, "fingerprint", "code")
    settings = kit.settings_of(lake.root.parent)
    ledger = Ledger(lake.store, "dev")
    run = Run(Platform(settings, cast("object", None), lake, Archive(lake.store), ledger))  # type: ignore[arg-type]
    receipt = Receipt("orders", "b", "orders.csv", rows_in=10, published=8, quarantined=2)
    run.report.receipts, run.report.accounts = [receipt], {"orders": receipt}
    return run


def last(run: Run) -> dict[str, object]:
    """What the ledger says of the run's end."""
    return dict(run.platform.ledger.last(FINISHED, run=run.id) or {})


def test_full_disk_is_the_machines_fault(run: Run) -> None:
    """An error of the machine is named as one, and all rows are held."""
    broken = OSError(errno.ENOSPC, "No space left on device", "files/x.parquet")
    with pytest.raises(EnvironmentFailed, match="No space left on device"), run.recorded():
        raise broken
    assert last(run)["status"] == Status.FAILED
    assert last(run)["sources"]["orders"]["held"] == 10  # type: ignore[index]


def test_refused_run_holds_its_rows(run: Run) -> None:
    """Nothing of a refused run counts as published."""
    with pytest.raises(BatchRefused), run.recorded():
        raise BatchRefused("no")
    assert last(run)["status"] == Status.REFUSED
    account = last(run)["sources"]["orders"]  # type: ignore[index]
    assert (account["published"], account["quarantined"], account["held"]) == (0, 0, 10)


def test_error_after_the_ref_moved_does_not_unpublish(run: Run) -> None:
    """Readers see the rows, so the ledger says published, whatever failed afterwards."""

    def publish_and_fail() -> None:
        with run.recorded(), run.branch() as branch:
            with branch.session() as session:
                kit.write(session, 1)
            run.platform.lake.publish(branch, run=run.id)
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(EnvironmentFailed):
        publish_and_fail()
    assert last(run)["status"] == Status.PUBLISHED
    assert last(run)["generation"] == run.platform.lake.refs.require("dev").generation
    assert last(run)["sources"]["orders"]["published"] == 8  # type: ignore[index]


def test_run_that_is_killed_stays_begun(run: Run) -> None:
    """That it began is on record before anything is done."""
    with run.recorded():
        begun = run.platform.ledger.last(STARTED, run=run.id)
        assert begun is not None
        assert begun["pid"] == os.getpid()
        assert not last(run)
    assert last(run)


def test_what_was_ingested_is_kept_when_the_ref_moves(run: Run) -> None:
    """Until the run is over, for its next attempt."""
    lake = run.platform.lake

    def come_late() -> None:
        with run.branch() as branch:
            with branch.session() as session:
                kit.write(session, 1)
            kit.publish(lake, 2)
            lake.publish(branch, run=run.id)

    run.intakes["orders"] = Intake("orders")
    with run.patience():
        with pytest.raises(RefMoved):
            come_late()
        assert run.aside is not None
        assert run.aside.catalog.is_file()
        assert run.aside.intakes == run.intakes
    assert run.aside is None
    assert list(lake.branches.iterdir()) == []


def test_attempt_that_never_began_leaves_what_was_set_aside(run: Run) -> None:
    """Its branch has nothing of what the attempt before it did."""

    def come_late() -> None:
        with run.branch() as branch:
            with branch.session() as session:
                kit.write(session, 1)
            raise RefMoved("at the end of the first attempt")

    run.intakes["orders"] = Intake("orders")
    with run.patience():
        with pytest.raises(RefMoved):
            come_late()
        aside = run.aside
        assert aside is not None
        kit.publish(run.platform.lake, 1)
        with pytest.raises(RefMoved, match="looked for batches"), run.branch() as branch:
            stages.open_harvest(run, branch)
        assert run.aside is aside


def test_message_of_an_unknown_error_stays_out_of_the_ledger(run: Run) -> None:
    """What is not an error of ours may quote data in its message: only its type is kept."""
    with pytest.raises(ValueError, match="secret"), run.recorded():
        raise ValueError("DE89370400440532013000 is secret")
    assert last(run)["error"] == "ValueError"
