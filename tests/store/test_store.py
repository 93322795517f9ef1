"""What every store promises, whatever it is made of."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from sluicegate.lake import Store
from sluicegate.lake.log import Log
from tests.store.places import ROOT, Place


def test_what_is_made_stays(store: Store) -> None:
    """An object is made once, and whoever comes later is told and changes nothing."""
    assert store.create("refs/dev/1.json", b"first")
    assert not store.create("refs/dev/1.json", b"second")
    assert not store.create("refs/dev/1.json", b"first")
    assert store.read("refs/dev/1.json") == b"first"
    assert store.exists("refs/dev/1.json")


@pytest.mark.parametrize(("makers", "turns"), [(2, 20), (20, 1)])
def test_of_many_makers_one_wins(store: Store, makers: int, turns: int) -> None:
    """Threads that make an object at the same moment, even an equal one: exactly one made it."""
    barrier = Barrier(makers)

    def make(_: int) -> int:
        won = 0
        for turn in range(turns):
            barrier.wait(60)
            won += store.create(f"made/{turn}", b"equal")
        return won

    with ThreadPoolExecutor(makers) as pool:
        assert sum(pool.map(make, range(makers))) == turns
    assert sorted(store.names("made/")) == sorted(map(str, range(turns)))


MAKER = """
import sys
from tests.store.places import Place
store, me = Place.named(sys.argv[1]).store(sys.argv[2]), sys.argv[2].encode()
print("ready", flush=True)
sys.stdin.readline()
print(*(number for number in range(30) if store.create(f"made/{number}", me)))
"""


def test_of_many_processes_one_wins(place: Place, store: Store) -> None:
    """Each object is made by the process that is told so, and has its content."""
    names = ("left", "right")
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, place.name, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in names
    ]
    assert [maker.stdout.readline() for maker in makers if maker.stdout] == ["ready\n"] * 2
    for maker in makers:
        assert maker.stdin
        maker.stdin.write("go\n")
        maker.stdin.flush()
    won = {
        name: maker.communicate(timeout=60)[0].split()
        for name, maker in zip(names, makers, strict=True)
    }
    assert sorted(map(int, won["left"] + won["right"])) == list(range(30))
    for name, numbers in won.items():
        assert {store.read(f"made/{number}") for number in numbers} <= {name.encode()}


def test_objects_are_found_below_a_prefix(store: Store) -> None:
    """All of them with their size and time, or the names right below; never those beside it."""
    began = datetime.now(UTC) - timedelta(seconds=2)
    for key in ("refs/dev/1.json", "refs/dev/2.json", "refs/dev/sub/1.json", "refs/devel/1.json"):
        store.create(key, key.encode())
    found = {stored.key: stored for stored in store.list("refs/dev/")}
    assert sorted(found) == ["refs/dev/1.json", "refs/dev/2.json", "refs/dev/sub/1.json"]
    assert {stored.size for stored in found.values()} == {15, 19}
    assert all(began <= stored.modified <= datetime.now(UTC) for stored in found.values())
    assert sorted(store.names("refs/dev/")) == ["1.json", "2.json"]
    assert "2.json" in store.names("refs/dev/", after="1.json")
    assert list(store.names("refs/none/")) == list(store.list("none/")) == []
    assert store.read_all(list(found)) == [key.encode() for key in found]


def test_more_objects_than_one_answer_holds(store: Store) -> None:
    """A service tells a thousand at a time; all of them count, and the newest is found quickly."""
    with ThreadPoolExecutor(8) as pool:
        keys = [f"log/{number:08d}.json" for number in range(1, 1206)]
        assert all(pool.map(lambda key: store.create(key, b'{"n": 0}'), keys))
    assert sorted(stored.key for stored in store.list("log/")) == keys
    assert len(list(store.names("log/"))) == 1205
    log = Log(store, "log")
    assert (log.last(), log.append({"n": 1}), log.last()) == (1205, 1206, 1206)
    assert next(log.entries(newest_first=True)) == (1206, {"n": 1})
    assert [number for number, _ in log.entries()] == list(range(1, 1207))


def test_what_is_not_there(store: Store) -> None:
    """Is told as such, and removing it is no error."""
    assert not store.exists("catalogs/g0.db")
    for ask in (store.read, store.local, lambda key: list(store.stream(key))):
        with pytest.raises(FileNotFoundError):
            ask("catalogs/g0.db")
    store.remove("catalogs/g0.db")


def test_removed_object_is_gone(store: Store, tmp_path: Path) -> None:
    """From every answer; its name may be used again."""
    draft = tmp_path / "draft"
    draft.write_bytes(b"x")
    store.settle(draft, "evidence/run/catalog.db")
    store.local("evidence/run/catalog.db")
    store.remove("evidence/run/catalog.db")
    assert not store.exists("evidence/run/catalog.db")
    assert list(store.list("evidence/")) == []
    with pytest.raises(FileNotFoundError):
        store.local("evidence/run/catalog.db")
    assert store.create("evidence/run/catalog.db", b"y")


@pytest.mark.parametrize("size", [0, 10, 12_000_000])
def test_finished_file_is_moved_in(store: Store, tmp_path: Path, size: int) -> None:
    """Whatever its size; it can be read from a file that nobody may write, and settled again."""
    for turn in range(2):
        draft = tmp_path / f"draft{turn}"
        draft.write_bytes(b"\x00\xff" * (size // 2))
        store.settle(draft, "evidence/run/catalog.db")
        assert not draft.exists()
    file = store.local("evidence/run/catalog.db")
    assert file.stat().st_size == size
    assert b"".join(store.stream("evidence/run/catalog.db")) == file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o444
    assert store.read("evidence/run/catalog.db") == file.read_bytes() == b"\x00\xff" * (size // 2)


@pytest.mark.parametrize("name", ["day=2026-10-30", "city=New%20York", "käse ☃", "a+b&c;d'\"e"])
def test_awkward_names_are_kept(store: Store, name: str) -> None:
    """As folders of partitions have them: what is listed is what is read and removed."""
    key = f"files/raw/t/{name}/1.parquet"
    assert store.create(key, b"1")
    assert [stored.key for stored in store.list("files/")] == [key]
    assert store.exists(key)
    assert store.read(key) == b"1"
    store.remove(key)
    assert list(store.list("files/")) == []


def test_people_are_told_where(place: Place, store: Store) -> None:
    """The address of the store, and of an object in it."""
    assert store.address == place.address
    assert store.where("refs/dev") == f"{place.address}/refs/dev"
