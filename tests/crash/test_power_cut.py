"""Power cuts at every step of every writer, whatever of the unflushed the disk has by then.

What readers see is the release before or the one after, with every file, to the last byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sluicegate.lake import Archive, Lake, Table
from sluicegate.lake.backup import back_up
from sluicegate.lake.backup_lists import newest
from sluicegate.lake.branch import name_of
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import data_files
from sluicegate.lake.restore import restore
from sluicegate.lake.restoring import marked
from tests.crash.power import Power
from tests.unit.kit import publish, write

NOW = timedelta(0)
OUTCOMES = 1 + int(os.environ.get("KILLS", "0")) // 100
"""Of each power cut."""


class World:
    """A lake, backups of it, and a place to restore them to."""

    def __init__(self, folder: Path) -> None:
        self.lake = Lake(folder / "lake")
        self.saved = folder / "saved"
        self.to = folder / "to"
        self.restored = Lake(folder / "restored")

    def publish_first(self) -> None:
        """A release with a table of a schema that there was not."""
        with self.lake.branch("new", "run") as branch:
            with branch.session() as session:
                write(session, 1, table=Table("fresh", "numbers"))
            self.lake.publish(branch, run="run")


WRITERS: dict[str, Callable[[World], object]] = {
    "publish": lambda world: publish(world.lake, 4),
    "publish, first": World.publish_first,
    "rollback": lambda world: world.lake.rollback("dev"),
    "start": lambda world: world.lake.start("yours", "dev"),
    "delete": lambda world: world.lake.delete("mine"),
    "archive": lambda world: Archive(world.lake.store).keep_bytes(b"raw" * 1000),
    "collect": lambda world: collect(world.lake, keep=NOW, grace=NOW),
    "backup": lambda world: back_up(world.lake, world.to),
    "restore": lambda world: restore(world.saved, world.restored),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with something to do for everybody, and a backup of it; to be copied."""
    folder = tmp_path_factory.mktemp("original")
    world = World(folder / "world")
    world.lake.prepare()
    publish(world.lake, 1)
    publish(world.lake, 2)
    publish(world.lake, 3, ref="mine")
    for number in (7, 8, 9):
        publish(world.lake, number, ref="gone")
    world.lake.delete("gone")
    back_up(world.lake, world.saved)
    return folder / "world"


@pytest.mark.parametrize("writer", WRITERS)
def test_power_is_cut(original: Path, tmp_path: Path, writer: str) -> None:
    """Before everything that happens to the disk, and at the end."""
    world = World(Path(shutil.copytree(original, tmp_path / "world")))
    before = heads(world)
    left: list[dict[str, str]] = []

    def cut(leave: Callable[[Path], None]) -> None:
        for _ in range(OUTCOMES):
            leave(tmp_path / "left")
            found = World(tmp_path / "left")
            require_whole(found)
            left.append(heads(found))
            shutil.rmtree(tmp_path / "left")

    seed = f"{os.environ['TEST_SEED']} {writer}"
    power = Power(tmp_path / "world", cut, tmp_path / "attic", seed)
    with power.watched():
        WRITERS[writer](world)
    for _ in range(8):
        cut(power.leave)
    after = heads(world)
    assert power.cuts >= 3
    for found in left:
        for ref in before.keys() | after.keys():
            assert found.get(ref) in (before.get(ref), after.get(ref))
    # What was acknowledged is there, however little was flushed.
    assert left[-1] == after


def heads(world: World) -> dict[str, str]:
    """Where the refs of both lakes point."""
    found = {}
    for lake, mark in ((world.lake, ""), (world.restored, "restored ")):
        if marked(lake.store):
            # Its restore was cut short, and nobody may look into it.
            continue
        for ref in ("dev", "mine", "new", "yours"):
            if (head := lake.refs.head(ref)) is not None:
                found[mark + ref] = head.generation
    return found


def require_whole(world: World) -> None:
    """Whatever has a name is what its name says, and has everything that it names."""
    for lake in (world.lake, world.restored):
        if marked(lake.store):
            continue
        for name in lake.refs.names():
            lake.catalog(lake.refs.require(name).generation)
        for generation in lake.generations():
            catalog = lake.catalog(generation)
            assert name_of(catalog) == generation
            for file in data_files(catalog):
                content = lake.store.read(file.key)
                assert len(content) == file.size
                assert content.startswith(b"PAR1")
                assert content.endswith(b"PAR1")
        for stored in lake.store.list("archive/"):
            assert hashlib.sha256(lake.store.read(stored.key)).hexdigest() == Path(stored.key).name
        for place in ("refs/", "ledger/", "pins/", "condemned/", "collected/"):
            for stored in lake.store.list(place):
                json.loads(lake.store.read(stored.key))
    backup = newest(world.to)
    for key, facts in backup.objects.items() if backup else ():
        content = backup.file(key).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == facts
