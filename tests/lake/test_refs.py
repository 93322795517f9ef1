"""Refs and the log under them: compare-and-swap, numbers without gaps, nothing rewritten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain, pairwise
from pathlib import Path
from threading import Barrier

import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed, RefMoved, UnknownName
from sluicegate.lake import Folder, Lake, Move, Refs
from sluicegate.lake.collect import collect
from sluicegate.lake.log import Log
from sluicegate.refnames import LONGEST
from tests.unit.kit import publish, settings_of


@pytest.fixture
def refs(tmp_path: Path) -> Refs:
    """Refs that point nowhere."""
    return Refs(Folder(tmp_path))


def test_ref_points_where_its_newest_move_says(refs: Refs) -> None:
    """The log is kept, newest first, with where each move came from."""
    first = refs.move("dev", None, "g1", action="publish", run="r1")
    second = refs.move("dev", first, "g2", action="publish", run="r2")
    assert refs.head("dev") == second
    assert list(refs.log("dev")) == [second, first]
    assert (first.number, first.previous, second.number, second.previous) == (1, None, 2, "g1")
    assert refs.names() == ["dev"]


def test_of_two_movers_one_wins(refs: Refs) -> None:
    """Who started from a head that is gone learns so, and changes nothing."""
    first = refs.move("dev", None, "g1", action="publish")
    winner = refs.move("dev", first, "g2", action="publish")
    for seen in (first, None):
        with pytest.raises(RefMoved, match="moved by somebody else") as caught:
            refs.move("dev", seen, "g3", action="publish")
        assert "dev is at entry 2" in str(caught.value.where)
    assert refs.head("dev") == winner


def test_threads_that_move_a_ref_together(refs: Refs) -> None:
    """Of eight movers that saw the same head, exactly one wins, time and again."""
    barrier = Barrier(8)

    def move(mover: int) -> int:
        won = 0
        for turn in range(10):
            seen = refs.head("dev")
            barrier.wait(10)
            try:
                refs.move("dev", seen, f"g{turn}-{mover}", action="publish")
                won += 1
            except RefMoved:
                pass
            barrier.wait(10)
        return won

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(move, range(8))) == 10
    assert [move.number for move in refs.log("dev")] == list(range(10, 0, -1))


MOVER = """
import sys
from pathlib import Path
from sluicegate.errors import RefMoved
from sluicegate.lake import Folder, Refs
refs, won = Refs(Folder(Path(sys.argv[1]))), []
print("ready", flush=True)
sys.stdin.readline()
while len(won) < 20:
    try:
        head = refs.head("dev")
        won.append(refs.move("dev", head, f"g{sys.argv[2]}-{len(won)}", action="publish").number)
    except RefMoved:
        pass
print(*won)
"""


def test_processes_that_move_a_ref_together(refs: Refs, tmp_path: Path) -> None:
    """Every number is won by one process, none is lost, and each move starts from the last."""
    movers = [
        subprocess.Popen(
            [sys.executable, "-c", MOVER, str(tmp_path), str(mover)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mover in range(3)
    ]
    assert [mover.stdout.readline() for mover in movers if mover.stdout] == ["ready\n"] * 3
    won = [[int(number) for number in mover.communicate("go\n", 60)[0].split()] for mover in movers]
    assert [len(numbers) for numbers in won] == [20, 20, 20]
    moves = list(refs.log("dev"))
    assert sorted(chain.from_iterable(won)) == list(range(1, 61))
    assert [move.number for move in moves] == list(range(60, 0, -1))
    for later, earlier in pairwise(moves):
        assert later.previous == earlier.generation
    for mover, numbers in enumerate(won):
        owners = {move.number: move.generation for move in moves}
        assert all(owners[number].startswith(f"g{mover}-") for number in numbers)


@pytest.mark.parametrize("name", ["", "Dev", "../dev", "/dev", "dev/", "a//b", ".dev", "d ev", "ä"])
def test_name_that_no_ref_can_have(refs: Refs, name: str) -> None:
    """A name is a place below the refs, and nothing else."""
    with pytest.raises(ConfigurationError, match="cannot be the name of a ref"):
        refs.head(name)


def test_refs_of_pull_requests_and_runs(refs: Refs) -> None:
    """Names have parts; a ref and one below it do not disturb each other."""
    for name in ("dev", "dev/sub", "pr/12", "run/20261030-1800"):
        refs.move(name, None, f"g-{name}", action="publish")
    assert refs.names() == ["dev", "dev/sub", "pr/12", "run/20261030-1800"]
    head = refs.head("dev")
    assert isinstance(head, Move)
    assert head.generation == "g-dev"


def test_unknown_ref_is_told_with_near_names(refs: Refs) -> None:
    """Asking is no error; needing it is."""
    assert refs.head("prod") is None
    with pytest.raises(UnknownName, match="no ref called 'prod'") as caught:
        refs.require("prod")
    assert caught.value.hint == "there is no ref yet"
    refs.move("production", None, "g1", action="publish")
    with pytest.raises(UnknownName) as caught:
        refs.require("prod")
    assert caught.value.hint == "did you mean 'production'?"


def test_log_numbers_from_one(tmp_path: Path) -> None:
    """Numbers have no gaps, entries come back in order, past ten and a hundred too."""
    log = Log(Folder(tmp_path), "log")
    assert log.last() == 0
    assert [log.append({"n": n}) for n in range(1, 121)] == list(range(1, 121))
    assert [(number, entry["n"]) for number, entry in log.entries()] == [
        (n, n) for n in range(1, 121)
    ]
    assert next(log.entries(newest_first=True))[0] == log.last() == 120


def test_log_entry_is_never_rewritten(tmp_path: Path) -> None:
    """A place that is taken stays as it is; drafts and strangers are no entries."""
    log = Log(Folder(tmp_path), "log")
    assert log.append_after(0, {"mine": True})
    assert not log.append_after(0, {"mine": False})
    assert log.read(1) == {"mine": True}
    (tmp_path / "log" / ".00000002.json.draft").write_text("{")
    (tmp_path / "log" / "notes.json").write_text("[]")
    assert log.last() == 1
    assert sorted(file.name for file in (tmp_path / "log").glob("0*")) == ["00000001.json"]


def test_deleted_ref_is_gone_and_its_log_stays(refs: Refs) -> None:
    """It points nowhere and may be made again; who still sees it cannot move it."""
    first = refs.move("feature/x", None, "g1", action="branch")
    gone = refs.delete(first)
    assert (gone.action, gone.generation, gone.number) == ("delete", "g1", 2)
    assert refs.head("feature/x") is None
    assert refs.names() == []
    assert refs.all_names() == ["feature/x"]
    for late in (
        lambda: refs.move("feature/x", first, "g2", action="publish"),
        lambda: refs.delete(first),
    ):
        with pytest.raises(RefMoved):
            late()
    again = refs.move("feature/x", None, "g3", action="branch")
    assert (again.number, again.previous) == (3, None)
    assert [move.action for move in refs.log("feature/x")] == ["branch", "delete", "branch"]


def test_ref_that_exists_is_not_made_again(refs: Refs) -> None:
    """Who thinks that a ref is new learns that it is not, whatever its number is."""
    refs.delete(refs.move("x", None, "g1", action="branch"))
    refs.move("x", None, "g2", action="branch")
    with pytest.raises(RefMoved):
        refs.move("x", None, "g3", action="branch")
    assert refs.require("x").generation == "g2"


def test_longest_name(refs: Refs) -> None:
    """A longer one is told as what it is, whether it is made or looked for."""
    assert refs.move("x" * LONGEST, None, "g1", action="branch").number == 1
    for name in ("x" * (LONGEST + 1), "feature/" + "x" * 300):
        with pytest.raises(ConfigurationError, match="cannot be the name of a ref") as caught:
            refs.move(name, None, "g1", action="branch")
        assert f"it has {len(name)} letters" in str(caught.value.hint)
    with pytest.raises(ConfigurationError, match="cannot be the name of a ref"):
        refs.head("x" * 300)
    # One that was made before there was a limit is still there.
    assert refs.head("x" * 200) is None


@pytest.mark.parametrize(("name", "near"), [("Dev", "'dev'"), ("DEV", "'dev'"), ("d ev", "'dev'")])
def test_near_names_of_what_is_none(refs: Refs, name: str, near: str) -> None:
    """Whoever mistypes a name learns which one he may have meant."""
    refs.move("dev", None, "g1", action="publish")
    with pytest.raises(ConfigurationError, match="cannot be the name of a ref") as caught:
        list(refs.log(name))
    assert str(caught.value.hint).startswith(f"did you mean {near}?")


@pytest.mark.parametrize("root", ["file", "file/below"])
def test_lake_that_is_a_file(tmp_path: Path, root: str) -> None:
    """It is told before anybody stumbles over it."""
    (tmp_path / "file").write_text("no lake")
    settings = settings_of(tmp_path)
    lake = settings.lake.model_copy(update={"root": tmp_path / root})
    with pytest.raises(EnvironmentFailed, match="there is a file") as caught:
        Lake.of(settings.model_copy(update={"lake": lake}))
    assert caught.value.where == str(tmp_path / "file")
    assert "SLUICEGATE_LAKE__ROOT" in str(caught.value.hint)
    (tmp_path / "link").symlink_to(tmp_path)
    lake = settings.lake.model_copy(update={"root": tmp_path / "link" / "new"})
    Lake.of(settings.model_copy(update={"lake": lake}))


TORN = ("{", "[]", "{}", '{"generation": 1}', "\xff", "")


@pytest.mark.parametrize("content", TORN)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_entry_that_is_damaged(tmp_path: Path, number: int, content: str) -> None:
    """Every command that needs it names it, and what to do; nothing is removed."""
    lake = Lake(tmp_path / "lake")
    for n in range(3):
        publish(lake, n)
    entry = lake.root / "refs" / "dev" / f"{number:08d}.json"
    entry.write_text(content, encoding="latin-1")
    commands: list[Callable[[], object]] = [
        lambda: list(lake.refs.log("dev")),
        lambda: lake.rollback("dev", "g000000000000"),
        lambda: collect(lake, keep=timedelta(0), grace=timedelta(0)),
    ]
    for command in commands:
        with pytest.raises(EnvironmentFailed, match=f"Entry {number} of refs/dev") as caught:
            command()
        assert caught.value.where == str(entry)
        assert "sluicegate lake verify" in str(caught.value.hint)
    assert len(lake.generations()) == 3


@pytest.mark.parametrize("name", ["²².json", "٣.json", "00000²02.json", "4.json", "00000000.json"])
def test_names_that_are_no_numbers(tmp_path: Path, name: str) -> None:
    """Python takes some of them for digits; none is an entry."""
    log = Log(Folder(tmp_path), "log")
    log.append({"n": 1})
    (tmp_path / "log" / name).write_text("{}")
    assert (log.last(), [number for number, _ in log.entries()]) == (1, [1])
    assert Log(Folder(tmp_path), "log").last() == 1
