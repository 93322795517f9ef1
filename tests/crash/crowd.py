"""Processes that work on one lake together and may be killed at any moment.

    python -m tests.crash.crowd LAKE FOLDER

reads one command a line: ``start SEED`` forks a worker and answers with its number, ``kill NUMBER``
ends one without a word and answers how it ended, ``time`` answers how many seconds a release takes.
What was imported is there already.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb

from sluicegate.errors import RefMoved, UnknownName
from sluicegate.ingestion import Aside, Intake, accounts, carry, create, ingest
from sluicegate.lake import Branch, Lake
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import connect
from sluicegate.sources import Batch
from tests.crash.forks import fork
from tests.unit.kit import orders, source, write

LINES = 3
"""Rows of a release, in each table."""

QUICKER = {"allow_unsigned_extensions": "true", "threads": "1"}
"""Extensions are not checked again and again, and no core is shared by more than need be."""

PATIENCE = timedelta(seconds=2)
"""How long what a ref showed is kept: long enough to go back to, sometimes."""


class Worker:
    """Does what processes on a lake do, one thing after the other, as the dice say."""

    def __init__(self, lake: Lake, folder: Path, seed: str) -> None:
        self._lake = lake
        self._folder = folder
        self._rng = random.Random(seed)
        # Made by the worker: a contract tries its checks, and polars' threads survive no fork.
        self._sources = [source(name, owner="x") for name in ("left", "right")]
        self._tasks: dict[Callable[[], None], int] = {
            self.release: 8,
            self.publish: 4,
            self.go_back: 2,
            self.branch_off: 1,
            self.sweep: 2,
            self.read: 2,
        }

    def work(self) -> None:
        """Work until killed."""
        while True:
            (task,) = self._rng.choices(list(self._tasks), list(self._tasks.values()))
            task()

    def release(self) -> None:
        """Ingest a batch into each of two tables; again on a new head if the ref moves."""
        number = self._rng.randrange(1, 1_000_000_000)
        lines = [f"{number}-{line},,{number}.00," for line in range(LINES)]
        batch = orders(self._folder, *lines, name=f"{number}.csv")
        run, aside = f"run-{number}", None
        with self._lake.scratch(f"{run}-aside") as folder:
            while True:
                with self._lake.branch("dev", run) as branch:
                    intakes = self._load(branch, batch, aside, run)
                    try:
                        self._lake.publish(branch, run=run)
                        return
                    except RefMoved:
                        base = self._lake.catalog(branch.base.generation) if branch.base else None
                        aside = Aside(base, branch.set_aside(folder), branch.files, intakes)

    def _load(
        self, branch: Branch, batch: Batch, aside: Aside | None, run: str
    ) -> dict[str, Intake]:
        head = self._lake.catalog(branch.base.generation) if branch.base else None
        intakes = {}
        with branch.session() as session:
            accounts.open_accounts(session)
            for each in self._sources:
                create(each, session)
                if aside is not None and aside.fits(each, {batch.id}, head):
                    intakes[each.name] = carry(each, aside, session, run)
                else:
                    intakes[each.name] = ingest(each, [batch], session, run)
        return intakes

    def publish(self) -> None:
        """A release of another table, which leaves the two alone."""
        number = self._rng.randrange(1, 1_000_000_000)
        with suppress(RefMoved), self._lake.branch("dev", f"number-{number}") as branch:
            with branch.session() as session:
                write(session, number)
            self._lake.publish(branch, run=f"number-{number}")

    def go_back(self) -> None:
        """A rollback, if there is anything to go back to."""
        with suppress(RefMoved, UnknownName):
            self._lake.rollback("dev")

    def branch_off(self) -> None:
        """A ref of one's own, for a moment."""
        name = f"x/{self._rng.randrange(1_000_000)}"
        with suppress(UnknownName):
            self._lake.start(name, "dev")
            self._lake.delete(name)

    def sweep(self) -> None:
        """Remove what nothing reaches."""
        collect(self._lake, keep=PATIENCE, grace=timedelta(0))

    def read(self) -> None:
        """See that the two tables agree."""
        if self._lake.refs.head("dev") is not None:
            with suppress(UnknownName), self._lake.read("dev") as session:
                tables = ("raw.left", "raw.right")
                seen = [session.rows(f"SELECT sum(amount), count(*) FROM {t}") for t in tables]
                assert seen[0] == seen[1], seen


def main(lake: Path, folder: Path) -> None:
    """Serve commands until nobody has any more."""
    duckdb.connect = partial(duckdb.connect, config=QUICKER)  # type: ignore[assignment]
    connect().close()
    gc.freeze()
    alive: set[int] = set()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        answer: float
        if command == "start":
            answer = fork(partial(_work, lake, folder, argument))
            alive.add(answer)
        elif command == "kill":
            answer = _kill(int(argument))
            alive.discard(int(argument))
        else:
            began = time.monotonic()
            _wait(fork(lambda: Worker(Lake(lake), folder, "").release()))
            answer = time.monotonic() - began
        print(answer, flush=True)  # noqa: T201 - a command speaks
    for worker in alive:
        _kill(worker)


def _kill(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return _wait(pid)


def _wait(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _work(lake: Path, folder: Path, seed: str) -> None:
    Worker(Lake(lake), folder, seed).work()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
