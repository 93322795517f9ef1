"""Ingesting some sources: rehearsed, for days that are past, and a few batches at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.integration.conftest import DAYS, START, settle
from tests.support import Site

BATCHES = "SELECT name FROM accounts.batches WHERE source = 'payments' ORDER BY \"at\", name"


def _day(after: int) -> str:
    return f"{START + timedelta(days=DAYS + after):%Y-%m-%d}"


def test_past_days_are_tried_then_taken_in_chunk_by_chunk(
    published: Site, drop: Callable[..., str]
) -> None:
    """A rehearsal tells what would become of them and changes nothing; each chunk is published.

    What is not asked for is left for the next run.
    """
    files = [drop(published, after) for after in range(4)]
    before, moves = published.rows(BATCHES), published.moves()
    asked = ("ingest", "payments", "--from", _day(1), "--to", _day(2))

    tried = published.sluicegate(*asked, "--dry-run", "--json").ends(0).json
    assert tried["status"] == "rehearsed"
    assert [batch["name"] for batch in tried["batches"]] == files[1:3]
    assert tried["sources"]["payments"]["published"] > 0
    assert (published.rows(BATCHES), published.moves()) == (before, moves)

    chunks = published.sluicegate(*asked, "--chunk", "1", "--json").ends(0).json
    assert [chunk["status"] for chunk in chunks] == ["published"] * 2
    assert [chunk["left"] for chunk in chunks] == [{"payments": 1}, {}]
    assert [[batch["name"] for batch in chunk["batches"]] for chunk in chunks] == [
        [name] for name in files[1:3]
    ]
    assert published.rows(BATCHES) == [*before, *[(name,) for name in files[1:3]]]
    assert len(published.moves()) == len(moves) + 2
    # What the rehearsal said is what it came to.
    assert (
        sum(chunk["sources"]["payments"]["published"] for chunk in chunks)
        == (tried["sources"]["payments"]["published"])
    )

    assert [batch["name"] for batch in published.run()["batches"]] == [files[0], files[3]]


def test_rehearsal_of_a_batch_that_would_be_refused(published: Site) -> None:
    """It is named as a run would name it, and leaves no evidence behind."""
    file = published.payments / f"payments_{_day(0)}.csv"
    file.write_text("payment_id,amount\nP1,1.00\n")
    moves = published.moves()
    told = published.sluicegate("ingest", "payments", "--dry-run").ends(3)
    assert "1 batch would be refused, and nothing published" in told.err
    assert file.name in told.err
    assert published.moves() == moves
    assert not list((published.folder / "lake").glob("**/evidence/*"))


def test_source_that_there_is_not(published: Site) -> None:
    """The nearest name is told."""
    told = published.sluicegate("ingest", "paymets", "--dry-run").ends(2)
    assert "There is no source called 'paymets'" in told.err
    assert "payments" in told.err


def test_run_goes_on_without_a_batch_that_is_held_alone(
    published: Site, drop: Callable[..., str], tmp_path: Path
) -> None:
    """Its rows are accounted for as held; each run tries it, and takes it in once it is mended."""
    project = tmp_path / "project"
    shutil.copytree(published.project, project, symlinks=True)
    contract = project / "contracts" / "payments.py"
    text = contract.read_text().replace('owner="payments",', 'owner="payments", holds=Hold.BATCH,')
    imported = "from sluicegate.sources import Files,"
    contract.write_text(text.replace(imported, f"{imported} Hold,"))
    site = published.of(project)
    good, bad = drop(site), site.payments / f"payments_{_day(1)}.csv"
    bad.write_text("payment_id,amount\nP1,1.00\nP2,2.00\n")
    settle(bad)

    report = site.run()
    assert report["status"] == "published"
    account = report["sources"]["payments"]
    assert account["held"] == 2
    assert account["rows_in"] == sum(
        account[fate] for fate in ("published", "quarantined", "deduplicated", "held")
    )
    assert "lacks columns" in report["held"]["payments"][bad.name]
    assert (good,) in site.rows(BATCHES)
    assert (bad.name,) not in site.rows(BATCHES)

    moves = site.moves()
    again = site.run()
    assert again["status"] == "nothing new"
    assert again["held"].keys() == {"payments"}
    assert site.moves() == moves

    bad.unlink()
    mended = drop(site, 1)
    assert site.run()["sources"]["payments"]["held"] == 0
    assert (mended,) in site.rows(BATCHES)
