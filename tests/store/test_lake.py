"""The lake on every store: branches, publishing, refs and what is kept beside them."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed, RefMoved
from sluicegate.lake import Archive, Lake, Table, query
from sluicegate.lake.backup import back_up
from sluicegate.lake.bucket import PROBE
from sluicegate.lake.collect import collect
from sluicegate.lake.denylist import Denylist, Ruling, Verdict
from sluicegate.lake.inventory import data_files
from sluicegate.lake.restore import restore
from sluicegate.lake.show import show
from sluicegate.release import Ledger
from tests.store.places import ROOT, Place
from tests.unit.kit import numbers, numbers_in, publish, write

CITIES = Table("raw", "cities")


def test_published_and_rolled_back(place: Place, lake: Lake) -> None:
    """Readers see what was published, of any generation, and what is rolled back; nothing else."""
    first = publish(lake, 1)
    with lake.branch("dev", "mine") as mine:
        with mine.session() as session:
            write(session, 2)
            assert numbers_in(session) == [1, 2]
            assert numbers(lake) == [1]
        second = lake.publish(mine, run="mine")
    assert numbers(lake) == [1, 2]
    assert numbers(lake, first.generation) == [1]
    assert lake.rollback("dev").generation == first.generation
    for reader in (lake, place.lake(), place.lake("two")):
        assert numbers(reader) == [1]
        assert numbers(reader, second.generation) == [1, 2]
    publish(place.lake("two"), 3)
    assert numbers(lake) == [1, 3]
    assert [move.action for move in lake.refs.log("dev")] == [
        *("publish", "rollback", "publish", "publish")
    ]


def test_abandoned_branch_leaves_nothing(lake: Lake) -> None:
    """Nothing that readers see, and nothing on this machine."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch, branch.session() as session:
        write(session, 2)
    assert numbers(lake) == [1]
    assert len(lake.generations()) == 1
    assert list(lake.branches.iterdir()) == []


def test_machines_that_publish_to_the_same_ref(place: Place, lake: Lake) -> None:
    """One wins, the other is told; both see the winner's, and then the loser's on top of it."""
    publish(lake, 1)
    late = place.lake("two")
    with late.branch("dev", "late") as branch:
        with branch.session() as session:
            write(session, 3)
        publish(lake, 2)
        with pytest.raises(RefMoved):
            late.publish(branch, run="late")
    assert numbers(lake) == numbers(late) == [1, 2]
    publish(late, 3)
    assert numbers(lake) == numbers(late) == [1, 2, 3]


def test_machines_that_move_a_ref_at_the_same_moment(place: Place, lake: Lake) -> None:
    """Both sealed their branch on the same base: the ref goes to one, and loses neither's files."""
    publish(lake, 1)
    two = place.lake("two")
    with lake.branch("dev", "left") as left, two.branch("dev", "right") as right:
        for branch, number in ((left, 2), (right, 3)):
            with branch.session() as session:
                write(session, number)
        sealed = [branch.seal() for branch in (left, right)]
        won = lake.refs.move("dev", left.base, sealed[0], action="publish")
        with pytest.raises(RefMoved):
            two.refs.move("dev", right.base, sealed[1], action="publish")
    assert two.refs.require("dev") == won
    assert numbers(two) == [1, 2]
    assert numbers(lake, sealed[1]) == [1, 3]


MOVER = """
import sys
from sluicegate.errors import RefMoved
from tests.store.places import Place
refs, won = Place.named(sys.argv[1]).lake(sys.argv[2]).refs, []
print("ready", flush=True)
sys.stdin.readline()
while len(won) < 8:
    try:
        move = refs.move("dev", refs.head("dev"), f"g{sys.argv[2]}-{len(won)}", action="publish")
        won.append(move.number)
    except RefMoved:
        pass
print(*won)
"""


def test_machines_that_move_a_ref_time_and_again(place: Place, lake: Lake) -> None:
    """Every number is won by one machine, none is lost, and each move starts from the last."""
    movers = [
        subprocess.Popen(
            [sys.executable, "-c", MOVER, place.name, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in ("left", "right")
    ]
    assert [mover.stdout.readline() for mover in movers if mover.stdout] == ["ready\n"] * 2
    for mover in movers:
        assert mover.stdin
        mover.stdin.write("go\n")
        mover.stdin.flush()
    won = [[int(n) for n in mover.communicate(timeout=60)[0].split()] for mover in movers]
    assert sorted(won[0] + won[1]) == list(range(1, 17))
    moves = list(lake.refs.log("dev"))
    assert [move.number for move in moves] == list(range(16, 0, -1))
    for later, earlier in pairwise(moves):
        assert later.previous == earlier.generation
    owners = {move.number: move.generation for move in moves}
    for name, mine in zip(("left", "right"), won, strict=True):
        assert all(owners[number].startswith(f"g{name}-") for number in mine)


def test_refs_are_made_and_deleted(place: Place, lake: Lake) -> None:
    """On one machine, and seen on the other, whatever that one saw before."""
    two = place.lake("two")
    publish(lake, 1)
    assert two.refs.names() == ["dev"]
    two.start("pr/12", "dev")
    publish(two, 2, ref="pr/12")
    assert (numbers(lake, "pr/12"), numbers(lake)) == ([1, 2], [1])
    assert lake.refs.names() == ["dev", "pr/12"]
    lake.delete("pr/12")
    assert two.refs.names() == ["dev"]
    assert two.refs.all_names() == ["dev", "pr/12"]


VICTIM = """
import sys, time
from tests.store.places import Place, quicken
from tests.unit.kit import write
quicken()
lake = Place.named(sys.argv[1]).lake()
with lake.branch("dev", "victim") as branch:
    with branch.session() as session:
        write(session, 666)
    print(branch.seal(), flush=True)
    time.sleep(60)
"""


def test_writer_killed_before_the_ref_moved(place: Place, lake: Lake) -> None:
    """Its files and its catalog are there: readers see nothing of it, and the next run works."""
    publish(lake, 1)
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, place.name], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert victim.stdout
    generation = victim.stdout.readline().strip()
    victim.send_signal(signal.SIGKILL)
    victim.wait(10)
    victim.stdout.close()
    assert numbers(lake, generation) == [1, 666]
    assert numbers(lake) == numbers(place.lake("two")) == [1]
    assert (lake.branches / "victim").is_dir()
    publish(lake, 2)
    assert numbers(lake) == [1, 2]
    assert list(lake.branches.iterdir()) == []


def test_evidence_of_a_refused_run(place: Place, lake: Lake) -> None:
    """It is looked at from any machine, is no generation, and no ref points at it."""
    publish(lake, 1)
    with lake.branch("dev", "run-7") as branch:
        with branch.session() as session:
            write(session, 666)
        branch.keep(lake.refused("run-7"))
    two = place.lake("two")
    assert two.refused_runs() == {"refused/run-7": "evidence/run-7/catalog.db"}
    assert numbers(two, "refused/run-7") == [1, 666]
    assert numbers(two) == [1]
    assert len(two.generations()) == 1


def test_archive_keeps_bytes_once(place: Place, lake: Lake) -> None:
    """Under their content's name, for every machine."""
    batch, file, size = Archive(lake.store).keep_bytes(b"a,b\n1,2\n")
    again = Archive(place.store("two")).keep_bytes(b"a,b\n1,2\n")
    assert (batch, size) == (again[0], again[2])
    assert file.read_bytes() == again[1].read_bytes() == b"a,b\n1,2\n"
    assert len(list(lake.store.list("archive/"))) == 1


def test_archive_packs_text_for_every_machine(place: Place, lake: Lake) -> None:
    """What was packed on one machine is fetched, held against its name and found by another."""
    text = b"".join(b"%d,payment\n" % number for number in range(5_000))
    batch, file, _ = Archive(lake.store).keep_bytes(text)
    assert file.name.endswith(".raw.zst")
    found = Archive(place.store("two")).find(batch)
    assert found.read_bytes() == file.read_bytes()
    (stored,) = lake.store.list("archive/")
    assert stored.size < len(text) / 2


def test_ledger_is_one_for_all(place: Place, lake: Lake) -> None:
    """Machines append to it in turn; the newest entry is found from both."""
    left, right = Ledger(lake.store, "dev"), Ledger(place.store("two"), "dev")
    for number in range(1, 6):
        assert left.record("run started", f"l{number}") == 2 * number - 1
        assert right.record("run started", f"r{number}") == 2 * number
    runs = [entry["run"] for entry in left.entries()]
    assert runs == [f"{side}{number}" for number in range(5, 0, -1) for side in "rl"]
    assert right.last("run started", run="l2")


def test_condemned_batches_are_the_same_for_all(place: Place, lake: Lake) -> None:
    """What one machine condemns stays out on the other, and cannot be condemned there again."""
    left, right = Denylist(lake.store, "dev"), Denylist(place.store("two"), "dev")
    at = datetime(2026, 10, 1, tzinfo=UTC)
    ruling = Ruling(Verdict.CONDEMNED, "fees", "b1", "1.csv", 7, "poison", "ops", at)
    left.condemn(ruling)
    assert right.standing() == {("fees", "b1"): ruling}
    with pytest.raises(ConfigurationError, match="is condemned by ops"):
        right.condemn(ruling)
    right.release(replace(ruling, verdict=Verdict.RELEASED))
    assert left.standing() == {}


def test_lost_catalog_is_told(place: Place, lake: Lake) -> None:
    """A ref that points at nothing is not an empty lake."""
    generation = publish(lake, 1).generation
    lake.store.remove(f"catalogs/{generation}.db")
    for reader in (lake, place.lake("two")):
        with pytest.raises(EnvironmentFailed, match=r"catalog of .* is missing") as told:
            numbers(reader)
        assert str(told.value.where).startswith(place.address)


def test_store_has_the_files_that_catalogs_name(lake: Lake) -> None:
    """Key by key, awkward partitions included: what collects garbage must not err."""
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            session.create(CITIES, {"city": "VARCHAR", "n": "BIGINT"})
            session.execute(f"ALTER TABLE {CITIES.sql} SET PARTITIONED BY (city)")
            session.execute(
                f"INSERT INTO {CITIES.sql} VALUES ('New York', 1), ('Zürich', 2), ('a/b', 3),"
                " ('50%', 4), ('q=?&*', 5), (NULL, 6)"
            )
            session.execute(f"DELETE FROM {CITIES.sql} WHERE n = 2")
        move = lake.publish(branch, run="run")
    named = {file.key: file.size for file in data_files(lake.catalog(move.generation))}
    assert len(named) >= 5
    collect(lake, keep=timedelta(0), grace=timedelta(0))
    assert {stored.key: stored.size for stored in lake.store.list("files/")} == named
    with lake.read("dev") as session:
        total = session.scalar(f"SELECT sum(n)::INT FROM {CITIES.sql}")
    assert total == 19
    for key in named:
        lake.store.remove(key)
    assert list(lake.store.list("files/")) == []


def test_moved_to_another_store(place: Place, lake: Lake, bucket: Place, tmp_path: Path) -> None:
    """A backup is restored in a bucket, whatever it is of; no data file stays on the way."""
    old = publish(lake, 1).generation
    publish(lake, 2)
    Ledger(lake.store, "dev").record("run started", "r1")
    back_up(lake, tmp_path / "backups")
    moved = replace(bucket, prefix=f"{bucket.prefix}-moved").lake("moved")
    restore(tmp_path / "backups", moved)
    assert (numbers(moved), numbers(moved, old)) == ([1, 2], [1])
    assert [entry["run"] for entry in Ledger(moved.store, "dev").entries()] == ["r1"]
    assert _kept(moved) == _kept(lake)
    for cache in (moved.root / "cache", Path(place.folder) / "one" / "cache"):
        assert list(cache.rglob("*.parquet")) == []


def test_people_look_at_it(place: Place, lake: Lake) -> None:
    """By SQL, and as a list of tables, from the other machine."""
    publish(lake, 1, 2)
    two = place.lake("two")
    assert query(two, "dev", "SELECT sum(n)::INT AS total FROM raw.numbers").rows == [(3,)]
    shown = show(two, "dev")
    assert [(table.name, table.rows) for table in shown.tables] == [("raw.numbers", 2)]
    assert shown.refs == ["dev"]


def _kept(lake: Lake) -> set[str]:
    """Keys of what is kept; locks of a folder are in the same place, and are none of it."""
    keys = {stored.key for stored in lake.store.list("")} - {PROBE}
    return {key for key in keys if not key.startswith("locks/")}
