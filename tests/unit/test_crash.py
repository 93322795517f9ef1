"""Failures of the disk and of the process: the ref stays, or everything is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sluicegate.lake import Lake, Table
from tests.unit.kit import NUMBERS, numbers, numbers_in, publish, write

STEPS = ("fsync", "link", "replace")
Step = tuple[str, str]
"""What was done, to what: a data file, the catalog, the ref's entry, or a folder."""


class Disk:
    """Stands between the lake and the disk: writes down every step, and fails one on demand."""

    def __init__(self, lake: Lake) -> None:
        self.steps: list[Step] = []
        self.fail_at: int | None = None
        self._lake = lake

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what happens to the disk in the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", self._step("fsync", os.fsync))
            patch.setattr(os, "link", self._step("link", os.link))
            patch.setattr(Path, "replace", self._step("replace", Path.replace))
            yield

    def _step(self, name: str, real: Any) -> Any:
        def step(target: Any, *arguments: Any) -> Any:
            path = Path(f"/proc/self/fd/{target}").readlink() if name == "fsync" else Path(target)
            if len(self.steps) == self.fail_at:
                self.steps.append(("failed", name))
                raise OSError(5, "Input/output error")
            self.steps.append((name, self._kind(path)))
            return real(target, *arguments)

        return step

    def _kind(self, path: Path) -> str:
        if path.is_dir():
            return f"{path.relative_to(self._lake.root).parts[0]} folder"
        return {".parquet": "data", ".db": "catalog"}.get(path.suffix, "entry")


def test_data_then_catalog_then_ref(lake: Lake) -> None:
    """Nothing is named before it is on the disk, and every name is made durable."""
    publish(lake, 1)
    disk = Disk(lake)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        with disk.watched():
            lake.publish(branch, run="run")
    assert disk.steps == [
        ("fsync", "data"),
        ("fsync", "files folder"),
        ("fsync", "catalog"),
        ("replace", "catalog"),
        ("fsync", "catalogs folder"),
        ("fsync", "entry"),
        ("link", "entry"),
        ("fsync", "refs folder"),
    ]


def test_disk_that_fails_at_any_step(lake: Lake) -> None:
    """Until the ref's entry has its name readers see what they saw; the next publish works."""
    before = publish(lake, 0)
    for fail_at in range(7):
        disk = Disk(lake)
        disk.fail_at = fail_at
        with lake.branch("dev", "run") as branch:
            with branch.session() as session:
                write(session, 100 + fail_at)
            with disk.watched(), pytest.raises(OSError, match="Input/output error"):
                lake.publish(branch, run="run")
        assert disk.steps[-1] in [("failed", step) for step in STEPS]
        assert lake.refs.head("dev") == before
    assert numbers(lake) == [0]
    publish(lake, 1)
    assert numbers(lake) == [0, 1]


def test_publish_that_failed_may_be_tried_again(lake: Lake) -> None:
    """The same branch is published once the disk is well again."""
    for fail_at in (0, 2, 3):
        disk = Disk(lake)
        disk.fail_at = fail_at
        with lake.branch("dev", f"run-{fail_at}") as branch:
            with branch.session() as session:
                write(session, fail_at)
            with disk.watched(), pytest.raises(OSError, match="Input/output error"):
                lake.publish(branch, run="run")
            lake.publish(branch, run="run")
    assert numbers(lake) == [0, 2, 3]


def test_disk_that_fails_after_the_ref_moved(lake: Lake) -> None:
    """Then readers see the release, the whole of it, though the writer was told of the error."""
    first = publish(lake, 1)
    disk = Disk(lake)
    disk.fail_at = 7
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        with disk.watched(), pytest.raises(OSError, match="Input/output error"):
            lake.publish(branch, run="run")
    head = lake.refs.require("dev")
    assert (head.number, head.previous) == (first.number + 1, first.generation)
    assert numbers(lake) == [1, 2]


FORGE = """
import os, sys, time
from functools import partial
import duckdb
duckdb.connect = partial(duckdb.connect, config={"allow_unsigned_extensions": "true"})  # quicker
from pathlib import Path
from sluicegate.ingestion import accounts, ingest
from sluicegate.lake import Lake
from tests.unit.kit import orders, source

lake, folder = Lake(Path(sys.argv[1])), Path(sys.argv[2])
sources = []

def released():
    head = lake.refs.head("dev")
    return 0 if head is None else head.number

def release(number):
    with lake.branch("dev", f"run-{number}") as branch:
        with branch.session() as session:
            accounts.open_accounts(session)
            for each in sources:
                lines = [f"{number}-{line},,{number}.00," for line in range(3)]
                ingest(each, [orders(folder, *lines, name=f"{number}.csv")], session, str(number))
        lake.publish(branch, run=str(number))

def work():
    # Made by the child: a contract tries its checks, and the threads of polars survive no fork.
    sources.extend(source(name, owner="x") for name in ("left", "right"))
    release(released() + 1)
    began = time.monotonic()
    release(released() + 1)
    print(time.monotonic() - began, flush=True)
    while True:
        release(released() + 1)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work()
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""
"""Forks children that ingest and publish until they are killed; imports are paid for once."""


class Forge:
    """Starts children that ingest and publish, and ends them."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORGE, str(lake.root), str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> int:
        """Start a child; returns its number."""
        assert self._process.stdin
        self._process.stdin.write("work\n")
        self._process.stdin.flush()
        return int(self.hear())

    def hear(self) -> str:
        """The next line that is said."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def kill(self, child: int) -> None:
        """End a child without a word, and wait until it is gone."""
        os.kill(child, signal.SIGKILL)
        while (line := self.hear()) != "gone":
            assert float(line), "the forge ended"

    def close(self) -> None:
        """End the forge."""
        self._process.communicate(timeout=30)


@pytest.fixture
def forge(lake: Lake, tmp_path: Path) -> Iterator[Forge]:
    """A forge on the lake."""
    made = Forge(lake, tmp_path)
    yield made
    made.close()


def test_killed_at_any_moment(lake: Lake, forge: Forge) -> None:
    """Published is a whole number of releases, the same in all tables; the next run completes."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"kill -9: seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    child = forge.start()
    release = float(forge.hear())
    for _ in range(10):
        # The moments are spread over what a release takes on this machine, right now.
        time.sleep(rng.uniform(0, 1.5 * release))
        forge.kill(child)
        consistent(lake)
        child = forge.start()
    forge.kill(child)
    before = consistent(lake)
    assert before >= 2
    publish(lake, 1)
    assert list(lake.branches.iterdir()) == []
    assert numbers(lake) == [1]
    assert consistent(lake) == before


def consistent(lake: Lake) -> int:
    """How many releases readers see, if they are whole ones."""
    if lake.refs.head("dev") is None:
        return 0
    with lake.read("dev") as session:
        (left, right) = (
            session.rows(f"SELECT amount::INT, count(*) FROM {table.sql} GROUP BY ALL ORDER BY ALL")
            for table in (Table("raw", "left"), Table("raw", "right"))
        )
        batches = session.rows("SELECT name, count(*) FROM lake.accounts.batches GROUP BY ALL")
        more = len(numbers_in(session)) if session.exists(NUMBERS) else 0
    count = len(left)
    assert left == right == [(number, 3) for number in range(1, count + 1)]
    assert sorted(batches) == sorted((f"{number}.csv", 2) for number in range(1, count + 1))
    assert lake.refs.require("dev").number == count + more
    return count
