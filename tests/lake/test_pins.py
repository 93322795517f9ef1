"""Pins and leases: what keeps a generation alive besides refs."""

from __future__ import annotations

import gc
import os
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake import Lake, query
from sluicegate.lake.collect import Collected, collect
from sluicegate.lake.handout import export_marts, reader
from sluicegate.lake.leases import leased
from tests.unit.kit import NUMBERS, numbers, numbers_in, publish, settings_of

NOW = timedelta(0)


def sweep(lake: Lake) -> Collected:
    """Collect all that can be collected now."""
    return collect(lake, keep=NOW, grace=NOW)


def test_pin_keeps_a_generation(lake: Lake) -> None:
    """Until it is removed, whatever refs show."""
    first = publish(lake, 1).generation
    pin = lake.pins.add("2026.10", first)
    publish(lake, 2)
    assert sweep(lake).kept[first] == "pinned by releases/2026.10"
    assert numbers(lake, first) == [1]
    assert list(lake.pins.list()) == list(lake.pins.list("releases")) == [pin]
    lake.pins.remove("2026.10")
    assert sweep(lake).removed == [first]
    assert not lake.pins.list()


def test_pin_stays_what_it_is(lake: Lake) -> None:
    """The same may be added again; another generation under its name is refused."""
    first, second = publish(lake, 1).generation, publish(lake, 2).generation
    pin = lake.pins.add("r1", first)
    assert lake.pins.add("r1", first) == pin
    assert lake.pins.add("r1", second, "models").generation == second
    with pytest.raises(ConfigurationError, match=f"keeps generation {first} already"):
        lake.pins.add("r1", second)
    assert [pin.kind for pin in lake.pins.list()] == ["models", "releases"]


def test_pin_needs_a_name_and_a_generation(lake: Lake) -> None:
    """Names that are no names, and generations that are not there, are told."""
    first = publish(lake, 1).generation
    for name in ("", "a/b", "../x", ".x", "x\n"):
        with pytest.raises(ConfigurationError, match="cannot be the name of a pin"):
            lake.pins.add(name, first)
    for generation in ("g000000000000", "../../x", "dev"):
        with pytest.raises(EnvironmentFailed, match="is missing"):
            lake.pins.add("r1", generation)
    lake.pins.add("r1", first)
    with pytest.raises(UnknownName, match="no pin called 'r2'") as caught:
        lake.pins.remove("r2")
    assert "did you mean 'r1'" in str(caught.value.hint)


def test_damaged_pin_is_told(lake: Lake) -> None:
    """And nothing is collected, because nobody knows what it kept."""
    first = publish(lake, 1).generation
    lake.pins.add("r1", first)
    publish(lake, 2)
    file = lake.root / "pins" / "releases" / "r1.json"
    file.write_text("{")
    with pytest.raises(EnvironmentFailed, match="pin cannot be read") as caught:
        sweep(lake)
    assert caught.value.where == str(file)
    assert first in lake.generations()


def test_open_reader_keeps_what_it_reads(lake: Lake) -> None:
    """A session, a refused run's too, from its beginning to its end."""
    first = publish(lake, 1).generation
    with lake.branch("dev", "run-7") as branch:
        branch.keep(lake.refused("run-7"))
    with lake.read(first) as one, lake.read("refused/run-7") as two:
        publish(lake, 2)
        assert sorted(sweep(lake).kept) == sorted([first, "refused/run-7", *heads(lake)])
        assert numbers_in(one) == numbers_in(two) == [1]
    assert sorted(sweep(lake).removed) == [first, "refused/run-7"]
    assert list((lake.root / "readers").iterdir()) == []


def heads(lake: Lake) -> list[str]:
    """What refs show."""
    return [lake.refs.require(ref).generation for ref in lake.refs.names()]


def test_connection_keeps_what_it_reads(lake: Lake, tmp_path: Path) -> None:
    """For as long as it, or a relation that was made of it, is there."""
    first = publish(lake, 1).generation
    connection = reader(settings_of(tmp_path))
    relation = connection.sql("FROM raw.numbers")
    publish(lake, 2)
    del connection
    gc.collect()
    assert sweep(lake).kept[first] == "read by somebody"
    assert relation.fetchall() == [(1,)]


def test_connection_that_is_gone_keeps_nothing(lake: Lake, tmp_path: Path) -> None:
    """Nobody has to close it."""

    def ask() -> list[tuple[int]]:
        return reader(settings_of(tmp_path)).execute("FROM raw.numbers").fetchall()

    first = publish(lake, 1).generation
    assert ask() == [(1,)]
    publish(lake, 2)
    gc.collect()
    assert sweep(lake).removed == [first]


def test_what_reads_once_leaves_no_lease(lake: Lake, tmp_path: Path) -> None:
    """A query, one that fails, and an export."""
    publish(lake, 1)
    query(lake, "dev", "FROM raw.numbers")
    with pytest.raises(ConfigurationError):
        query(lake, "dev", "FROM nothing")
    export_marts(settings_of(tmp_path), tmp_path / "marts.duckdb")
    assert list((lake.root / "readers").iterdir()) == []


READER = """
import sys, time
from pathlib import Path
from sluicegate.lake import Lake
with Lake(Path(sys.argv[1])).read(sys.argv[2]):
    print("reads", flush=True)
    time.sleep(60)
"""


def test_killed_reader_lets_go(lake: Lake) -> None:
    """In another process, as long as it lives; then its lease is swept."""
    first = publish(lake, 1).generation
    child = subprocess.Popen(
        [sys.executable, "-c", READER, str(lake.root), first], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "reads\n"
    publish(lake, 2)
    assert sweep(lake).kept[first] == "read by somebody"
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    assert len(list((lake.root / "readers").iterdir())) == 1
    assert sweep(lake).removed == [first]
    assert list((lake.root / "readers").iterdir()) == []


def test_fork_does_not_let_go(lake: Lake) -> None:
    """A child that inherits a lease and ends leaves it to its parent."""
    publish(lake, 1)
    lease = lake.lease("dev")
    child = os.fork()
    if child == 0:
        lease.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert leased(lake.root) == {lease.name}
    lease.release()
    assert leased(lake.root) == set()


def test_reader_without_permission_reads(lake: Lake) -> None:
    """Where no lease can be taken there is none; a view that was collected is told as such."""
    first = publish(lake, 1).generation
    for name in ("readers", "locks"):
        folder = lake.root / name
        if folder.is_dir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        folder.touch()
    with lake.read(first) as session:
        assert session.exists(NUMBERS)
        for name in ("readers", "locks"):
            (lake.root / name).unlink()
        publish(lake, 2)
        assert sweep(lake).removed == [first]
        with pytest.raises(EnvironmentFailed, match=f"{first}, was collected since") as caught:
            numbers_in(session)
    assert "connect again" in str(caught.value.hint)


def test_collector_of_another_user_may_read_a_lease(lake: Lake) -> None:
    """Whatever the reader's umask is: else he could not collect at all."""
    publish(lake, 1)
    mask = os.umask(0o077)
    try:
        lease = lake.lease("dev")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(lease.file.stat().st_mode) == 0o644
    assert lease.file.read_text() == lease.name
    lease.release()


def test_lease_has_no_name_once_it_is_not_locked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector would take it for one of the dead, and a name made anew be somebody else's."""
    publish(lake, 1)
    lease = lake.lease("dev")
    real, there = os.close, []

    def close(handle: int) -> None:
        if handle == lease.handle:
            there.append(lease.file.exists())
        real(handle)

    monkeypatch.setattr(os, "close", close)
    lease.release()
    assert there == [False]
