"""What a lake lives through, act by act, in processes that can be killed at any crash point.

    python -m tests.crash.scenario

reads one JSON request a line and answers each with one JSON line. What was imported is there
already when a request comes: it is done by a fork. The kinds of requests:

    {"do": "record", "world": folder, "out": file}
    {"do": "die", "world": folder, "out": file, "act": name, "point": [name, number]}
    {"do": "go on", "world": folder, "out": file, "acts": [names]}

Every act can be played again: it does what is not done yet, as a run does.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sluicegate.errors import RefMoved
from sluicegate.lake import Archive, Lake, Session, Table, bulk, points
from sluicegate.lake.backup import back_up
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import attach, connect, detach
from sluicegate.lake.inventory import data_files
from sluicegate.lake.restore import restore
from sluicegate.lake.restoring import marked
from sluicegate.lake.verify import verify
from sluicegate.release import Ledger
from tests.unit.kit import NUMBERS

OTHERS = Table("marts", "others")
"""Has the same numbers in every release."""

NOW = timedelta(0)
Shown = dict[str, dict[str, list[int]]]
"""Ref → table → numbers."""


class World:
    """A lake, its backups, and the lake that is restored from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(folder / "lake")
        self.restored = Lake(folder / "restored")
        self.backups = folder / "backups"

    def lakes(self) -> list[Lake]:
        """Those that there are by now; nobody may look into one that is being restored."""
        whole = [lake for lake in (self.lake, self.restored) if not marked(lake.store)]
        return [lake for lake in whole if lake.refs.all_names()]

    def shown(self) -> Shown:
        """What readers of every ref see."""
        found: Shown = {}
        connection = connect()
        for lake in self.lakes():
            for ref in lake.refs.names():
                attach(connection, lake.resolve(ref), lake.files, read_only=True)
                name = ref if lake is self.lake else f"restored {ref}"
                found[name] = _tables(Session(connection))
                detach(connection)
        connection.close()
        return found

    def published(self, run: str, ref: str = "dev") -> bool:
        """Whether a run has published."""
        return any(move.run == run for move in self.lake.refs.log(ref))


def _tables(session: Session) -> dict[str, list[int]]:
    sql = " UNION ALL ".join(f"SELECT '{table}', n FROM {table.sql}" for table in (NUMBERS, OTHERS))
    found: dict[str, list[int]] = {}
    for name, number in sorted(session.rows(sql)):
        found.setdefault(name, []).append(number)
    return found


@contextmanager
def _release(world: World, run: str, ref: str = "dev") -> Iterator[Session]:
    with world.lake.branch(ref, run) as branch:
        with branch.session() as session:
            yield session
        world.lake.publish(branch, run=run)


def _add(session: Session, number: int, table: Table = NUMBERS) -> None:
    session.execute(f"INSERT INTO {table.sql} VALUES (?)", [number])


def publish(world: World) -> None:
    """A first release, of so many small files that they are merged."""
    if not world.published("first"):
        Archive(world.lake.store).keep_bytes(b"1")
        with _release(world, "first") as session, session.transaction("first"):
            for table in (NUMBERS, OTHERS):
                session.create(table, {"n": "BIGINT"})
            for number in range(1, 10):
                _add(session, number)
            session.execute(f"INSERT INTO {OTHERS.sql} FROM {NUMBERS.sql}")
    ledger = Ledger(world.lake.store, "dev")
    if not ledger.last("run finished"):
        ledger.record("run finished", "first")


def correct(world: World) -> None:
    """A release that deletes, from two tables together; its data files polars writes."""
    if not world.published("correction"):
        with _release(world, "correction") as session, session.transaction("correction"):
            for table in (NUMBERS, OTHERS):
                session.execute(f"DELETE FROM {table.sql} WHERE n IN (3, 5)")
                session.insert(table, pl.DataFrame({"n": [10]}))


def roll_back(world: World) -> None:
    """A release that nobody wants, and back."""
    if not world.published("bad"):
        with _release(world, "bad") as session:
            _add(session, 666)
    if world.lake.refs.require("dev").run == "bad":
        world.lake.rollback("dev")


def branch_off(world: World) -> None:
    """A ref of one's own, with a release, and its end."""
    refs = world.lake.refs
    if not any(True for _ in refs.log("feature/x")):
        world.lake.start("feature/x", "dev")
    if refs.head("feature/x") is not None:
        if not world.published("mine", "feature/x"):
            with _release(world, "mine", "feature/x") as session:
                _add(session, 77)
        world.lake.delete("feature/x")


def rebase(world: World) -> None:
    """A release whose ref moves meanwhile: what was written is carried over to the new head."""
    if world.published("late"):
        return
    with world.lake.scratch("late-aside") as folder:
        aside = _come_late(world, folder)
        if aside is not None:
            files = world.lake.files
            with _release(world, "late") as session, session.beside(aside, files) as beside:
                theirs = f"{beside}.{NUMBERS.schema}.{NUMBERS.name}"
                session.execute(f"INSERT INTO {NUMBERS.sql} FROM {theirs} WHERE n = 20")


def _come_late(world: World, folder: Path) -> Path | None:
    with world.lake.branch("dev", "late") as branch:
        with branch.session() as session:
            _add(session, 20)
        if not world.published("winner"):
            with _release(world, "winner") as session:
                _add(session, 21)
        try:
            world.lake.publish(branch, run="late")
        except RefMoved:
            return branch.set_aside(folder)
    return None


def refuse(world: World) -> None:
    """A run that is refused, and leaves evidence; a pin that is made and removed."""
    lake = world.lake
    if not lake.store.exists("evidence/refused/report.json"):
        with lake.branch("dev", "refused") as branch:
            with branch.session() as session:
                _add(session, 99)
            branch.keep(lake.refused("refused"))
            lake.store.create("evidence/refused/report.json", b"{}")
    lake.pins.add("r1", lake.refs.require("dev").generation)
    lake.pins.remove("r1")


def sweep(world: World) -> None:
    """What nothing reaches is removed."""
    collect(world.lake, keep=NOW, grace=NOW)


def save(world: World) -> None:
    """A backup; after one that was cut short, another one."""
    back_up(world.lake, world.backups)


def bring_back(world: World) -> None:
    """The same lake from its backup, elsewhere."""
    restore(world.backups, world.restored)


ACTS: dict[str, Callable[[World], None]] = {
    act.__name__: act
    for act in (publish, correct, roll_back, branch_off, rebase, refuse, sweep, save, bring_back)
}
"""In the order of the scenario."""


class Recorder:
    """Counts the points that are reached, and writes down what readers see after every move."""

    def __init__(self, world: World) -> None:
        self.reached: list[tuple[str, str]] = []
        self.moves: list[int] = []
        self.shown: list[Shown] = [world.shown()]
        self.act = ""
        self._world = world

    def __call__(self, point: str) -> None:
        self.reached.append((self.act, point))
        if point in ("ref moved", "restore ended"):
            points.hook = lambda _: None
            self.shown.append(self._world.shown())
            points.hook = self
        self.moves.append(len(self.shown) - 1)


def die(world: World, act: str, point: tuple[str, int]) -> None:
    """Play an act, and be killed when a point is reached for so many times."""
    count: Counter[str] = Counter()

    def hook(name: str) -> None:
        count[name] += 1
        if (name, count[name]) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    points.hook = hook
    ACTS[act](world)


def go_on(world: World, acts: list[str]) -> dict[str, Any]:
    """Look at what a killed process has left, play acts, and look again."""
    then = world.shown()
    problems = _problems(world)
    for act in acts:
        ACTS[act](world)
    return {"then": then, "problems": problems, **look(world)}


def record(world: World) -> dict[str, Any]:
    """Play the whole scenario and tell everything that there is to know about it.

    ``reached`` are acts and points in order; ``moves`` says for each how many moves of a ref came
    before it, the move itself included; ``shown`` is what readers see after so many moves.
    """
    world.folder.mkdir(parents=True)
    recorder = points.hook = Recorder(world)
    ends = {}
    for act, play_act in ACTS.items():
        shutil.copytree(world.folder, world.folder.parent / f"before-{act}")
        recorder.act = act
        play_act(world)
        ends[act] = len(recorder.shown) - 1
    return {
        "reached": recorder.reached,
        "moves": recorder.moves,
        "shown": recorder.shown,
        "ends": ends,
    }


def look(world: World) -> dict[str, Any]:
    """What readers see, what is wrong, and what should not be there once all is collected."""
    for lake in world.lakes():
        collect(lake, keep=NOW, grace=NOW)
    left = [name for lake in world.lakes() for name in _left(lake)]
    left += [str(file) for file in world.backups.rglob(".*")]
    return {"shown": world.shown(), "left": left, "still": _problems(world)}


def _problems(world: World) -> list[str]:
    verified = [verify(lake, keep=NOW, deep=True) for lake in world.lakes()]
    return [problem.what for each in verified for problem in each.problems]


def _left(lake: Lake) -> list[str]:
    """What nobody needs: unnamed files, drafts, branches, locks that somebody holds."""
    named = {file.key for name in lake.generations() for file in data_files(lake.catalog(name))}
    left = [stored.key for stored in lake.store.list("files/") if stored.key not in named]
    left += [str(file) for file in lake.root.rglob(".*")]
    left += [str(folder) for folder in lake.branches.iterdir()]
    left += [str(lease) for lease in (lake.root / "pins" / "readers").glob("*")]
    for file in lake.root.rglob("*lock"):
        with file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                left.append(f"{file} is held")
    return left


def main() -> None:
    """Serve requests until nobody asks any more."""
    quicker = {"allow_unsigned_extensions": "true", "threads": "1"}
    duckdb.connect = partial(duckdb.connect, config=quicker)  # type: ignore[assignment]
    connect().close()
    bulk.MANY = 1
    # Nobody cuts the power here, and what a killed process wrote the kernel has.
    os.fsync = lambda _: None
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _answer(request)
        _, status = os.waitpid(pid, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)  # noqa: T201


def _answer(request: dict[str, Any]) -> None:
    code = 1
    try:
        world = World(Path(request["world"]))
        if request["do"] == "record":
            answer = record(world)
        elif request["do"] == "go on":
            answer = go_on(world, request["acts"])
        else:
            die(world, request["act"], tuple(request["point"]))
            answer = {}
        Path(request["out"]).write_text(json.dumps(answer))
        code = 0
    except BaseException:  # noqa: BLE001 - a fork never returns to where it came from
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
