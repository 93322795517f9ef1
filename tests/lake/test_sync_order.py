"""The order in which things reach the disk, writer by writer, and a disk that fails at each step.

What names something comes after what it names, and removing goes the other way round.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from sluicegate.errors import SluicegateError
from sluicegate.lake import Archive, Lake
from sluicegate.lake.backup import back_up
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import data_files
from sluicegate.lake.restore import restore
from sluicegate.release import Ledger
from tests.unit.disk import Disk, Step
from tests.unit.kit import publish, write

NOW = timedelta(0)


def watch(lake: Lake, work: Callable[[], object], *roots: Path) -> Disk:
    """What reaches the disk during a piece of work."""
    disk = Disk(lake.root, *roots)
    with disk.watched():
        work()
    return disk


def entry(place: str) -> list[Step]:
    """How one entry of a log, or another small object, is made."""
    return [("fsync", "draft"), ("link", place), ("fsync", f"{place} folder")]


def moved(lake: Lake) -> None:
    """Two releases, and a ref of one's own."""
    publish(lake, 1)
    publish(lake, 2)
    lake.start("mine", "dev")


def test_publish(lake: Lake) -> None:
    """Data, their folders up to the first, the catalog, and at last the ref."""
    lake.start("dev", publish(lake, 1, ref="other").generation)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        disk = watch(lake, lambda: lake.publish(branch, run="run"))
    assert disk.steps == [
        ("fsync", "files/raw/numbers"),
        ("fsync", "files/raw/numbers folder"),
        ("fsync", "files/raw folder"),
        ("fsync", "files folder"),
        ("fsync", "branches/run"),
        ("replace", "catalogs"),
        ("fsync", "catalogs folder"),
        *entry("refs/dev"),
    ]


def test_refs(lake: Lake) -> None:
    """A move is one entry; a new ref has its folder made durable before."""
    moved(lake)
    assert watch(lake, lambda: lake.rollback("dev")).steps == entry("refs/dev")
    assert watch(lake, lambda: lake.delete("mine")).steps == entry("refs/mine")
    made = watch(lake, lambda: lake.start("yours", "dev")).steps
    assert made == [("fsync", "refs folder"), *entry("refs/yours")]


def test_ledger_and_pins(lake: Lake) -> None:
    """What is on record is durable before anybody goes on."""
    moved(lake)
    ledger = Ledger(lake.store, "dev")
    ledger.record("run started", "r0")
    assert watch(lake, lambda: ledger.record("run finished", "r0")).steps == entry("ledger/dev")
    head = lake.refs.require("dev").generation
    lake.pins.add("r1", head)
    assert watch(lake, lambda: lake.pins.add("r2", head)).steps == entry("pins/releases")


def test_archive(lake: Lake) -> None:
    """Raw bytes are durable under their name before they are read."""
    archive = Archive(lake.store)
    archive.keep_bytes(b"first")
    steps = watch(lake, lambda: archive.keep_bytes(b"second")).steps
    place = next(name for kind, name in steps if kind == "replace")
    assert steps == [
        ("fsync", "draft"),
        ("fsync", "archive folder"),
        ("replace", place),
        ("fsync", f"{place} folder"),
    ]


def test_collecting(lake: Lake) -> None:
    """Condemned and on record first; catalogs go before files, and durably."""
    moved(lake)
    publish(lake, 3, ref="mine")
    lake.delete("mine")
    steps = watch(lake, lambda: collect(lake, keep=NOW, grace=NOW)).summary
    wanted = [
        ("link", "condemned"),
        ("fsync", "condemned folder"),
        ("link", "collected"),
        ("fsync", "collected folder"),
        ("unlink", "catalogs"),
        ("fsync", "catalogs folder"),
        ("unlink", "condemned"),
        ("unlink", "files/raw/numbers"),
    ]
    assert list(dict.fromkeys(step for step in steps if step in wanted)) == wanted


def test_backup(lake: Lake, tmp_path: Path) -> None:
    """A catalog is durable after its data files, and the list after everything."""
    publish(lake, 1)
    Archive(lake.store).keep_bytes(b"raw")
    disk = watch(lake, lambda: back_up(lake, tmp_path / "to"), tmp_path / "to")
    assert disk.steps[-3:] == entry("backups")
    data = "files/raw/numbers"
    assert disk.before(("fsync", f"{data} folder"), ("replace", "catalogs"))
    for place in ("refs/dev", data, "catalogs"):
        assert disk.before(("replace", place), ("fsync", f"{place} folder"))
        assert disk.before(("fsync", f"{place} folder"), ("link", "backups"))
    assert names_what_is_durable(disk)


def test_restore(lake: Lake, tmp_path: Path) -> None:
    """Files before catalogs, and everything before the refs."""
    moved(lake)
    lake.pins.add("r1", lake.refs.require("dev").generation)
    back_up(lake, tmp_path / "to")
    other = Lake(tmp_path / "other")
    disk = watch(other, lambda: restore(tmp_path / "to", other))
    data = "files/raw/numbers"
    assert disk.before(("fsync", f"{data} folder"), ("replace", "catalogs"))
    for place in ("catalogs", "pins/releases"):
        for ref in ("refs/dev", "refs/mine"):
            assert disk.before(("fsync", f"{place} folder"), ("link", ref))
    assert not {("replace", "refs/dev"), ("replace", "refs/mine")} & set(disk.steps)
    assert names_what_is_durable(disk)
    # That it has begun is durable before anything is there, and that it has ended at the end.
    marks = [place for place, step in enumerate(disk.steps) if step == ("link", ".")]
    assert disk.steps[marks[0] + 1] == ("fsync", ". folder")
    assert marks[0] < disk.steps.index(("replace", data))
    assert disk.steps[-2:] == [("unlink", "."), ("fsync", ". folder")]


def names_what_is_durable(disk: Disk) -> bool:
    """Whether every name was given to a file whose content had been flushed just before."""
    named = [place for place, (kind, _) in enumerate(disk.steps) if kind in ("link", "replace")]
    return bool(named) and all(
        ("fsync", "draft") in disk.steps[max(0, place - 4) : place] for place in named
    )


WRITERS: dict[str, Callable[[Lake, Path], object]] = {
    "rollback": lambda lake, _: lake.rollback("dev"),
    "start": lambda lake, _: lake.start("yours", "dev"),
    "delete": lambda lake, _: lake.delete("mine"),
    "pin": lambda lake, _: lake.pins.add("r1", lake.refs.require("dev").generation),
    "archive": lambda lake, _: Archive(lake.store).keep_bytes(b"raw"),
    "ledger": lambda lake, _: Ledger(lake.store, "dev").record("run started", "r0"),
    "collect": lambda lake, _: collect(lake, keep=NOW, grace=NOW),
    "backup": lambda lake, folder: back_up(lake, folder / "to"),
    "restore": lambda lake, folder: restore(folder / "saved", Lake(folder / "restored")),
}


DONE = {
    "rollback": "shows its first generation",
    "start": "There is a ref called 'yours' already",
    "delete": "no ref called 'mine'",
}
"""What is said of what is done already; the others can be done again and again."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with something to do for everybody, and a backup of it; to be copied."""
    folder = tmp_path_factory.mktemp("original")
    lake = Lake(folder / "lake")
    lake.prepare()
    publish(lake, 1)
    publish(lake, 2)
    publish(lake, 3, ref="mine")
    back_up(lake, folder / "saved")
    return folder


@pytest.mark.parametrize("writer", WRITERS)
def test_disk_that_fails_at_each_step(original: Path, tmp_path: Path, writer: str) -> None:
    """The machine is blamed, readers see the release before or after, and it can be done again."""
    failed, fail_at = True, 0
    while failed:
        folder = Path(shutil.copytree(original, tmp_path / str(fail_at)))
        lake = Lake(folder / "lake")
        history = [move.generation for move in lake.refs.log("dev")]
        disk = Disk(lake.root, folder / "to", folder / "restored")
        disk.fail_at = fail_at
        work = partial(WRITERS[writer], lake, folder)
        with disk.watched():
            told = attempt(work)
        failed = disk.steps[-1][0] == "failed"
        assert ("Input/output error" in told) == failed
        shown = lake.refs.require("dev").generation
        assert shown in (history if writer == "rollback" else history[:1])
        assert all(lake.store.exists(file.key) for file in data_files(lake.catalog(shown)))
        # Of what was done although the disk failed at the last moment, it is said that it is.
        again = attempt(work)
        assert not again or not failed or DONE.get(writer, "?") in again
        fail_at += 1
    assert fail_at > 3


def attempt(work: Callable[[], object]) -> str:
    """What the user is told; empty if all is well."""
    try:
        work()
    except SluicegateError as error:
        return str(error)
    return ""


def test_evidence(lake: Lake) -> None:
    """What a refused run leaves is durable, its data before the catalog that names them."""
    publish(lake, 1)
    with lake.branch("dev", "refused") as branch:
        with branch.session() as session:
            write(session, 2)
        disk = watch(lake, lambda: branch.keep(lake.refused("refused")))
    made = [("fsync", ". folder"), ("fsync", "evidence folder")]
    assert [step for step in disk.steps if step not in made] == [
        ("fsync", "files/raw/numbers"),
        ("fsync", "files/raw/numbers folder"),
        ("fsync", "files/raw folder"),
        ("fsync", "files folder"),
        ("fsync", "branches/refused"),
        ("replace", "evidence/refused"),
        ("fsync", "evidence/refused folder"),
    ]
