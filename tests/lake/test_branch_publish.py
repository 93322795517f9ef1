"""Branches and publishing: private, then visible as a whole, then never changed again."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluicegate.errors import BranchBusy, Bug, EnvironmentFailed, RefMoved, UnknownName
from sluicegate.lake import Lake, Session, Table
from sluicegate.lake import branch as branching
from sluicegate.lake.branch import copy_catalog
from sluicegate.lake.holder import Holder
from sluicegate.lake.inventory import data_files
from tests.unit.kit import numbers, numbers_in, publish, write

OTHER = Table("marts", "others")


def test_branch_is_private_until_published(lake: Lake) -> None:
    """Readers see nothing of it, another branch neither, and afterwards everything."""
    publish(lake, 1)
    with lake.branch("dev", "mine") as mine, lake.branch("dev", "other") as other:
        with mine.session() as session:
            write(session, 2)
            with other.session() as theirs:
                assert (numbers_in(session), numbers_in(theirs)) == ([1, 2], [1])
        assert numbers(lake) == [1]
        lake.publish(mine, run="mine")
    assert numbers(lake) == [1, 2]


def test_abandoned_branch_leaves_nothing(lake: Lake) -> None:
    """What was not published is gone, its folder included."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch, branch.session() as session:
        write(session, 2)
    assert numbers(lake) == [1]
    assert list(lake.branches.iterdir()) == []


def test_tables_are_published_together(lake: Lake) -> None:
    """A reader sees all tables of a release or none."""
    with lake.branch("dev", "run") as branch, branch.session() as session:
        write(session, 1)
        write(session, 1, table=OTHER)
        with pytest.raises(UnknownName):
            numbers(lake)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
            write(session, 2, table=OTHER)
        lake.publish(branch, run="run")
    assert numbers(lake) == numbers(lake, table=OTHER) == [2]


def write_and_fail(session: Session) -> None:
    """Write to two tables in one transaction that does not end well."""
    with session.transaction("doomed"):
        write(session, 2)
        write(session, 2, table=OTHER)
        raise ZeroDivisionError


def test_transaction_is_all_or_nothing(lake: Lake) -> None:
    """Statements that fail together leave the branch as it was."""
    with lake.branch("dev", "run") as branch, branch.session() as session:
        write(session, 1)
        with pytest.raises(ZeroDivisionError):
            write_and_fail(session)
        assert numbers_in(session) == [1]
        assert not session.exists(OTHER)


def test_generation_is_immutable(lake: Lake) -> None:
    """It is named after its content, write-protected, and the same after all that follows."""
    move = publish(lake, 1)
    catalog = lake.catalog(move.generation)
    content = catalog.read_bytes()
    assert catalog.stem == f"g{hashlib.sha256(content).hexdigest()[:12]}"
    assert catalog.stat().st_mode & 0o777 == 0o444
    publish(lake, 2)
    assert catalog.read_bytes() == content
    assert numbers(lake, move.generation) == [1]


def test_data_files_are_shared(lake: Lake) -> None:
    """A branch copies a catalog, and publishing adds only the files of the change."""
    publish(lake, 1)
    before = set((lake.root / "files").rglob("*.parquet"))
    publish(lake, 2)
    after = set((lake.root / "files").rglob("*.parquet"))
    assert before < after
    assert len(after) == 2


def test_lake_can_be_moved(lake: Lake, tmp_path: Path) -> None:
    """Nothing in a catalog names the folder that the lake lies in."""
    publish(lake, 1)
    lake.root.rename(tmp_path / "elsewhere")
    assert numbers(Lake(tmp_path / "elsewhere")) == [1]


def test_reader_keeps_its_view(lake: Lake) -> None:
    """Who opened before a publish sees the same to the end; who opens after sees the new."""
    publish(lake, 1)
    with lake.read("dev") as session:
        publish(lake, 2)
        assert numbers_in(session) == [1]
        assert numbers(lake) == [1, 2]
        assert numbers_in(session) == [1]


def test_refused_if_the_ref_moved(lake: Lake) -> None:
    """Who publishes on an old base changes nothing, and leaves no generation behind."""
    publish(lake, 1)
    with lake.branch("dev", "late") as late:
        with late.session() as session:
            write(session, 99)
        winner = publish(lake, 2)
        catalogs = set((lake.root / "catalogs").iterdir())
        with pytest.raises(RefMoved, match="published to while this run worked"):
            lake.publish(late, run="late")
    assert lake.refs.head("dev") == winner
    assert set((lake.root / "catalogs").iterdir()) == catalogs
    assert numbers(lake) == [1, 2]


def test_refused_if_the_ref_moves_at_the_last_moment(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch is one again: what was written on it can be set aside, or looked at."""
    publish(lake, 1)
    with lake.branch("dev", "late") as late, lake.scratch("aside") as aside:
        with late.session() as session:
            write(session, 99)
        seal = late.seal

        def sealed_as_somebody_publishes() -> str:
            generation = seal()
            lake.refs.move("dev", late.base, "g-theirs", action="publish")
            return generation

        monkeypatch.setattr(late, "seal", sealed_as_somebody_publishes)
        with pytest.raises(RefMoved, match="moved by somebody else"):
            lake.publish(late, run="late")
        copy = late.set_aside(aside)
        with late.session() as session, session.beside(copy, late.files) as beside:
            assert numbers_in(session) == [1, 99]
            assert session.scalar(f"SELECT count(*) FROM {beside}.raw.numbers") == 2


def test_environments_do_not_disturb_each_other(lake: Lake) -> None:
    """Each has its own ref; what one publishes the other does not see."""
    publish(lake, 1, ref="dev")
    with lake.branch("dev", "slow") as branch:
        with branch.session() as session:
            write(session, 2)
        publish(lake, 9, ref="prod")
        lake.publish(branch, run="slow")
    assert numbers(lake, "dev") == [1, 2]
    assert numbers(lake, "prod") == [9]


def test_open_branch_is_not_published(lake: Lake) -> None:
    """Its session would go on writing to what readers see; publishing after it works."""
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 1)
            with pytest.raises(Bug, match="published while it was open"):
                lake.publish(branch, run="run")
            write(session, 2)
        assert lake.refs.head("dev") is None
        lake.publish(branch, run="run")
    assert numbers(lake) == [1, 2]


@pytest.mark.parametrize("leftover", ["catalog.db-journal", "catalog.db-wal"])
def test_half_written_branch_is_not_published(lake: Lake, leftover: str) -> None:
    """A journal beside the catalog says that a writer did not end well."""
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 1)
        branch.catalog.with_name(leftover).touch()
        with pytest.raises(Bug, match="while it was open"):
            lake.publish(branch, run="run")


def test_branch_has_one_writer(lake: Lake) -> None:
    """A second one on the same branch is told who is at work, since when, and what to do."""
    before = datetime.now(UTC).replace(microsecond=0)
    with lake.branch("dev", "run"):
        second = lake.branch("dev", "run")
        with pytest.raises(BranchBusy, match="branch 'run' has a writer already") as caught:
            second.__enter__()
        assert (lake.branches / "run").is_dir()
    who = f"process {os.getpid()} on {socket.gethostname()} since "
    _, found, since = caught.value.message.rstrip(").").partition(who)
    assert found
    assert before <= datetime.fromisoformat(since) <= datetime.now(UTC)
    assert caught.value.where == str(lake.branches / "run")
    assert f"kill {os.getpid()}" in str(caught.value.hint)


@pytest.mark.parametrize("content", ["", "17", "{", "[]", '{"pid": 1}'])
def test_writer_that_has_not_signed_yet(lake: Lake, content: str) -> None:
    """Between a lock and what is written into it, nobody is named, and nothing fails."""
    with lake.branch("dev", "run"):
        (lake.branches / "run" / "lock").write_text(content)
        with pytest.raises(BranchBusy, match="has just begun") as caught:
            lake.branch("dev", "run").__enter__()
    assert caught.value.hint == "wait until it has ended and run again"


def test_holder_elsewhere_is_named_with_its_machine() -> None:
    """Who is told to end a process is told where, if it is not here."""
    there = Holder(17, "elsewhere", datetime(2026, 10, 30, 18, tzinfo=UTC))
    assert str(there) == "process 17 on elsewhere since 2026-10-30T18:00:00+00:00"
    assert there.remedy == "kill 17 (on elsewhere)"


def test_branch_of_the_same_name_begins_while_one_ends(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first still removes is not what the second has made."""
    publish(lake, 1)
    remove = shutil.rmtree
    second: list[ExitStack] = []

    def meanwhile(folder: Path, **options: Any) -> None:
        if not second:
            second.append(ExitStack())
            (folder / "lock").unlink(missing_ok=True)  # as removing may begin with any file
            branch = second[0].enter_context(lake.branch("dev", "run"))
            with branch.session() as session:
                write(session, 2)
            remove(folder, **options)
            lake.publish(branch, run="second")
        else:
            remove(folder, **options)

    with lake.branch("dev", "run"):
        monkeypatch.setattr(shutil, "rmtree", meanwhile)
    second[0].close()
    assert numbers(lake) == [1, 2]
    assert list(lake.branches.iterdir()) == []


VICTIM = """
import sys, time
from pathlib import Path
from sluicegate.lake import Lake
with Lake(Path(sys.argv[1])).branch("dev", "victim") as branch:
    print("holds", flush=True)
    time.sleep(60)
"""


def test_branch_of_a_killed_process_is_swept(lake: Lake) -> None:
    """As long as its process lives a branch is left alone; then the next run removes it."""
    publish(lake, 1)
    child = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(lake.root)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "holds\n"
    with pytest.raises(BranchBusy, match=f"process {child.pid}"), lake.branch("dev", "victim"):
        pass
    assert (lake.branches / "victim" / "catalog.db").is_file()
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    assert (lake.branches / "victim").is_dir()
    with lake.branch("dev", "next"):
        assert [folder.name for folder in lake.branches.iterdir()] == ["next"]


def test_leftovers_are_swept_although_nothing_is_new(lake: Lake) -> None:
    """A run killed after its publish leaves a folder that the next one removes without a branch."""
    (lake.branches / "killed").mkdir()
    with lake.branch("dev", "at-work"):
        lake.prepare()
        assert [folder.name for folder in lake.branches.iterdir()] == ["at-work"]


def test_sweeper_cannot_take_a_branch_in_the_making(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swept between its making and its lock, a branch is made again, and is locked then."""
    lock = branching.fcntl.flock
    swept = []

    def late(handle: object, flags: int) -> None:
        if not swept and (lake.branches / "run").is_dir():
            swept.append(shutil.rmtree(lake.branches / "run"))
        lock(handle, flags)

    monkeypatch.setattr(branching.fcntl, "flock", late)
    with lake.branch("dev", "run"), lake.branch("dev", "other"):
        assert swept
        assert sorted(folder.name for folder in lake.branches.iterdir()) == ["other", "run"]


def test_sweeper_makes_no_branch(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that its writer removes just before it is looked at stays away."""
    gone = lake.branches / "gone"
    gone.mkdir()
    monkeypatch.setattr(Path, "iterdir", lambda self: [gone])
    gone.rmdir()
    assert branching.sweep(lake.branches) == []
    assert not gone.exists()


def test_refused_branch_is_kept_to_be_looked_at(lake: Lake) -> None:
    """It can be read under its name, is not a generation, and no ref points at it."""
    publish(lake, 1)
    with lake.branch("dev", "run-7") as branch:
        with branch.session() as session:
            write(session, 666)
        branch.keep(lake.refused("run-7"))
    assert numbers(lake, "refused/run-7") == [1, 666]
    assert numbers(lake) == [1]
    assert lake.resolve("refused/run-7").stat().st_mode & 0o222 == 0


def test_unknown_name_is_told_with_near_ones(lake: Lake) -> None:
    """Refs, generations and refused runs are all looked at."""
    generation = publish(lake, 1, ref="production").generation
    for name, near in (("productoin", "production"), (generation[:-1] + "_", generation)):
        with pytest.raises(UnknownName, match="no ref or generation called") as caught:
            numbers(lake, name)
        assert near in str(caught.value.hint)


def test_lost_catalog_is_told(lake: Lake) -> None:
    """A ref that points at nothing is not an empty lake."""
    lake.catalog(publish(lake, 1).generation).unlink()
    with pytest.raises(EnvironmentFailed, match=r"catalog of generation g\w+ is missing"):
        numbers(lake)


def test_lake_without_permission_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the folder and what to do; nothing is left behind."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(EnvironmentFailed, match="cannot be written: Permission denied") as caught:
        lake.prepare()
    assert caught.value.where == str(lake.root)


def test_session_speaks_polars(lake: Lake) -> None:
    """Frames come back as they went in: decimals, moments in UTC, absent values, odd names."""
    frame = pl.DataFrame(
        {
            'we"ird name': ["a", None],
            "amount": pl.Series(["1.50", "-0.01"]).cast(pl.Decimal(18, 2)),
            "at": pl.Series(["2026-10-30T10:00:00Z", None]).str.to_datetime(time_unit="us"),
            "day": pl.Series(["2026-10-30", None]).str.to_date(),
        }
    )
    table = Table("raw", "ta'ble")
    types = ("VARCHAR", "DECIMAL(18,2)", "TIMESTAMPTZ", "DATE")
    kinds = dict(zip(frame.columns, types, strict=True))
    with lake.branch("dev", "run") as branch, branch.session() as session:
        session.create(table, kinds)
        session.insert(table, frame)
        session.insert(table, frame.clear())
        assert session.exists(table)
        assert list(session.types(table)) == list(kinds)
        assert session.frame(f"FROM {table.sql}").equals(frame)
        assert session.frame(f"FROM {table.sql}").schema == frame.schema


def test_journals_of_the_dead_are_not_replayed(lake: Lake, tmp_path: Path) -> None:
    """What a killed writer left beside a catalog is gone before another one is in its place."""
    generation = publish(lake, 1).generation
    target = tmp_path / "aside" / "catalog.db"
    target.parent.mkdir()
    for leftover in ("-journal", "-wal", "-shm"):
        target.with_name(f"catalog.db{leftover}").write_bytes(b"of another catalog")
    copy_catalog(lake.catalog(generation), target)
    assert [file.name for file in target.parent.iterdir()] == ["catalog.db"]
    assert target.read_bytes() == lake.catalog(generation).read_bytes()


def test_table_that_was_dropped_at_once_has_no_current_files(lake: Lake) -> None:
    """DuckLake never ends a file of a table that is dropped in the transaction that wrote it."""
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 1)
            session.execute("CREATE TABLE lake.raw.passing (n BIGINT)")
            with session.transaction():
                session.execute("INSERT INTO lake.raw.passing SELECT 1")
                session.execute("DROP TABLE lake.raw.passing")
        everything = {file.table for file in data_files(branch.catalog)}
        assert everything == {"raw.numbers", "raw.passing"}
        assert {file.table for file in data_files(branch.catalog, current=True)} == {"raw.numbers"}
