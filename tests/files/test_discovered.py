"""What a run tells of files: corrections, and those that vanished, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluicegate.catalogue import Catalogue
from sluicegate.cli import render_run
from sluicegate.ingestion import Receipt, accounts, ingest, raw_table
from sluicegate.lake import Archive, Lake, Session
from sluicegate.pipeline import Platform, Run, Status, stages
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.release import Ledger
from sluicegate.sources import Load
from tests.unit import kit

Attempt = Callable[..., Run]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A landing folder for orders."""
    folder = tmp_path / "landing" / "orders"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def attempt(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    """A run without models; one that finds nothing new ends like that, as the flow does."""
    monkeypatch.setattr(Platform, "fingerprint", "code")

    def make() -> Run:
        source = kit.source("orders")
        run = Run(
            Platform(
                kit.settings_of(tmp_path),
                Catalogue({source.name: source}, {}),
                lake,
                Archive(lake.store),
                Ledger(lake.store, "dev"),
            )
        )
        with run.recorded():
            offer = stages.discover(run)
            if offer.nothing:
                run.nothing_new()
                return run
            with run.branch() as branch:
                harvest = stages.open_harvest(run, branch)
                stages.ingest_source(run, branch, "orders", offer.discoveries["orders"], harvest)
                stages.publish(run, branch)
        return run

    return make


def drop(landing: Path, name: str, *lines: str) -> None:
    """Drop a file of orders."""
    (landing / name).write_text("\n".join([kit.HEADER, *lines]) + "\n")


def amounts(lake: Lake) -> dict[str, str]:
    """Key and amount of what readers see."""
    with lake.read("dev") as session:
        rows = session.rows("SELECT order_id, amount::VARCHAR FROM lake.raw.orders")
    return dict(rows)


@pytest.mark.parametrize(
    ("load", "fates", "published"),
    [
        (Load.APPEND, (1, 1, 1), {"a": "1.00", "b": "2.00", "c": "4.00"}),
        (Load.MERGE, (2, 0, 1), {"a": "1.00", "b": "3.00", "c": "4.00"}),
        (Load.REPLACE, (2, 0, 1), {"a": "1.00", "b": "3.00", "c": "4.00"}),
    ],
)
def test_correction_is_a_matter_of_load(
    session: Session,
    archive: Archive,
    landing: Path,
    tmp_path: Path,
    load: Load,
    fates: tuple[int, ...],
    published: dict[str, str],
) -> None:
    """A name with new content: what is equal stays, what differs goes by the source's ``load``."""
    source = kit.source(load=load)

    def run() -> list[Receipt]:
        known = accounts.manifest(session, source.name)
        found = source.discover(kit.settings_of(tmp_path), known, archive)
        return ingest(source, found.new, session, "run").receipts

    drop(landing, "day.csv", "a,,1.00,", "b,,2.00,")
    (first,) = run()
    drop(landing, "day.csv", "a,,1.00,", "b,,3.00,", "c,,4.00,")
    (second,) = run()
    assert (second.published, second.quarantined, second.deduplicated) == fates
    assert (first.corrects, second.corrects) == (None, first.batch)
    rows = session.rows(f"SELECT order_id, amount::VARCHAR FROM {raw_table(source).sql}")
    assert dict(rows) == published
    assert run() == []


def test_report_tells_corrections(
    attempt: Attempt, landing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal and on the page, by name and by what is corrected; markup stays text."""
    name = "[red]*day*.csv"
    drop(landing, name, "a,,1.00,")
    (first,) = attempt().report.receipts
    drop(landing, name, "a,,1.00,", "b,,3.00,")
    report = attempt().report
    assert report.to_dict()["batches"][0]["corrects"] == first.batch
    render_run.report(report, json=False)
    told = f"corrected: orders, {name}: correction of batch {first.batch}"
    assert told in capsys.readouterr().out
    assert f"| orders | \\[red\\]\\*day\\*.csv | {report.receipts[0].batch} | {first.batch} |" in (
        as_markdown(report)
    )


def test_vanished_file_is_told_once(
    attempt: Attempt, lake: Lake, landing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether or not there is something to publish; what is published stays, and is no error."""
    drop(landing, "a.csv", "a,,1.00,")
    drop(landing, "b.csv", "b,,1.00,")
    attempt()
    (landing / "a.csv").unlink()
    gone = attempt().report
    assert (gone.status, gone.vanished) == (Status.NOTHING_NEW, {"orders": ["a.csv"]})
    render_run.report(gone, json=False)
    assert "vanished: orders, a.csv" in capsys.readouterr().out
    assert "a.csv" in as_markdown(gone)
    assert attempt().report.vanished == {}
    (landing / "b.csv").unlink()
    drop(landing, "c.csv", "c,,1.00,")
    published = attempt().report
    assert (published.status, published.vanished) == (Status.PUBLISHED, {"orders": ["b.csv"]})
    with lake.read("dev") as session:
        assert accounts.vanished(session, "orders") == {
            batch
            for (batch,) in session.rows("SELECT batch FROM lake.accounts.batches")
            if batch != published.receipts[0].batch
        }
    assert attempt().report.vanished == {}
    assert amounts(lake) == {"a": "1.00", "b": "1.00", "c": "1.00"}


def test_what_nobody_saw_is_told_again(attempt: Attempt, lake: Lake, landing: Path) -> None:
    """A rollback takes the record of it back; a replay puts nothing on record."""
    drop(landing, "a.csv", "a,,1.00,")
    first = attempt().report
    (landing / "a.csv").unlink()
    drop(landing, "b.csv", "b,,1.00,")
    assert attempt().report.vanished == {"orders": ["a.csv"]}
    assert first.generation is not None
    lake.rollback("dev", first.generation)
    assert attempt().report.vanished == {"orders": ["a.csv"]}


def test_replay_ends_no_record_of_what_was_told(attempt: Attempt, landing: Path) -> None:
    """What a run without news told is not told again because something was replayed."""
    drop(landing, "a.csv", "a,,1.00,")
    attempt()
    (landing / "a.csv").unlink()
    run = attempt()
    assert run.report.vanished == {"orders": ["a.csv"]}
    run.platform.ledger.record("run finished", "r", kind="replay", status="published")
    assert attempt().report.vanished == {}
