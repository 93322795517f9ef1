"""Running again: what is loaded stays as it is, what is new comes in, what is unfinished waits."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.conftest import DAYS, Run
from tests.support import Site, account_for


def test_nothing_new_changes_nothing(published: Site) -> None:
    """A second run finds nothing, says so, and leaves ref and lake as they are."""
    moves, files = published.moves(), _data_files(published)
    report = published.run()
    assert report["status"] == "nothing new"
    assert report["known"]["payments"] == DAYS
    assert report["generation"] == report["previous"] == published.generation()
    assert published.moves() == moves
    assert _data_files(published) == files
    told = published.sluicegate("run").ends(0)
    assert "nothing new" in told.out
    assert published.sluicegate("status", "--json").ends(0).json["generation"]


def test_a_scheduled_run_that_finds_nothing_changes_nothing(published: Site) -> None:
    """The flow itself, as a schedule starts it, ends well without a new generation."""
    moves = published.moves()
    published.flow().ends(0)
    assert published.moves() == moves


def test_equal_bytes_are_the_same_batch(published: Site) -> None:
    """A loaded file that comes again, under another name or touched, is not loaded again."""
    file = min(published.payments.iterdir())
    shutil.copy(file, file.with_name("payments_again.csv"))
    file.touch()
    time.sleep(0.1)
    report = published.having(landing__settle_seconds=0).run()
    assert report["status"] == "nothing new"


def test_one_more_file_is_the_only_one_loaded(first: Run, second: Run) -> None:
    """Exactly the dropped file is loaded; what was there before is not touched."""
    new = second.site.rows(
        "SELECT name FROM accounts.batches WHERE run = ?".replace("?", _run(second))
    )
    assert new == [("payments_2026-10-21.csv",)]
    assert second.report["sources"].keys() == {"payments"}
    assert second.report["previous"] == first.report["generation"]
    old = "SELECT * FROM accounts.batches WHERE run = " + _run(first)
    assert second.site.rows(old) == first.site.rows(old)
    rows = "SELECT p.* FROM raw.payments p SEMI JOIN accounts.batches b ON p._batch = b.batch"
    rows += f" AND b.run = {_run(first)} ORDER BY ALL"
    assert second.site.rows(rows) == first.site.rows(rows)


def test_an_unfinished_file_is_left_and_said_so(published: Site, drop: Callable[..., str]) -> None:
    """A growing or partly named file waits and is named; the next run loads what is finished."""
    growing, partly = (published.payments / drop(published, after) for after in range(2))
    content, moves = growing.read_bytes(), published.moves()
    hidden = partly.rename(partly.with_name(partly.name + ".part"))
    stop = threading.Event()
    writer = threading.Thread(target=_write_slowly, args=(growing, content, stop))
    writer.start()
    try:
        told = published.sluicegate("run").ends(0)
    finally:
        stop.set()
        writer.join()
    assert growing.read_bytes() == content
    assert published.moves() == moves
    for file, reason in ((growing, "still being written"), (hidden, "not complete (.part)")):
        lines = [line for line in told.out.splitlines() if file.name in line]
        assert any("left for the next run" in line and reason in line for line in lines), told.said

    hidden.rename(partly)
    for file in (growing, partly):
        file.with_name(file.name + ".done").touch()
    # Both were touched a moment ago: what says that they are complete is the marker.
    partly.touch()
    report = published.having(landing__settle_seconds=600).run()
    assert {batch["name"] for batch in report["batches"]} == {growing.name, partly.name}
    assert report["waiting"] == {}
    account_for(published)


def _run(run: Run) -> str:
    return f"'{run.report['run']}'"


def _write_slowly(file: Path, content: bytes, stop: threading.Event) -> None:
    """Append to a file as a slow transfer does, until told to finish."""
    size = 64
    with file.open("wb") as target:
        while not stop.wait(0.2):
            target.write(content[:size])
            target.flush()
            content = content[size:]
        target.write(content)


def _data_files(site: Site) -> set[Path]:
    folders = ("files", "catalogs", "branches", "archive")
    return {path for name in folders for path in (site.root / name).rglob("*")}
