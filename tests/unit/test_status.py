"""The state of an environment: what readers see, how the last run ended, where every row went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluicegate.ingestion import Receipt, accounts, ingest, total
from sluicegate.lake import Lake
from sluicegate.pipeline.status import status_of
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED, STARTED
from tests.unit.kit import orders, settings_of, source


class Desk:
    """An environment in which runs end in all ways."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake = lake
        self._folder = folder
        self.ledger = Ledger(lake.store, "dev")

    def publish(self, run: str, *lines: str) -> str:
        """A run that publishes orders; returns the generation."""
        with self.lake.branch("dev", run) as branch:
            with branch.session() as session:
                accounts.open_accounts(session)
                accounts.record_run(session, run=run, env="dev", code="code")
                made = orders(self._folder, *lines, name=f"{run}.csv")
                ingest(source("orders"), [made], session, run)
            return self.lake.publish(branch, run=run).generation

    def started(self, run: str) -> None:
        """A run that began."""
        self.ledger.record(STARTED, run, pid=1)

    def finished(self, run: str, status: str, *receipts: Receipt) -> None:
        """A run that ended."""
        sources = {"orders": total("orders", receipts).to_dict()} if receipts else {}
        facts = {"error": None, "evidence": None, "ui": None, "sources": sources}
        self.ledger.record(FINISHED, run, status=status, **facts)

    def status(self) -> dict[str, Any]:
        """What is told."""
        return status_of(settings_of(self.lake.root.parent))


@pytest.fixture
def desk(lake: Lake, tmp_path: Path) -> Desk:
    """An environment in which nothing happened."""
    return Desk(lake, tmp_path)


COUNTS = ("rows_in", "published", "quarantined", "deduplicated", "held")


def counts(status: dict[str, Any]) -> tuple[int, ...]:
    """The account of the orders."""
    return tuple(status["sources"]["orders"][count] for count in COUNTS)


def test_nothing_happened(desk: Desk) -> None:
    """An environment before its first run has a state too."""
    assert desk.status() == {
        "env": "dev",
        "generation": None,
        "moved": None,
        "last_run": None,
        "sources": {},
        "out": {},
        "condemned": {},
        "quality": [],
    }


def test_published_run(desk: Desk) -> None:
    """Its rows are those that the lake has on record, by rule too."""
    desk.started("run-1")
    generation = desk.publish("run-1", "a,,1.00,", "a,,1.00,", "b,,0.00,", "c,,1.00,")
    desk.finished("run-1", "published")
    status = desk.status()
    assert status["generation"] == generation
    assert status["last_run"]["status"] == "published"
    assert counts(status) == (4, 2, 1, 1, 0)
    assert status["sources"]["orders"]["rejections"] == {"amount:greater_than": 1}


def test_refused_run_holds_its_rows(desk: Desk) -> None:
    """Readers see what they saw; the newest account is that of the refusal."""
    generation = desk.publish("run-1", "a,,1.00,")
    desk.started("run-2")
    desk.finished("run-2", "refused", Receipt("orders", "0f", "x.csv", rows_in=7, held=7))
    status = desk.status()
    assert status["generation"] == generation
    assert status["last_run"]["status"] == "refused"
    assert counts(status) == (7, 0, 0, 0, 7)


def test_later_publish_takes_over(desk: Desk) -> None:
    """After the fix the account is again that of what was published."""
    desk.started("run-1")
    desk.finished("run-1", "refused", Receipt("orders", "0f", "x.csv", rows_in=7, held=7))
    desk.started("run-2")
    desk.publish("run-2", "a,,1.00,")
    desk.finished("run-2", "published", Receipt("orders", "0f", "x.csv", rows_in=1, published=1))
    assert counts(desk.status()) == (1, 1, 0, 0, 0)


def test_run_that_never_ended(desk: Desk) -> None:
    """It was killed or is at work, and what was published before stands."""
    desk.started("run-1")
    desk.publish("run-1", "a,,1.00,")
    desk.finished("run-1", "published")
    desk.started("run-2")
    status = desk.status()
    assert status["last_run"]["run"] == "run-2"
    assert "interrupted" in status["last_run"]["status"]
    assert counts(status) == (1, 1, 0, 0, 0)


def test_run_that_was_killed_after_its_publish(desk: Desk) -> None:
    """Readers see what it published, so it is published."""
    desk.started("run-1")
    desk.publish("run-1", "a,,1.00,")
    assert desk.status()["last_run"]["status"] == "published"


def test_rolled_back_environment(desk: Desk) -> None:
    """State and data go back together."""
    first = desk.publish("run-1", "a,,1.00,")
    desk.publish("run-2", "b,,1.00,", "c,,1.00,")
    assert counts(desk.status()) == (2, 2, 0, 0, 0)
    desk.lake.rollback("dev")
    status = desk.status()
    assert status["generation"] == first
    assert counts(status) == (1, 1, 0, 0, 0)


def test_undone_run(desk: Desk) -> None:
    """Neither its rows nor that it published is told as what readers see; forward again, both."""
    for run, lines in (("run-1", ["a,,1.00,"]), ("run-2", ["b,,1.00,", "c,,1.00,"])):
        desk.started(run)
        desk.publish(run, *lines)
        receipt = Receipt("orders", run, "x.csv", rows_in=len(lines), published=len(lines))
        desk.finished(run, "published", receipt)
    assert desk.status()["last_run"]["status"] == "published"
    undone = desk.lake.rollback("dev").previous
    status = desk.status()
    assert counts(status) == (1, 1, 0, 0, 0)
    assert status["sources"]["orders"]["run"] == "run-1"
    assert status["last_run"] | {"at": None} == {
        "run": "run-2",
        "at": None,
        "status": "no longer shown, published",
        "error": None,
        "evidence": None,
        "ui": None,
    }
    desk.lake.rollback("dev", undone)
    status = desk.status()
    assert (counts(status), status["last_run"]["status"]) == ((2, 2, 0, 0, 0), "published")
    # One that is published on top of what is shown leaves it as it is.
    desk.lake.rollback("dev")
    desk.started("run-3")
    desk.publish("run-3", "d,,1.00,")
    desk.finished("run-3", "published", Receipt("orders", "3", "x.csv", rows_in=1, published=1))
    assert desk.status()["last_run"]["status"] == "published"
    generation = desk.publish("by-hand", "e,,1.00,")
    assert desk.status()["last_run"]["status"] == "published"
    assert desk.status()["generation"] == generation
    desk.lake.rollback("dev")
    # And what was refused since a rollback is told, as ever.
    desk.lake.rollback("dev")
    desk.started("run-4")
    desk.finished("run-4", "refused", Receipt("orders", "0f", "x.csv", rows_in=7, held=7))
    assert counts(desk.status()) == (7, 0, 0, 0, 7)
