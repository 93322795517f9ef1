"""Killed at every crash point: readers see the release before or after it, and work goes on."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sluicegate
from sluicegate.errors import Bug
from sluicegate.lake import points
from sluicegate.lake.points import POINTS, reached
from tests.crash.scenario import ACTS

KILLS = int(os.environ.get("KILLS", "0"))
"""How thorough to be: if set, work goes on to the end of the scenario, not of the act alone."""


class Stage:
    """Plays the scenario: once to its end, and as often as it takes until it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.scenario"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        code, self.told = self.ask("record", folder / "world")
        assert code == 0

    def ask(self, what: str, world: Path, **more: Any) -> tuple[int, Any]:
        """Have a fork do something; its exit code, and what it told."""
        out = self._folder / "out.json"
        out.unlink(missing_ok=True)
        assert self._process.stdin
        assert self._process.stdout
        request = {"do": what, "world": str(world), "out": str(out), **more}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())
        return code, json.loads(out.read_text()) if out.exists() else None

    def times(self, point: str) -> list[int]:
        """Places at which a point is reached in the whole scenario."""
        return [place for place, (_, name) in enumerate(self.told["reached"]) if name == point]

    def kill_at(self, place: int) -> None:
        """Kill at a place, and see that nothing is lost, nothing half done, and work goes on."""
        act, point = self.told["reached"][place]
        earlier = self.told["reached"][: place + 1]
        number = earlier.count([act, point])
        before = self._folder / f"before-{act}"
        world = Path(shutil.copytree(before, self._folder / f"{act}-{place}"))
        code, _ = self.ask("die", world, act=act, point=[point, number])
        assert code == -9, f"{point} was not reached for the {number}. time in {act}"
        names = list(ACTS)
        rest = names[names.index(act) :] if KILLS else [act]
        code, told = self.ask("go on", world, acts=rest)
        assert code == 0, f"{act} cannot go on"
        shown, moves = self.told["shown"], self.told["moves"][place]
        assert told["then"] in shown[moves : moves + 2]
        assert told["problems"] == []
        assert told["shown"] == shown[self.told["ends"][rest[-1]]]
        assert told["still"] == []
        assert told["left"] == []
        shutil.rmtree(world)

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where the scenario is played."""
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


@pytest.mark.parametrize("point", sorted(POINTS))
def test_killed_at(stage: Stage, point: str) -> None:
    """At its first time and at a later one."""
    first, *later = stage.times(point) or [None]
    assert first is not None, f"the scenario never reaches {point!r}"
    rng = random.Random(f"{os.environ['TEST_SEED']} {point}")
    chosen = [first, *rng.sample(later, min(len(later), max(1, KILLS // 250)))]
    for place in chosen:
        stage.kill_at(place)


def test_point_that_there_is_not_is_a_bug() -> None:
    """A name that is misspelt is noticed by whoever comes there first."""
    with pytest.raises(Bug, match="no crash point called 'ref mvoed'"):
        reached("ref mvoed")


def test_points_are_named_in_the_code() -> None:
    """Every point is where somebody says so, every name that is said is a point."""
    said = set()
    for file in Path(sluicegate.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reached":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{file}:{node.lineno}"
                said.add(name.value)
    assert said == POINTS


def test_nothing_happens_at_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless somebody puts a hook in, who is told the name."""
    assert reached("ref moved") is None  # type: ignore[func-returns-value]
    seen: list[str] = []
    monkeypatch.setattr(points, "hook", seen.append)
    reached("ref moved")
    assert seen == ["ref moved"]
