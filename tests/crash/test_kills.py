"""Several processes on one lake, killed at random moments: nothing is lost and nothing is torn.

``KILLS=500`` asks for more kills than the few that every run of the tests makes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from sluicegate.lake import Lake
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import data_files
from sluicegate.lake.verify import verify
from tests.crash.crowd import LINES, QUICKER
from tests.unit.kit import NUMBERS, publish

KILLS = int(os.environ.get("KILLS", "20"))
NOW = timedelta(0)


class Crowd:
    """Workers on a lake."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.crowd", str(lake.root), str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str) -> str:
        """Have something done; what it answers."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


@pytest.fixture
def crowd(lake: Lake, tmp_path: Path) -> Iterator[Crowd]:
    """Nobody works yet."""
    made = Crowd(lake, tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are more processes than cores already."""
    monkeypatch.setattr(duckdb, "connect", partial(duckdb.connect, config=QUICKER))


def test_killed_at_any_moment(lake: Lake, crowd: Crowd) -> None:
    """Ingesting, publishing, rolling back and collecting together, one is killed again and again.

    What readers see is, release by release, what the log of the ref says.
    """
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"kill -9: seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    # The moments are spread over what a release takes on this machine, right now.
    release = float(crowd.ask("time"))
    workers = [crowd.ask(f"start {seed}-{number}") for number in range(3 if KILLS > 100 else 2)]
    for number in range(KILLS):
        time.sleep(rng.uniform(0, release))
        victim = rng.randrange(len(workers))
        assert crowd.ask(f"kill {workers[victim]}") == "-9", "a worker failed"
        assert shown(lake) is not None
        workers[victim] = crowd.ask(f"start {seed}-again-{number}")
    for worker in workers:
        assert crowd.ask(f"kill {worker}") == "-9", "a worker failed"
    assert shown(lake) == logged(lake)
    publish(lake, 0, run="number-0")
    assert list(lake.branches.iterdir()) == []
    assert shown(lake) == logged(lake)
    collect(lake, keep=NOW, grace=NOW)
    assert verify(lake, keep=NOW, deep=True).problems == []
    named = {file.key for name in lake.generations() for file in data_files(lake.catalog(name))}
    assert {stored.key for stored in lake.store.list("files/")} == named
    assert list(lake.root.rglob(".*")) == []


def shown(lake: Lake) -> set[str]:
    """Which releases readers see, each of them whole."""
    with lake.read("dev") as session:
        left, right = (
            session.rows(f"SELECT amount::BIGINT, count(*) FROM raw.{table} GROUP BY ALL")
            for table in ("left", "right")
        )
        batches = session.rows("SELECT name, count(*) FROM accounts.batches GROUP BY ALL")
        others = (session.exists(NUMBERS) and session.rows(f"SELECT n FROM {NUMBERS.sql}")) or []
    numbers = {number for number, _ in left}
    assert sorted(left) == sorted(right) == sorted((number, LINES) for number in numbers)
    assert sorted(batches) == sorted((f"{number}.csv", 2) for number in numbers)
    assert len(others) == len(set(others))
    return {f"run-{number}" for number in numbers} | {f"number-{number}" for (number,) in others}


def logged(lake: Lake) -> set[str]:
    """Which releases readers ought to see, by what the log says happened."""
    moves = list(lake.refs.log("dev"))[::-1]
    assert [move.number for move in moves] == list(range(1, len(moves) + 1))
    for earlier, later in pairwise(moves):
        assert later.previous == earlier.generation
    releases: dict[str, set[str]] = {}
    for move in moves:
        if move.action == "publish":
            before = releases[move.previous] if move.previous else set()
            releases[move.generation] = {*before, str(move.run)}
    return releases[moves[-1].generation]
