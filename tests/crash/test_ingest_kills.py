"""Killed at random moments while files are taken in: the same rows as if nothing had happened.

``KILLS=200`` asks for more kills than the few that every run of the tests makes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sluicegate.lake import Lake
from tests.crash.takings import AT_ONCE
from tests.unit.kit import HEADER

ASKED = int(os.environ.get("KILLS", "0"))
KILLS = ASKED if ASKED > 50 else 8
"""A kill costs a run: where a few are asked for, they are fewer here."""
IN_A_ROW = 8
"""Kills of one run at most, before it is let through."""

LARGE = 4 * AT_ONCE + 50
PUBLISHED = {"orders": 736, "prices": 61, "returns": 42, "stock": 45}
"""Rows of each table after both days, counted by hand from what is landed below."""
REJECTED = 7

Files = list[tuple[str, str, int]]
"""Source, name and records of files."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    seconds: float
    phase: str


class Takings:
    """Has runs done, and killed, in forks of one process."""

    def __init__(self, folder: Path) -> None:
        self._out = folder / "out.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.takings"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, world: Path, kill: float | None = None) -> Ended:
        """A run that is killed after so many seconds; by default nobody does."""
        ended = Ended(**self._ask("run", world, kill=kill))
        assert ended.code in (0, *([-9] if kill else [])), "a run failed"
        return ended

    def look(self, world: Path) -> dict[str, Any]:
        """What there is once all garbage is collected."""
        assert self._ask("look", world, out=str(self._out)) == 0
        told: dict[str, Any] = json.loads(self._out.read_text())
        return told

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)

    def _ask(self, what: str, world: Path, **more: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        request = {"do": what, "world": str(world), **more}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture
def takings(tmp_path: Path) -> Iterator[Takings]:
    """Nothing was taken in yet."""
    made = Takings(tmp_path)
    yield made
    made.close()


def first_day(world: Path) -> Files:
    """What is published before anybody is killed."""
    return [
        land(world, "orders", "1.csv", [f"a{n},,{n}.00," for n in range(1, 101)]),
        land(world, "returns", "1.csv", [f"r{n},,{n}.00," for n in range(1, 41)]),
        land(world, "prices", "1.csv", [f"p{n},,{n}.00," for n in range(1, 61)]),
        land(world, "stock", "1.csv", [f"s{n},,{n}.00," for n in range(1, 51)]),
    ]


def second_day(world: Path) -> Files:
    """What is taken in by runs that are killed."""
    large = [f"b{n},2026-10-01T00:00:00Z,{n}.00," for n in range(1, LARGE + 1)]
    large[AT_ONCE : AT_ONCE + 20] = large[:20]  # copies of what an earlier part has
    large[-20:] = [f"a{n},,{n}.00," for n in range(1, 21)]  # and of the first day
    large[40:44] = ["a1,,9.00,", "c1,,-1.00,", "c2,,none,", "c3,,1.00,1.00,surplus"]
    return [
        land(world, "orders", "2.csv", large),
        land(world, "orders", "3.csv", [f"d{n},,none," for n in range(30)] + ["d99,,1.00,"]),
        land(world, "orders", "4.csv", [f"e{n},,{n}.00," for n in range(1, 31)]),
        # Names that are known with other content: what was told otherwise before is rejected, …
        land(world, "returns", "1.csv", ["r1,,7.00,", "r2,,2.00,", "r41,,1.00,"]),
        land(world, "returns", "2.csv", ["r42,,1.00,", "r42,,1.00,", "r43,,0.00,"]),
        # … corrected, by two files one after the other, …
        land(world, "prices", "1.csv", [f"p{n},,{n + 5}.00," for n in range(1, 31)]),
        land(world, "prices", "2.csv", ["p1,,1.00,", "p61,,1.00,", "p62,,-1.00,"]),
        # … or leaves.
        land(world, "stock", "2.csv", [f"s{n},,{n}.00," for n in range(11, 56)]),
    ]


def land(world: Path, source: str, name: str, lines: list[str]) -> tuple[str, str, int]:
    """A file in the landing folder."""
    file = world / "landing" / source / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    return source, name, len(lines)


def shown(world: Path) -> dict[str, int]:
    """How many rows readers see in each table, and how many are in quarantine."""
    with Lake(world / "lake").read("dev") as session:
        tables = {name: f"raw.{name}" for name in PUBLISHED} | {"": "accounts.quarantine"}
        sql = " UNION ALL ".join(f"SELECT '{n}', count(*) FROM {t}" for n, t in tables.items())
        return dict(session.rows(sql))


@dataclass(frozen=True)
class Days:
    """The second day, before it is taken in, and what it becomes when nobody is killed.

    Attributes:
        before: a world in which the first day is published, and the second has landed.
        length: seconds of the run that took it in.
        told: what there was after it.
        seen: what readers saw before it, and after it.
    """

    before: Path
    length: float
    told: dict[str, Any]
    seen: tuple[dict[str, int], dict[str, int]]

    @classmethod
    def lived(cls, takings: Takings, folder: Path) -> Days:
        """Live through both days, and see that nothing is lost."""
        before, whole = folder / "before", folder / "whole"
        files = first_day(before)
        takings.run(before)
        files += second_day(before)
        shutil.copytree(before, whole)
        length = takings.run(whole).seconds
        told = takings.look(whole)
        require_whole(told, files)
        return cls(before, length, told, (shown(before), shown(whole)))


def require_whole(told: dict[str, Any], files: Files) -> None:
    """What the run that nobody killed leaves is what the files say."""
    receipts = [tuple(receipt) for receipt in told["receipts"]]
    assert sorted((source, name, rows) for source, name, rows, *_ in receipts) == sorted(files)
    assert all(rows == sum(fates) for _, _, rows, *fates in receipts)
    assert [name for _, name, *_, held in receipts if held] == ["3.csv"]
    assert list(told["held"]["orders"]) == ["3.csv"]
    assert sum(quarantined for *_, quarantined, _, _ in receipts) == REJECTED
    assert (told["moves"], told["problems"], told["left"]) == (["publish"] * 2, [], [])


@dataclass
class Killer:
    """Kills runs at moments, shares of the length of a run, that are used up one by one."""

    takings: Takings
    days: Days
    moments: list[float]
    length: float
    ended: int = 0
    phases: Counter[str] = field(default_factory=Counter)

    def haunt(self, world: Path) -> None:
        """Kill a run that takes in the second day, again and again, and let it through at last."""
        if self._kill(world):
            # What a run takes depends on what else goes on here: moments are of the newest length.
            self.length = self.takings.run(world).seconds
        else:
            self.takings.run(world)

    def _kill(self, world: Path) -> bool:
        """Kill it until it has published; whether it has not."""
        for _ in range(min(IN_A_ROW, len(self.moments))):
            run = self.takings.run(world, kill=self.moments[-1] * self.length)
            sees = shown(world)
            assert sees in self.days.seen, f"readers see half of it: {run.phase}"
            if run.code == 0:
                self.ended, self.length = self.ended + 1, run.seconds
                assert self.ended <= 2 * KILLS, "runs are over before they are killed"
                return False
            self.phases[run.phase] += 1
            self.moments.pop()
            if sees != self.days.seen[0]:
                return False
        return True


def test_killed_while_files_are_taken_in(
    takings: Takings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed again and again, a run ends with the same rows, quarantine and accounts."""
    days = Days.lived(takings, tmp_path)
    assert days.seen[1] == {**PUBLISHED, "": REJECTED}
    seed = os.environ["TEST_SEED"]
    dice = random.Random(seed)
    # One moment in each part of the length of a run.
    moments = [(part + dice.random()) / KILLS for part in range(KILLS)]
    dice.shuffle(moments)
    killer, worlds = Killer(takings, days, moments, days.length), 0
    while killer.moments:
        world = Path(shutil.copytree(days.before, tmp_path / "world"))
        worlds += 1
        killer.haunt(world)
        assert takings.look(world) == days.told
        shutil.rmtree(world)
    phases = ", ".join(f"{phase} {count}" for phase, count in killer.phases.most_common())
    with capsys.disabled():
        sys.stdout.write(
            f"\nkilled {KILLS} times in {worlds} lakes, {killer.ended} more runs had ended before"
            f" (TEST_SEED={seed}): {phases}\n"
        )
    assert len(killer.phases) > 2
