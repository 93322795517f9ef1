"""Files that a provider drops: which are taken, which are left, and which are known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import Archive, durable
from sluicegate.packing import Stream
from sluicegate.sources import ALWAYS, Batch, Discovery, Window
from sluicegate.sources import files as dropping
from tests.unit.kit import known as known_of
from tests.unit.kit import settings_of, source

Discover = Callable[..., Discovery]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A landing folder for orders."""
    folder = tmp_path / "landing" / "orders"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def discover(tmp_path: Path, archive: Archive) -> Discover:
    """Look for new files, with what the lake knows already."""

    def look(*known: Batch, settle: float = 0.0, window: Window = ALWAYS) -> Discovery:
        manifest = {batch.id: known_of(batch) for batch in known}
        settings = settings_of(tmp_path, settle_seconds=settle)
        return source("orders").discover(settings, manifest, archive, window)

    return look


def names(found: Discovery) -> list[str]:
    """Names of what is new, in the order to load it."""
    return [batch.name for batch in found.new]


def test_takes_matching_files_in_order(landing: Path, discover: Discover) -> None:
    """By name, gzip or not; what does not match is not looked at."""
    for name in ("b.csv", "a.csv.gz", "c.txt", "d.csv.done"):
        (landing / name).write_text(name)
    (landing / "e.csv").mkdir()
    found = discover()
    assert names(found) == ["a.csv.gz", "b.csv"]
    assert [batch.content.read_text() for batch in found.new] == ["a.csv.gz", "b.csv"]
    assert (found.known, found.waiting) == (0, {})


def test_takes_the_days_of_a_window(landing: Path, discover: Discover) -> None:
    """By the date in the name, or else by the day of the last change; both ends included."""
    for name in ("a-2026-10-01.csv", "b-20261002.csv", "c-2026-10-03.csv", "d.csv", "e.csv"):
        (landing / name).write_text(name)
    os.utime(landing / "d.csv", (0, datetime(2026, 10, 2, 23, 59, tzinfo=UTC).timestamp()))
    os.utime(landing / "e.csv", (0, datetime(2026, 10, 4, tzinfo=UTC).timestamp()))
    window = Window(date(2026, 10, 2), date(2026, 10, 3))
    assert names(discover(window=window)) == ["b-20261002.csv", "c-2026-10-03.csv", "d.csv"]


def test_takes_what_is_not_known(landing: Path, discover: Discover) -> None:
    """A second look finds nothing; one more file, and it finds that file."""
    (landing / "a.csv").write_text("a")
    first = discover().new
    assert (names(discover(*first)), discover(*first).known) == ([], 1)
    (landing / "b.csv").write_text("b")
    assert names(discover(*first)) == ["b.csv"]


def test_equal_content_is_one_batch(landing: Path, discover: Discover) -> None:
    """Under another name, touched again or twice in a run: it is known."""
    (landing / "a.csv").write_text("same")
    first = discover().new
    (landing / "copy.csv").write_text("same")
    assert names(discover()) == ["a.csv"]
    os.utime(landing / "a.csv", (0, 0))
    assert (names(discover(*first)), discover(*first).known) == ([], 2)


def test_changed_content_is_another_batch(landing: Path, discover: Discover) -> None:
    """A file that is sent again, corrected, is new."""
    (landing / "a.csv").write_text("before")
    first = discover().new
    (landing / "a.csv").write_text("after!")
    (second,) = discover(*first).new
    assert second.content.read_text() == "after!"


@pytest.mark.parametrize("name", [".a.csv", "a.csv.part", "a.csv.tmp", "a.csv.filepart"])
def test_unfinished_name_waits(landing: Path, discover: Discover, name: str) -> None:
    """A name that says so is left alone until it is renamed."""
    (landing / name).write_text("half")
    found = discover()
    assert names(found) == []
    assert all("not complete" in reason for reason in found.waiting.values())
    assert found.waiting.keys() <= {name}
    (landing / name).rename(landing / "a.csv")
    assert names(discover()) == ["a.csv"]


def test_file_that_grows_waits(
    landing: Path, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Touched within the settle time and then again, it is left for the next run, which says so."""
    file = landing / "a.csv"
    file.write_text("half")
    monkeypatch.setattr(dropping.time, "sleep", lambda _: file.write_text("half and more"))
    found = discover(settle=60.0)
    assert names(found) == []
    assert "still being written" in found.waiting["a.csv"]


def test_nearly_settled_file_is_waited_for(landing: Path, discover: Discover) -> None:
    """A file that rests for the settle time is taken in the same run; an old one at once."""
    (landing / "a.csv").write_text("whole")
    (landing / "b.csv").write_text("whole too")
    os.utime(landing / "b.csv", (time.time() - 60, time.time() - 60))
    began = time.monotonic()
    assert names(discover(settle=0.3)) == ["a.csv", "b.csv"]
    assert 0.1 < time.monotonic() - began < 3.0


def test_done_marker_needs_no_settling(landing: Path, discover: Discover) -> None:
    """A marker beside the file says that it is complete."""
    (landing / "a.csv").write_text("whole")
    (landing / "a.csv.done").touch()
    began = time.monotonic()
    assert names(discover(settle=60.0)) == ["a.csv"]
    assert time.monotonic() - began < 5.0


def test_clock_that_runs_ahead_keeps_no_file_waiting(landing: Path, discover: Discover) -> None:
    """A time stamp from the future settles like any other."""
    (landing / "a.csv").write_text("whole")
    os.utime(landing / "a.csv", (time.time() + 3600, time.time() + 3600))
    assert names(discover(settle=0.1)) == ["a.csv"]


def test_file_that_changes_while_it_is_read_waits(
    landing: Path, discover: Discover, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was archived is not what lies there: it is left for the next run."""
    file = landing / "a.csv"
    file.write_text("before")
    keep = archive.keep_stream

    def slow(content: Stream) -> tuple[str, Path, int]:
        kept = keep(content)
        file.write_text("after it was read")
        return kept

    monkeypatch.setattr(archive, "keep_stream", slow)
    found = discover()
    assert (names(found), found.waiting) == ([], {"a.csv": "it changed while it was read"})


def test_missing_folder_is_told(discover: Discover) -> None:
    """The error names the folder and what to do."""
    with pytest.raises(EnvironmentFailed, match="folder of source 'orders' is missing") as e:
        discover()
    assert str(e.value.where).endswith("landing/orders")
    assert "make data" in str(e.value.hint)


def test_unreadable_file_is_waited_for(
    landing: Path, discover: Discover, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left for the next run, with the reason; the others are taken, and no draft stays."""
    keep = archive.keep_stream

    class Broken:
        def read(self, _: int) -> bytes:
            raise PermissionError(13, "Permission denied")

    given: list[Stream] = []

    def refuse(content: Stream) -> tuple[str, Path, int]:
        given.append(content)
        return keep(Broken() if len(given) == 1 else content)

    (landing / "a.csv").write_text("secret")
    (landing / "b.csv").write_text("another")
    monkeypatch.setattr(archive, "keep_stream", refuse)
    found = discover()
    assert found.waiting == {"a.csv": "it cannot be read: Permission denied"}
    assert names(found) == ["b.csv"]
    assert not [*landing.parent.parent.glob("archive/.*")]


def test_file_that_is_taken_away_is_waited_for(
    landing: Path, discover: Discover, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the reading a file may go: the run goes on with the others."""
    keep = archive.keep_stream

    def take_away(content: Stream) -> tuple[str, Path, int]:
        (landing / "b.csv").unlink(missing_ok=True)
        return keep(content)

    (landing / "a.csv").write_text("a")
    (landing / "b.csv").write_text("b")
    monkeypatch.setattr(archive, "keep_stream", take_away)
    found = discover()
    assert names(found) == ["a.csv"]
    assert found.waiting == {"b.csv": "it cannot be read: No such file or directory"}


def test_full_disk_is_no_fault_of_a_file(
    landing: Path, discover: Discover, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the archive cannot be written, the run fails: the next file would not fare better."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (landing / "a.csv").write_text("a")
    monkeypatch.setattr(durable, "sync_file", full)
    with pytest.raises(EnvironmentFailed, match="No space left"):
        discover()
