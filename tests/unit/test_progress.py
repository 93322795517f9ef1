"""Progress: shown late and seldom, to the end, and never at the expense of the work."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import logging.config
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sluicegate.cli.running import heard
from sluicegate.ingestion import ingest
from sluicegate.ingestion.meter import Meter
from sluicegate.lake import Session
from sluicegate.packing import KEPT, zstd
from sluicegate.progress import PACE, PATIENCE, Sight, Throttle, Watch
from sluicegate.sources import (
    Batch,
    Delimited,
    Detected,
    Drift,
    Excel,
    Format,
    Json,
    Load,
    Ndjson,
    Parquet,
)
from sluicegate.sources.delimited import read_delimited
from sluicegate.sources.json_records import record_blocks
from sluicegate.sources.ndjson import read_ndjson
from sluicegate.testing.workbooks import workbook
from tests.unit.kit import batch, orders, source

SMALL = 64 << 10
TICK = 0.25


class Clock:
    """A clock that somebody else moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Wall:
    """A screen that remembers what it showed, and lets others wait for it."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.shown: list[Sight] = []
        self.seen = threading.Event()
        self._before = before

    def show(self, sight: Sight) -> None:
        self._before()
        self.shown.append(sight)
        self.seen.set()


def impatient() -> Throttle:
    """Shows at once, and again after a hundredth of a second."""
    return Throttle(patience=0.0, pace=0.01)


def test_nothing_is_shown_of_short_work() -> None:
    """However much is told, nothing is due before work has lasted for two seconds."""
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(8):
        throttle(number, 8, "file")
        assert throttle.due() is None
        assert throttle.wait == pytest.approx(PATIENCE - number * TICK)
        clock.now += TICK
    assert throttle.due() == Sight(87.5, "file")


def test_long_work_is_shown_once_a_second() -> None:
    """Of ten seconds in which forty things are told, nine are shown, each as it was just then."""
    clock = Clock()
    throttle = Throttle(clock)
    shown = []
    for number in range(40):
        throttle(number, 40, f"file {number}")
        if sight := throttle.due():
            shown.append((clock.now - 1_000.0, sight))
        clock.now += TICK
    assert [moment for moment, _ in shown] == [PATIENCE + PACE * n for n in range(8)]
    assert shown[0][1] == Sight(20.0, "file 8")
    assert shown[-1][1] == Sight(90.0, "file 36")


def test_what_did_not_change_is_not_shown_again() -> None:
    """A long step without news costs one showing; news are shown when a second has passed."""
    clock = Clock()
    throttle = Throttle(clock)
    throttle(1, 4, "a long one")
    clock.now += 60
    assert throttle.due() == Sight(25.0, "a long one")
    for _ in range(10):
        clock.now += PACE
        assert throttle.due() is None
    throttle(2, 4, "the next")
    clock.now += PACE
    assert throttle.due() == Sight(50.0, "the next")


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(0, 0, 0.0), (5, 0, 0.0), (-1, 4, 0.0), (4, 4, 99.0), (9, 4, 99)]
)
def test_work_is_not_done_before_it_ended(done: int, total: int, percent: float) -> None:
    """Whatever is told, the share is between nothing and nearly everything."""
    throttle = Throttle(Clock())
    throttle(done, total, "")
    assert throttle.last.percent == percent


def test_a_watch_shows_how_work_ended() -> None:
    """What is shown last is the end, and nothing is shown after it."""
    wall = Wall()
    watch = Watch(wall, impatient())
    watch.progress(1, 2, "half")
    assert wall.seen.wait(5)
    watch.end(Sight(100.0, "done"))
    watch.progress(2, 2, "late")
    assert wall.shown[-1] == Sight(100.0, "done")
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_a_watch_is_silent_about_short_work() -> None:
    """Work that is over within two seconds leaves nothing behind."""
    wall = Wall()
    watch = Watch(wall)
    watch.progress(1, 2, "half")
    watch.end(Sight(100.0, "done"))
    assert wall.shown == []


def test_a_screen_that_fails_does_not_stop_the_work(caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged once, and the screen is left alone from then on."""
    tries = []

    def fail() -> None:
        tries.append(1)
        raise ConnectionError("no server")

    watch = Watch(Wall(before=fail), impatient())
    with caplog.at_level(logging.WARNING):
        for number in range(50):
            watch.progress(number, 50, str(number))
            threading.Event().wait(0.005)
        watch.end(Sight(100.0, "done"))
    assert len(tries) == 1
    assert [record.message for record in caplog.records] == [
        "progress cannot be shown; the work goes on"
    ]


def test_a_screen_that_hangs_does_not_hold_the_work_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telling never waits, and the end waits for a bounded time only."""
    monkeypatch.setattr("sluicegate.progress.PARTING", 0.05)
    reached, release = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(10)

    wall = Wall(before=hang)
    watch = Watch(wall, impatient())
    assert reached.wait(5)
    watch.progress(1, 2, "half")
    watch.end(Sight(100.0, "done"))
    assert wall.shown == []
    release.set()
    assert wall.seen.wait(5)


@pytest.mark.parametrize("load", [Load.APPEND, Load.MERGE])
def test_ingestion_tells_how_many_bytes_are_done(
    session: Session, tmp_path: Path, load: Load
) -> None:
    """It never goes back, names the batch it is at, and ends with everything, refusals included."""
    batches = [
        orders(tmp_path, "a,,1.00,", name="1.csv"),
        orders(tmp_path, "b,,1.00,", "c,,2.00,", name="2.csv"),
        orders(tmp_path, name="3.csv"),
    ]
    told: list[tuple[int, int, str]] = []
    intake = ingest(source(load=load), batches, session, "run", lambda *note: told.append(note))
    assert [refusal.name for refusal in intake.refusals] == ["3.csv"]
    done = [note[0] for note in told]
    assert done == sorted(done)
    assert done[0] == 0
    assert {total for _, total, _ in told} == {done[-1]}
    assert {what.partition(": ")[2] for _, _, what in told} == {"1.csv", "2.csv", "3.csv"}
    assert len(set(done)) > 3


@pytest.mark.parametrize(
    ("form", "packed", "drift"),
    [
        ("csv", "", {}),
        ("csv", "", {"drift": Drift.REFUSE}),
        ("csv", "gzip", {}),
        ("csv", "archived", {}),
        ("ndjson", "", {}),
        ("json", "gzip", {}),
    ],
)
def test_progress_goes_on_within_a_file(
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    packed: str,
    drift: dict[str, Drift],
) -> None:
    """A file that is read in parts moves with each of them, by the bytes that it has on disk."""
    monkeypatch.setitem(read_delimited.__kwdefaults__, "size", SMALL)
    monkeypatch.setitem(read_ndjson.__kwdefaults__, "size", SMALL)
    monkeypatch.setattr(record_blocks, "__defaults__", ("utf-8", SMALL))
    keys = [hashlib.md5(str(n).encode()).hexdigest() for n in range(10_000)]
    rows = pl.DataFrame({"order_id": keys}).with_columns(booked_at=None, amount=1, paid=None)
    writing = {"csv": rows.write_csv, "ndjson": rows.write_ndjson, "json": rows.write_json}
    raw = writing[form]().encode()
    large = batch(tmp_path, gzip.compress(raw, 1) if packed == "gzip" else raw, name="large")
    if packed == "archived":
        content = large.content.with_suffix(KEPT)
        content.write_bytes(zstd.compress(raw))
        large = replace(large, content=content)
    formats: dict[str, Format] = {"csv": Delimited(), "ndjson": Ndjson(), "json": Json()}
    told: list[tuple[int, int, str]] = []
    declared = source(format=formats[form], **drift)
    ingest(declared, [large], session, "run", lambda *note: told.append(note))
    done = [note[0] for note in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, told[0][1])
    assert max(after - before for before, after in pairwise(done)) < 0.3 * done[-1]
    assert "0 of 1 files" in told[-2][2]
    assert told[-1][2].startswith("1 of 1 files")


@pytest.mark.parametrize("form", ["parquet", "excel", "detected"])
def test_parts_of_every_format_make_up_the_whole(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not read in blocks tells its shares too."""
    rows = pl.DataFrame({"order_id": [f"k{n}" for n in range(900)]}).with_columns(amount=1)
    file = tmp_path / form
    writing: dict[str, Callable[[Path], object]] = {
        "parquet": rows.write_parquet,
        "excel": lambda place: place.write_bytes(workbook({"Data": [rows.columns, *rows.rows()]})),
        "detected": rows.write_csv,
    }
    writing[form](file)
    formats: dict[str, Format] = {
        "parquet": Parquet(),
        "excel": Excel(),
        "detected": Detected(),
    }
    parts = formats[form].read(file, name=form, columns=["order_id", "amount"], most=300)
    shares = [part.share for part in parts]
    assert len(shares) > 2
    assert sum(shares) == pytest.approx(1.0, abs=0.01)


@given(
    sizes=st.lists(st.integers(0, 10**12), max_size=5),
    notes=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from(["looked", "read", "loaded", "ended"]),
            st.floats(0, 1),
        )
    ),
    looks=st.booleans(),
)
def test_the_meter_is_exact_at_the_end(
    sizes: list[int], notes: list[tuple[int, str, float]], looks: bool
) -> None:
    """Whatever parts say of themselves, it never goes back, nor beyond what there is."""
    batches = [Batch(str(n), f"{n}.csv", Path(), size) for n, size in enumerate(sizes)]
    told: list[tuple[int, int, str]] = []
    meter = Meter(batches, lambda *note: told.append(note), looks=looks)
    left = dict(enumerate(batches))
    for number, what, share in notes:
        if number not in left or (what == "looked" and not looks):
            continue
        if what == "ended":
            meter.ended([left.pop(number)])
        else:
            getattr(meter, what)(left[number], share)
    meter.ended(left.values())
    done = [note[0] for note in told]
    assert done == sorted(done)
    assert done[-1] == told[-1][1] == (3 if looks else 2) * sum(sizes)


def test_progress_says_files_and_bytes() -> None:
    """In the unit that the whole is told in, and half of what is read but not yet loaded."""
    batches = [Batch(str(n), f"{n}.csv", Path(), 5_200_000_000) for n in range(2)]
    told: list[str] = []
    meter = Meter(batches, lambda _done, _total, what: told.append(what))
    meter.begins(batches[0])
    meter.read(batches[0], 0.5)
    meter.ended(batches[:1])
    meter.ended([])
    assert told == [
        "0 of 2 files, 0.0 of 10.4 GB: 0.csv",
        "0 of 2 files, 1.3 of 10.4 GB: 0.csv",
        "1 of 2 files, 5.2 of 10.4 GB: 0.csv",
        "1 of 2 files, 5.2 of 10.4 GB",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_how_far_a_stage_is(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    """In its one line that changes, to the end; a log or a pipe would have a line a second."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120)
    monkeypatch.setattr("sluicegate.cli.render.err", console)
    with heard(quiet=False) as told:
        # As importing Prefect does, which sets up its own logging.
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        logging.getLogger("sluicegate.ingestion").info("payments: day.csv")
        logging.getLogger("tasks.progress").info("Ingest payments: 0 of 1 files")
    assert ("0 of 1 files" in shown.getvalue()) is terminal
    assert told not in logging.getLogger("tasks.progress").handlers
