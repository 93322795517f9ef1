"""Collecting: what nothing reaches is removed, and nothing else is, whoever works beside it."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.errors import EnvironmentFailed, RefMoved, UnknownName
from sluicegate.lake import Branch, Folder, Lake, Session, development_branch, durable
from sluicegate.lake.collect import Collected, collect
from sluicegate.lake.inventory import data_files
from sluicegate.lake.roots import _ENOUGH
from sluicegate.lake.verify import verify
from tests.unit.kit import NUMBERS, numbers, numbers_in, publish, settings_of, write

ROOT = Path(__file__).parents[2]
NOW = timedelta(0)
MONTH = timedelta(days=30)
DAY = timedelta(days=1)


def sweep(lake: Lake, *, keep: timedelta = NOW, grace: timedelta = NOW) -> Collected:
    """Collect all that can be collected now."""
    return collect(lake, keep=keep, grace=grace)


def age(file: Path, by: timedelta) -> None:
    """Let a file have been written long ago."""
    moment = time.time() - by.total_seconds()
    os.utime(file, (moment, moment))


def age_move(lake: Lake, ref: str, number: int, by: timedelta) -> None:
    """Let a move of a ref have been made long ago."""
    file = lake.root / "refs" / ref / f"{number:08d}.json"
    entry = json.loads(file.read_bytes())
    moment = datetime.fromisoformat(entry["at"]) - by
    file.write_text(json.dumps({**entry, "at": moment.isoformat()}))


def on_disk(lake: Lake) -> set[str]:
    """Keys of all data files."""
    return {stored.key for stored in lake.store.list("files/")}


def named(lake: Lake) -> set[str]:
    """Keys of all data files that a generation names."""
    catalogs = map(lake.catalog, lake.generations())
    return {file.key for catalog in catalogs for file in data_files(catalog)}


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that is not empty."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file): file.read_bytes() for file in files if file.stat().st_size}


def test_what_refs_show_is_kept(lake: Lake) -> None:
    """What they showed before is not, nor what a ref showed that was deleted, if nobody asks."""
    first, second, third = (publish(lake, n).generation for n in (1, 2, 3))
    lake.start("feature/x", first)
    found = sweep(lake)
    assert found.kept == {first: "shown by feature/x", third: "shown by dev"}
    assert found.removed == [second]
    lake.delete("feature/x")
    assert sweep(lake).removed == [first]
    assert numbers(lake) == [1, 2, 3]


def was_shown(lake: Lake, ref: str, number: int) -> str:
    """Why what a ref showed before a move is kept for a month."""
    entry = json.loads((lake.root / "refs" / ref / f"{number:08d}.json").read_bytes())
    until = datetime.fromisoformat(entry["at"])
    clock = "%Y-%m-%d %H:%M UTC"
    return f"was shown by {ref} until {until:{clock}}; kept until {until + MONTH:{clock}}"


def test_told_is_the_ref_that_left_last(lake: Lake) -> None:
    """What two refs showed is kept from when the second moved on, in whatever order they come."""
    first = publish(lake, 1).generation
    for name in ("a", "x"):
        lake.start(f"feature/{name}", first)
    publish(lake, 2)
    for name in ("x", "a"):
        lake.delete(f"feature/{name}")
    for ref in ("dev", "feature/a", "feature/x"):
        age_move(lake, ref, 1, 10 * DAY)
    age_move(lake, "dev", 2, 2 * DAY)
    age_move(lake, "feature/a", 2, DAY)
    assert sweep(lake, keep=MONTH).kept[first] == was_shown(lake, "feature/x", 2)
    age_move(lake, "feature/x", 2, 3 * DAY)
    assert sweep(lake, keep=MONTH).kept[first] == was_shown(lake, "feature/a", 2)


def test_what_refs_showed_is_kept_for_a_while(lake: Lake) -> None:
    """It counts from when the ref moved on, or was deleted, and not from when it was published."""
    first, second = (publish(lake, n).generation for n in (1, 2))
    lake.start("feature/x", second)
    publish(lake, 3)
    lake.delete("feature/x")
    age_move(lake, "dev", 1, 40 * DAY)
    assert sweep(lake, keep=MONTH).kept[first] == was_shown(lake, "dev", 2)
    age_move(lake, "dev", 2, 31 * DAY)
    assert sweep(lake, keep=MONTH).removed == [first]
    age_move(lake, "dev", 3, 31 * DAY)
    age_move(lake, "feature/x", 1, 31 * DAY)
    assert sweep(lake, keep=MONTH).kept[second] == was_shown(lake, "feature/x", 2)
    age_move(lake, "feature/x", 2, 31 * DAY)
    assert sweep(lake, keep=MONTH).removed == [second]
    assert numbers(lake) == [1, 2, 3]


def test_files_go_with_the_last_catalog_that_names_them(lake: Lake) -> None:
    """Those that later generations read stay."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            session.execute("CREATE OR REPLACE TABLE lake.raw.other AS SELECT 1 AS x")
        lake.publish(branch, run="run")
    before = on_disk(lake)
    with lake.branch("dev", "again") as branch:
        with branch.session() as session:
            session.execute("CREATE OR REPLACE TABLE lake.raw.other AS SELECT 2 AS x")
        lake.publish(branch, run="again")
    found = sweep(lake)
    assert (len(found.removed), found.files) == (2, 1)
    assert on_disk(lake) == named(lake)
    assert len(on_disk(lake) & before) == 1
    assert numbers(lake) == [1]


def test_two_looks(lake: Lake) -> None:
    """Condemned at the first, removed at one that comes after the grace period."""
    first = publish(lake, 1).generation
    publish(lake, 2)
    found = sweep(lake, grace=DAY)
    assert (list(found.condemned), found.removed) == ([first], [])
    assert sweep(lake, grace=DAY).condemned == found.condemned
    (record,) = (lake.root / "condemned").iterdir()
    moment = found.condemned[first] - 2 * DAY
    record.write_text(json.dumps({"at": moment.isoformat()}))
    assert sweep(lake, grace=DAY).removed == [first]
    assert list((lake.root / "condemned").iterdir()) == []


def test_what_is_reachable_again_is_pardoned(lake: Lake) -> None:
    """And has a whole grace period before it if it is condemned once more."""
    first = publish(lake, 1).generation
    publish(lake, 2)
    condemned = sweep(lake, grace=DAY).condemned[first]
    assert sweep(lake, keep=MONTH, grace=DAY).pardoned == [first]
    assert sweep(lake, grace=DAY).condemned[first] > condemned


def test_dry_run_tells_and_changes_nothing(lake: Lake) -> None:
    """It tells what is done afterwards."""
    publish(lake, 1)
    publish(lake, 2)
    (lake.root / "files" / "raw" / "numbers" / "orphan.parquet").write_bytes(b"x" * 9)
    before = content(lake.root)
    told = collect(lake, keep=NOW, grace=NOW, dry_run=True)
    assert content(lake.root) == before
    done = sweep(lake)
    assert (told.removed, told.files, told.size) == (done.removed, done.files, done.size)
    assert done.files == 1
    assert done.size > 9


def test_young_files_of_nobody_are_left_alone(lake: Lake) -> None:
    """A writer may be about to name them; what a dead one left is removed when it is old."""
    publish(lake, 1)
    orphan = lake.root / "files" / "raw" / "orphan.parquet"
    orphan.write_bytes(b"x")
    assert sweep(lake, grace=DAY).files == 0
    age(orphan, 2 * DAY)
    assert sweep(lake, grace=DAY).files == 1
    assert not orphan.exists()


def test_branch_at_work_loses_nothing(lake: Lake) -> None:
    """Neither its base nor what it wrote, though there be no grace and its ref has moved on."""
    base = publish(lake, 1).generation
    with lake.branch("dev", "slow") as branch:
        with branch.session() as session:
            write(session, 2)
            publish(lake, 3)
            assert sweep(lake).kept[base] == "base of the branch slow"
            assert numbers_in(session) == [1, 2]
        with pytest.raises(RefMoved):
            lake.publish(branch, run="slow")
    assert sweep(lake).removed == [base]
    assert on_disk(lake) == named(lake)


def test_development_branch_loses_nothing(lake: Lake, tmp_path: Path) -> None:
    """A dbt of one's own goes on with what it was made from."""
    publish(lake, 1)
    catalog = development_branch(settings_of(tmp_path))
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            session.execute("DELETE FROM lake.raw.numbers")
        lake.publish(branch, run="run")
    sweep(lake)
    assert {file.key for file in data_files(catalog)} <= on_disk(lake)
    catalog.write_bytes(b"no catalog, but as long as one may be" * 100)
    with pytest.raises(EnvironmentFailed, match="cannot be read") as caught:
        sweep(lake)
    assert "made anew" in str(caught.value.hint)


def test_evidence_is_kept_for_a_while(lake: Lake) -> None:
    """Then its catalog goes, and what people read of it stays."""
    publish(lake, 1)
    with lake.branch("dev", "run-7") as branch:
        with branch.session() as session:
            write(session, 666)
        branch.keep(lake.refused("run-7"))
    lake.store.create("evidence/run-7/report.json", b"{}")
    assert sweep(lake, keep=MONTH).kept["refused/run-7"] == "evidence of a refused run"
    assert numbers(lake, "refused/run-7") == [1, 666]
    age(lake.root / lake.refused("run-7"), 31 * DAY)
    assert sweep(lake, keep=MONTH).removed == ["refused/run-7"]
    assert lake.store.read("evidence/run-7/report.json") == b"{}"
    assert on_disk(lake) == named(lake)


def test_unfinished_files_of_the_dead_are_removed(lake: Lake) -> None:
    """Drafts and spilled data, once they are old; whatever else begins with a dot is not ours."""
    publish(lake, 1)
    hexes = "0123456789abcdef" * 2
    ours = [f"refs/dev/.00000002.json.{hexes}", f"archive/.{hexes}", f".probe-{hexes}", "spill/a/b"]
    for name in (*ours, ".gitignore"):
        (lake.root / name).parent.mkdir(parents=True, exist_ok=True)
        (lake.root / name).write_text("x")
    assert sweep(lake).leftovers == 0
    for name in (*ours, ".gitignore"):
        age(lake.root / name, 2 * DAY)
    assert sweep(lake).leftovers == len(ours)
    assert [name for name in ours if (lake.root / name).exists()] == []
    assert (lake.root / ".gitignore").exists()


def flip(lake: Lake, generation: str) -> None:
    """Change one byte in the middle of a catalog."""
    file = lake.catalog(generation)
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.unlink()
    file.write_bytes(damaged)


def lose(lake: Lake, generation: str) -> None:
    """Remove a catalog, as no collector does."""
    lake.catalog(generation).unlink()


def tear(lake: Lake, generation: str) -> None:
    """Leave half an entry in a log."""
    assert generation
    (lake.root / "refs" / "dev" / "00000002.json").write_text('{"generation": ')


@pytest.mark.parametrize(
    ("damage", "told"),
    [(flip, "is damaged"), (lose, "is missing: shown by dev"), (tear, "Entry 2 of refs/dev")],
)
def test_stops_where_it_cannot_know(
    lake: Lake, damage: Callable[[Lake, str], None], told: str
) -> None:
    """A root that is damaged or lost: nothing is removed, neither catalog nor file."""
    publish(lake, 1)
    second = publish(lake, 2).generation
    (lake.root / "files" / "orphan.parquet").write_bytes(b"x")
    damage(lake, second)
    before = {**content(lake.root / "files"), **content(lake.root / "catalogs")}
    with pytest.raises(EnvironmentFailed, match=told) as caught:
        sweep(lake)
    assert caught.value.hint
    assert {**content(lake.root / "files"), **content(lake.root / "catalogs")} == before


def test_rollback_goes_as_far_as_something_is_kept(lake: Lake) -> None:
    """Who asks for more is told how far, and the ref stays."""
    generations = [publish(lake, n).generation for n in range(4)]
    lake.pins.add("r", generations[1])
    sweep(lake)
    head = lake.refs.require("dev")
    for to in (None, generations[0]):
        with pytest.raises(UnknownName, match="was collected at") as caught:
            lake.rollback("dev", to)
        assert f"lake rollback dev --to {generations[1]}" in str(caught.value.hint)
    assert lake.refs.head("dev") == head
    with pytest.raises(UnknownName, match=f"{generations[0]} was collected at"):
        numbers(lake, generations[0])
    lake.rollback("dev", generations[1])
    assert numbers(lake) == [0, 1]
    lake.pins.remove("r")
    sweep(lake)
    with pytest.raises(UnknownName) as caught:
        lake.rollback("dev", generations[3])
    assert "none that 'dev' showed remains" in str(caught.value.hint)


def test_nobody_points_at_what_is_condemned(lake: Lake) -> None:
    """It can be read, and no more: its removal may be under way on another machine."""
    first = publish(lake, 1).generation
    publish(lake, 2)
    sweep(lake, grace=DAY)
    for point in (
        lambda: lake.rollback("dev"),
        lambda: lake.start("feature/x", first),
        lambda: lake.pins.add("r", first),
    ):
        with pytest.raises(UnknownName, match=f"{first} is about to be collected"):
            point()
    assert numbers(lake, first) == [1]


def test_no_generation_gets_a_condemned_name(lake: Lake) -> None:
    """A branch whose content is that of a condemned generation becomes another one."""
    head = publish(lake, 1)
    with lake.branch("dev", "same") as branch:
        lake.condemned.add(head.generation, head.at)
        published = lake.publish(branch, run="same").generation
    assert published != head.generation
    assert sweep(lake).removed == [head.generation]
    assert numbers(lake) == [1]


class Killed(BaseException):
    """The process is gone."""


class Power:
    """Lets a store's writes and removals happen, as many as were granted."""

    def __init__(self, patch: pytest.MonkeyPatch, steps: int) -> None:
        self.left = steps
        for name in ("create", "remove"):
            patch.setattr(Folder, name, self._step(getattr(Folder, name)))

    def _step(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any) -> Any:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return real(*arguments)

        return step


def test_killed_at_any_moment(lake: Lake, tmp_path: Path) -> None:
    """No catalog names a missing file then, and the next collector completes the work."""
    for n in range(3):
        with lake.branch("dev", f"run-{n}") as branch:
            with branch.session() as session:
                session.execute(f"CREATE OR REPLACE TABLE lake.main.t AS SELECT {n} AS n")
            lake.publish(branch, run="run")
    shutil.copytree(lake.root, tmp_path / "before")
    with pytest.MonkeyPatch.context() as patch:
        power = Power(patch, 100)
        assert (sweep(lake).files, len(lake.generations())) == (2, 1)
    for steps in range(100 - power.left):
        torn = Lake(shutil.copytree(tmp_path / "before", tmp_path / f"lake-{steps}"))
        with pytest.MonkeyPatch.context() as patch:
            Power(patch, steps)
            with pytest.raises(Killed):
                sweep(torn)
        assert not verify(torn, keep=NOW).problems
        sweep(torn)
        assert (on_disk(torn), torn.generations()) == (on_disk(lake), lake.generations())
        assert torn.condemned.names() == set()


class Walk:
    """A random life of a lake, with a memory of its own of what must be readable."""

    def __init__(self, lake: Lake, seed: int, held: ExitStack) -> None:
        self.lake = lake
        self.dice = random.Random(seed)
        self.held = held
        self.rows: dict[str, list[int]] = {}
        self.heads: dict[str, str] = {}
        self.pins: dict[str, str] = {}
        self.readers: list[tuple[ExitStack, Session, str]] = []
        self.branch: tuple[ExitStack, Branch, list[int]] | None = None
        self.number = 0

    def step(self) -> None:
        """Do something."""
        choices = [self.publish] * 4 + [self.collect] * 3
        choices += [self.rollback, self.start, self.delete, self.pin, self.unpin]
        choices += [self.read, self.stop_reading, self.work, self.finish]
        self.dice.choice(choices)()

    def publish(self) -> None:
        """A run publishes."""
        ref = self.dice.choice(["dev", *self.heads])
        self.number += 1
        generation = publish(self.lake, self.number, ref=ref).generation
        before = self.rows[self.heads[ref]] if ref in self.heads else []
        self.rows[generation] = [*before, self.number]
        self.heads[ref] = generation

    def rollback(self) -> None:
        """A ref goes back, if it still can."""
        if self.heads:
            ref = self.dice.choice(list(self.heads))
            try:
                self.heads[ref] = self.lake.rollback(ref).generation
            except UnknownName as error:
                assert "collected" in str(error) or "first generation" in str(error)  # noqa: PT017

    def start(self) -> None:
        """Somebody makes a ref of his own."""
        self.number += 1
        if self.heads:
            source = self.dice.choice(list(self.heads))
            move = self.lake.start(f"feature/{self.number}", source)
            self.heads[move.ref] = move.generation

    def delete(self) -> None:
        """Somebody deletes a ref."""
        if len(self.heads) > 1:
            ref = self.dice.choice(list(self.heads))
            self.lake.delete(ref)
            del self.heads[ref]

    def pin(self) -> None:
        """A release pins what it published."""
        self.number += 1
        if self.heads:
            name, generation = f"r{self.number}", self.dice.choice(list(self.heads.values()))
            self.pins[self.lake.pins.add(name, generation).name] = generation

    def unpin(self) -> None:
        """A release is given up."""
        if self.pins:
            name = self.dice.choice(list(self.pins))
            self.lake.pins.remove(name)
            del self.pins[name]

    def read(self) -> None:
        """A reader opens a view, and keeps it."""
        if self.heads:
            generation = self.dice.choice(list(self.heads.values()))
            opened = ExitStack()
            session = opened.enter_context(self.lake.read(generation))
            self.held.push(opened)
            self.readers.append((opened, session, generation))

    def stop_reading(self) -> None:
        """A reader goes."""
        if self.readers:
            opened, _, _ = self.readers.pop(self.dice.randrange(len(self.readers)))
            opened.close()

    def work(self) -> None:
        """A run begins on a branch, and takes its time."""
        if self.branch is None and "dev" in self.heads:
            self.number += 1
            opened = ExitStack()
            branch = opened.enter_context(self.lake.branch("dev", f"slow-{self.number}"))
            self.held.push(opened)
            with branch.session() as session:
                write(session, self.number)
            self.branch = (opened, branch, [*self.rows[self.heads["dev"]], self.number])

    def finish(self) -> None:
        """It publishes, unless its ref has moved."""
        if self.branch is not None:
            opened, branch, rows = self.branch
            self.branch = None
            try:
                generation = self.lake.publish(branch, run=branch.name).generation
                self.rows[generation] = rows
                self.heads["dev"] = generation
            except RefMoved:
                pass
            finally:
                opened.close()

    def collect(self) -> None:
        """Somebody collects, and all that can be reached reads as when it was published."""
        sweep(self.lake, keep=self.dice.choice([NOW, NOW, MONTH]))
        for generation in {*self.heads.values(), *self.pins.values()}:
            assert numbers(self.lake, generation) == self.rows[generation]
        for _, session, generation in self.readers:
            assert numbers_in(session) == self.rows[generation]
        if self.branch is not None:
            with self.branch[1].session() as session:
                assert numbers_in(session) == self.branch[2]

    def end(self) -> None:
        """Everybody goes; then no more is left than what can be reached."""
        self.held.close()
        sweep(self.lake)
        assert set(self.lake.generations()) == {*self.heads.values(), *self.pins.values()}
        assert on_disk(self.lake) == named(self.lake)
        assert not verify(self.lake, keep=NOW, deep=True).problems


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens(lake: Lake, seed: int) -> None:
    """Publish, rollback, branch, delete, pin and read in any order, with collectors in between."""
    with ExitStack() as held:
        walk = Walk(lake, seed, held)
        walk.publish()
        for _ in range(22):
            walk.step()
        walk.collect()
        walk.end()


BESIDE = """
import sys
from functools import partial
import duckdb
duckdb.connect = partial(duckdb.connect, config={"allow_unsigned_extensions": "true"})  # quicker
from pathlib import Path
from datetime import timedelta
from sluicegate.lake import Lake
from sluicegate.lake.verify import verify
from tests.unit.kit import numbers, numbers_in, publish
lake = Lake(Path(sys.argv[1]))
if sys.argv[2] == "publish":
    for n in range(1, 9):
        publish(lake, n)
elif sys.argv[2] == "verify":
    for _ in range(4):
        verify(lake, keep=timedelta(days=1), deep=True).require_whole()
else:
    with lake.read("dev") as early:
        for _ in range(12):
            with lake.read("dev") as session:
                seen = numbers_in(session)
                assert seen == list(range(len(seen)))
                assert numbers_in(session) == seen
        assert numbers_in(early) == list(range(len(numbers_in(early))))
"""


def test_beside_others(lake: Lake) -> None:
    """Whoever publishes, reads and verifies in other processes does not fail, without any grace."""
    publish(lake, 0)
    children = [
        subprocess.Popen([sys.executable, "-c", BESIDE, str(lake.root), role], cwd=ROOT)
        for role in ("publish", "read", "verify")
    ]
    removed = 0
    while any(child.poll() is None for child in children):
        removed += len(sweep(lake).removed)
    assert [child.returncode for child in children] == [0, 0, 0]
    assert removed + len(sweep(lake).removed) == 8
    assert numbers(lake) == list(range(9))
    assert not verify(lake, keep=NOW, deep=True).problems


def test_nothing_is_removed_when_a_log_has_a_gap(lake: Lake) -> None:
    """Its first entry or one in between: nobody can say what the ref showed then."""
    for number in range(4):
        publish(lake, number)
    log = lake.root / "refs" / "dev"
    for lost in (1, 2):
        entry = (log / f"{lost:08d}.json").read_bytes()
        (log / f"{lost:08d}.json").unlink()
        with pytest.raises(EnvironmentFailed, match="nobody can say what is reachable"):
            sweep(lake)
        (log / f"{lost:08d}.json").write_bytes(entry)
    assert len(lake.generations()) == 4
    assert lake.refs.all_names() == ["dev"]


def test_a_clock_that_is_behind_ends_nothing(lake: Lake) -> None:
    """One publish of a machine that thinks it is long ago: what others showed is kept."""
    shown = [publish(lake, number).generation for number in range(4)]
    age_move(lake, "dev", 4, 2_000 * DAY)
    assert sweep(lake, keep=MONTH).kept.keys() == set(shown)
    age_move(lake, "dev", 3, 2_000 * DAY)
    assert sweep(lake, keep=MONTH).kept.keys() == set(shown)


@contextmanager
def no_room() -> Iterator[None]:
    """No file can have a single byte: to who writes it is as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_makes_room(lake: Lake) -> None:
    """What is due is removed though nothing can be written; it goes on record when it can be."""
    first = publish(lake, 1).generation
    with lake.branch("dev", "run-1") as branch:
        with branch.session() as session:
            session.execute(f"CREATE OR REPLACE TABLE {NUMBERS.sql} AS SELECT 2::BIGINT AS n")
        lake.publish(branch, run="run-1")
    long_ago = datetime.now(UTC) - 2 * DAY
    lake.condemned.add(first, long_ago)
    orphan, dead = lake.root / "files" / "orphan.parquet", lake.branches / "dead"
    orphan.write_bytes(b"x")
    age(orphan, 2 * DAY)
    dead.mkdir()
    (dead / "lock").touch()
    for file in (lake.root / "files").rglob("*.parquet"):
        age(file, 2 * DAY)
    shutil.rmtree(lake.root / "collected", ignore_errors=True)
    with no_room():
        with pytest.raises(EnvironmentFailed, match="File too large"):
            lake.prepare()
        collected = sweep(lake, grace=DAY)
    assert (collected.removed, collected.files) == ([first], 2)
    assert not dead.exists()
    assert on_disk(lake) == named(lake)
    assert not (lake.root / "collected").exists() or not list((lake.root / "collected").iterdir())
    # It is not taken for lost, by anybody.
    assert not verify(lake, keep=MONTH).problems
    with pytest.raises(UnknownName, match=f"{first} was collected"):
        lake.rollback("dev")
    assert sweep(lake, keep=MONTH, grace=DAY).removed == []
    assert (lake.condemned.names(), lake.condemned.removed()) == (set(), {first})
    assert not verify(lake, keep=MONTH).problems
    assert numbers(lake) == [2]


def test_full_disk_removes_nothing_that_is_not_condemned(lake: Lake) -> None:
    """Without a grace period too; what was freed is told with the failure, and nothing is lost."""
    first = publish(lake, 1).generation
    publish(lake, 2)
    (lake.root / "files" / "orphan.parquet").write_bytes(b"x" * 7)
    with no_room(), pytest.raises(EnvironmentFailed, match="7 bytes were freed") as caught:
        sweep(lake)
    assert caught.value.result
    assert (caught.value.result["files"], caught.value.result["removed"]) == (1, [])
    assert "free a few thousand bytes" in str(caught.value.hint)
    assert lake.condemned.names() == set()
    assert numbers(lake, first) == [1]
    assert sweep(lake).removed == [first]


def test_what_a_full_disk_has_no_room_for_is_done_in_the_room_that_was_made(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: nobody has to run it again."""
    first = publish(lake, 1).generation
    publish(lake, 2)
    orphan = lake.root / "files" / "orphan.parquet"
    orphan.write_bytes(b"x")
    real = Folder.create

    def create(store: Folder, key: str, content: bytes) -> bool:
        if orphan.exists():
            with durable.written(orphan):
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(store, key, content)

    monkeypatch.setattr(Folder, "create", create)
    collected = sweep(lake)
    assert (collected.removed, collected.files, collected.condemned) == ([first], 1, {})
    assert lake.condemned.removed() == {first}


def test_dry_run_condemns_nothing(lake: Lake) -> None:
    """Nor does it say that it did."""
    first = publish(lake, 1).generation
    publish(lake, 2)
    told = collect(lake, keep=NOW, grace=DAY, dry_run=True)
    assert list(told.condemned) == [first]
    assert lake.condemned.names() == set()


def test_clocks_may_be_a_day_apart(lake: Lake) -> None:
    """Many moves by a clock that is behind do not hide what was shown later by another one."""
    shown, other = publish(lake, 1), publish(lake, 2)
    head = other
    for _ in range(_ENOUGH + 1):
        head = lake.refs.move("dev", head, other.generation, action="publish")
    head = lake.refs.move("dev", head, other.generation, action="publish")
    age_move(lake, "dev", 1, MONTH - DAY / 24)
    for number in range(2, head.number):
        age_move(lake, "dev", number, MONTH + DAY / 2)
    assert sweep(lake, keep=MONTH).kept.keys() == {shown.generation, other.generation}
    # More than that is no clock's fault.
    for number in range(2, head.number):
        age_move(lake, "dev", number, DAY)
    assert sweep(lake, keep=MONTH).removed == [shown.generation]
