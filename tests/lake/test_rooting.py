"""Who points at a catalog keeps the collector out; who collects keeps everybody else out."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake import Lake, development_branch, points
from sluicegate.lake.backup import back_up
from sluicegate.lake.branch import copy_catalog
from sluicegate.lake.collect import collect
from sluicegate.lake.restore import restore
from tests.unit.kit import numbers, publish, settings_of, write

NOW = timedelta(0)


def could_lock(lake: Lake, how: int) -> bool:
    """Whether somebody else could have the lake's lock now."""
    with (lake.root / "locks" / "pointers").open("a") as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def set_aside(lake: Lake, folder: Path) -> None:
    """Copy a branch's catalog."""
    with lake.branch("dev", "run") as branch:
        branch.set_aside(folder / "aside")


def begin(lake: Lake, _: Path) -> None:
    """Make a branch."""
    with lake.branch("dev", "run"):
        pass


def refuse(lake: Lake, _: Path) -> None:
    """Keep a branch as evidence."""
    with lake.branch("dev", "run") as branch:
        branch.keep(lake.refused("run"))


POINTING: dict[str, tuple[Callable[[Lake, Path], object], str]] = {
    "branch": (begin, "branch copied"),
    "publish": (lambda lake, _: publish(lake, 3), "catalog settled"),
    "publish, late": (lambda lake, _: publish(lake, 3), "ref moved"),
    "rollback": (lambda lake, _: lake.rollback("dev"), "rollback chosen"),
    "start": (lambda lake, _: lake.start("mine", "dev"), "ref about to be made"),
    "set aside": (set_aside, "branch set aside"),
    "refuse": (refuse, "draft renamed"),
    "pin": (
        lambda lake, _: lake.pins.add("r1", lake.refs.require("dev").generation),
        "entry written",
    ),
}
"""Who points at a catalog, and a point where he has found it and nothing points at it yet."""


@pytest.mark.parametrize("who", POINTING)
def test_nobody_collects_while_somebody_points(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """From finding a catalog until something points at it; others may point meanwhile."""
    publish(lake, 1)
    publish(lake, 2)
    work, point = POINTING[who]
    seen = []

    def look(name: str) -> None:
        if name == point:
            seen.append((could_lock(lake, fcntl.LOCK_EX), could_lock(lake, fcntl.LOCK_SH)))

    monkeypatch.setattr(points, "hook", look)
    work(lake, tmp_path)
    assert seen
    assert set(seen) == {(False, True)}


def test_nobody_does_anything_during_a_restore(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its catalogs are there before anything points at them, and its refs one after the other."""
    publish(lake, 1)
    back_up(lake, tmp_path / "to")
    other, seen = Lake(tmp_path / "other"), []
    monkeypatch.setattr(points, "hook", lambda _: seen.append(could_lock(other, fcntl.LOCK_SH)))
    restore(tmp_path / "to", other)
    assert seen
    assert not any(seen)


def test_nobody_points_while_catalogs_are_removed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the decision what is unreachable until it is gone."""
    for number in range(3):
        publish(lake, number)
    deciding = {"catalog condemned", "removal on record", "catalog removed", "removal durable"}
    seen: dict[str, bool] = {}

    def look(name: str) -> None:
        if name in deciding:
            seen[name] = could_lock(lake, fcntl.LOCK_SH)

    monkeypatch.setattr(points, "hook", look)
    collect(lake, keep=NOW, grace=NOW)
    assert seen == dict.fromkeys(deciding, False)


def test_branch_is_made_by_one_process_at_a_time(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweeper would take one in the making for one of the dead."""
    seen = []

    def look(name: str) -> None:
        if name == "branch made":
            door = os.open(lake.branches, os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(door)
            seen.append(name)

    monkeypatch.setattr(points, "hook", look)
    begin(lake, lake.root)
    assert seen == ["branch made"]


def test_files_of_a_branch_at_work_stay(lake: Lake) -> None:
    """No catalog names them yet, whatever the grace period is."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        collect(lake, keep=NOW, grace=NOW)
        lake.publish(branch, run="run")
    collect(lake, keep=NOW, grace=NOW)
    assert numbers(lake) == [1, 2]


def test_what_is_gone_is_not_pinned(lake: Lake) -> None:
    """A pin keeps what is there; it brings nothing back."""
    gone = publish(lake, 1).generation
    publish(lake, 2)
    collect(lake, keep=NOW, grace=NOW)
    with pytest.raises(UnknownName, match="collected"):
        lake.pins.add("r1", gone)
    assert list(lake.pins.list()) == []


def test_copied_catalog_appears_whole(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks at it meanwhile sees the one before, or none."""
    source = lake.catalog(publish(lake, 1).generation)

    def half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", half)
    with pytest.raises(EnvironmentFailed, match="No space left"):
        copy_catalog(source, tmp_path / "catalog.db")
    assert not (tmp_path / "catalog.db").exists()


def test_development_branch_is_of_the_head_that_it_says(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was cut short in the making is made anew, even for the head of the one before."""
    settings = settings_of(lake.root.parent)
    publish(lake, 1)
    development_branch(settings)
    publish(lake, 2)

    def cut_short(_: Path, target: Path) -> None:
        shutil.copyfile(lake.catalog(lake.refs.require("dev").generation), target)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("sluicegate.lake.development.copy_catalog", cut_short)
        with pytest.raises(ZeroDivisionError):
            development_branch(settings)
    lake.rollback("dev")
    catalog = development_branch(settings)
    assert catalog.read_bytes() == lake.catalog(lake.refs.require("dev").generation).read_bytes()


def test_one_collects_at_a_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first look to the last file: another one would count and remove the same."""
    for number in range(3):
        publish(lake, number)
    orphan = lake.root / "files" / "orphan.parquet"
    orphan.write_bytes(b"x")
    seen: dict[str, bool] = {}

    def look(name: str) -> None:
        with (lake.root / "locks" / "collector").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                seen[name] = True
            except BlockingIOError:
                seen.setdefault(name, False)

    monkeypatch.setattr(points, "hook", look)
    assert collect(lake, keep=NOW, grace=NOW).files == 1
    assert {"catalog condemned", "catalog removed", "file removed"} <= seen.keys()
    assert set(seen.values()) == {False}
