"""Backup and restore: one consistent set, on another path, checked; what is damaged is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake import Folder, Lake, points, query
from sluicegate.lake.backup import back_up
from sluicegate.lake.backup_lists import backups, newest
from sluicegate.lake.collect import collect
from sluicegate.lake.diff import diff
from sluicegate.lake.restore import restore
from sluicegate.lake.show import show
from sluicegate.lake.verify import verify
from sluicegate.release import Ledger
from tests.unit.kit import numbers, publish, write


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with two environments, a history, a ledger, raw bytes and evidence; to be copied."""
    lake = Lake(tmp_path_factory.mktemp("original") / "lake")
    lake.prepare()
    publish(lake, 1)
    publish(lake, 2)
    publish(lake, 10, ref="prod")
    lake.rollback("dev")
    lake.start("feature/x", "prod")
    Ledger(lake.store, "dev").record("run started", "r1")
    lake.store.create("archive/ab/abcd", b"raw")
    lake.store.create("evidence/r0/report.json", b"{}")
    return lake


@pytest.fixture
def used(original: Lake, tmp_path: Path) -> Lake:
    """The same lake, for the test alone."""
    return Lake(Path(shutil.copytree(original.root, tmp_path / "lake")))


@pytest.fixture(scope="module")
def made(original: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup of it, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "backups"
    back_up(original, folder)
    return folder


def content(lake: Lake) -> dict[str, bytes]:
    """Everything that is kept in a lake's store."""
    prefixes = ("refs/", "catalogs/", "files/", "ledger/", "archive/", "evidence/")
    keys = [stored.key for prefix in prefixes for stored in lake.store.list(prefix)]
    return {key: lake.store.read(key) for key in keys}


def test_restored_lake_is_the_same_on_another_path(used: Lake, tmp_path: Path) -> None:
    """Every object, and what every ref and every generation shows."""
    backup = back_up(used, tmp_path / "backups")
    expected = content(used)
    shutil.move(used.root, tmp_path / "lost")
    lake = Lake(tmp_path / "else" / "where")
    restored = restore(tmp_path / "backups", lake)
    assert content(lake) == expected
    heads = {ref: lake.refs.require(ref).generation for ref in ("dev", "prod", "feature/x")}
    assert restored.heads == backup.heads == heads
    assert (numbers(lake), numbers(lake, "prod")) == ([1], [10])
    assert len(lake.generations()) == 3
    publish(lake, 3)
    assert numbers(lake) == [1, 3]


def test_later_backup_copies_what_is_new(used: Lake, tmp_path: Path) -> None:
    """Each can be restored, by its name."""
    folder = tmp_path / "backups"
    first = back_up(used, folder)
    publish(used, 5, ref="prod")
    second = back_up(used, folder)
    assert second.copied == 3, "a data file, a catalog and an entry of the log"
    assert backups(folder) == [first.name, second.name]
    for backup, expected in ((first, [10]), (second, [5, 10]), (None, [5, 10])):
        lake = Lake(tmp_path / f"restored-{backup.name if backup else 'newest'}")
        restore(folder, lake, backup.name if backup else None)
        assert numbers(lake, "prod") == expected
    with pytest.raises(UnknownName, match="no backup called"):
        restore(folder, Lake(tmp_path / "none"), "20200101")


def test_ledger_is_copied_before_the_refs(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the copied ledger calls published, the copied refs show."""
    ledger, done, calls = Ledger(used.store, "dev"), [], count()
    real = Folder.list

    def publish_meanwhile(self: Folder, prefix: str) -> object:
        found = list(real(self, prefix))
        if prefix in ("ledger/", "refs/") and next(calls) in (1, 2):
            # A run ends after the one was looked at, and another after the other. (The first
            # call only asks whether there is anything.)
            done.append(publish(used, 7))
            ledger.record("run finished", f"late-{len(done)}", generation=done[-1].generation)
        return iter(found)

    monkeypatch.setattr(Folder, "list", publish_meanwhile)
    backup = back_up(used, tmp_path / "backups")
    monkeypatch.undo()
    lake = Lake(tmp_path / "restored")
    restore(tmp_path / "backups", lake)
    shown = {move.generation for move in lake.refs.log("dev")}
    entries = Ledger(lake.store, "dev").entries()
    assert {entry["generation"] for entry in entries if "generation" in entry} <= shown
    assert backup.heads["dev"] == done[0].generation
    assert numbers(lake) == [1, 7]


@pytest.mark.parametrize("kind", ["files/", "catalogs/", "refs/", "ledger/", "archive/"])
@pytest.mark.parametrize("damage", ["flipped", "missing", "cut"])
def test_damaged_backup_shows_nothing(made: Path, tmp_path: Path, kind: str, damage: str) -> None:
    """The object is named, and no ref of the new lake points anywhere."""
    folder = Path(shutil.copytree(made, tmp_path / "backups"))
    backup = newest(folder)
    assert backup is not None
    key = next(key for key in sorted(backup.objects) if key.startswith(kind))
    file = folder / key
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.chmod(0o644)
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(raw if damage == "flipped" else raw[:-1])
    lake = Lake(tmp_path / "restored")
    with pytest.raises(EnvironmentFailed, match="damaged") as caught:
        restore(folder, lake)
    assert key in caught.value.message
    assert list(lake.store.list("refs/")) == []


def test_restore_that_was_cut_short_is_taken_up_again(used: Lake, tmp_path: Path) -> None:
    """Until then nobody sees anything."""
    folder, lake = tmp_path / "backups", Lake(tmp_path / "restored")
    backup = back_up(used, folder)
    victim = folder / max(key for key in backup.objects if key.startswith("files/"))
    victim.rename(tmp_path / "away")
    with pytest.raises(EnvironmentFailed, match="is missing"):
        restore(folder, lake)
    with pytest.raises(EnvironmentFailed, match="being restored"):
        lake.refs.all_names()
    (tmp_path / "away").rename(victim)
    assert restore(folder, lake).copied < len(backup.objects)
    assert content(lake) == content(used)


REFUSED: dict[str, Callable[[Lake], object]] = {
    "refs": lambda lake: lake.refs.names(),
    "head": lambda lake: lake.refs.head("dev"),
    "log": lambda lake: list(lake.refs.log("dev")),
    "read": numbers,
    "read a refused run": lambda lake: numbers(lake, "refused/r7"),
    "sql": lambda lake: query(lake, "dev", "SELECT 1"),
    "show": lambda lake: show(lake, "dev"),
    "diff": lambda lake: diff(lake, "dev", "prod"),
    "publish": lambda lake: publish(lake, 77),
    "publish a new ref": lambda lake: publish(lake, 77, ref="new"),
    "branch": lambda lake: lake.start("feature/y", "dev"),
    "delete": lambda lake: lake.delete("feature/x"),
    "rollback": lambda lake: lake.rollback("dev"),
    "pin": lambda lake: lake.pins.add("r9", "g1"),
    "gc": lambda lake: collect(lake, keep=timedelta(0), grace=timedelta(0)),
    "verify": lambda lake: verify(lake, keep=timedelta(days=30)),
    "backup": lambda lake: back_up(lake, lake.root.with_name("again")),
}


def test_nobody_works_in_a_lake_that_is_half_restored(used: Lake, tmp_path: Path) -> None:
    """Wherever a restore was killed: what is there is left alone until it has ended."""
    refuse(used, "r7", 666)
    expected = content(used)
    back_up(used, tmp_path / "backups")
    cuts = 0
    while (lake := cut_short(tmp_path, after=cuts)) is not None:
        before = content(lake)
        # All of them where there are refs already, else at every fourth cut.
        tried = REFUSED if cuts % 4 == 0 or "refs/dev/00000001.json" in before else {}
        for what, work in tried.items():
            with pytest.raises(EnvironmentFailed, match="being restored") as caught:
                work(Lake(lake.root))
            assert "lake restore" in str(caught.value.hint), what
        assert content(lake) == before
        restore(tmp_path / "backups", lake)
        assert content(Lake(lake.root)) == expected
        assert numbers(lake, "refused/r7") == [1, 666]
        publish(lake, 3)
        assert numbers(lake) == [1, 3]
        shutil.rmtree(lake.root)
        cuts += 1
    assert cuts > len(expected)


RESTORING = ("restore begun", "object restored", "restore before logs", "entry restored")


def cut_short(folder: Path, *, after: int) -> Lake | None:
    """Restore into a new lake until so many points were reached; None if it ends before."""
    reached, lake = count(), Lake(folder / "restored")

    def cut(point: str) -> None:
        if point in RESTORING and next(reached) == after:
            raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "hook", cut)
        try:
            restore(folder / "backups", lake)
        except ZeroDivisionError:
            return lake
    return None


def test_damaged_mark_of_a_restore_is_one(used: Lake, tmp_path: Path) -> None:
    """Nobody takes a lake for whole because a file that says the contrary was torn."""
    back_up(used, tmp_path / "backups")
    lake = cut_short(tmp_path, after=3)
    assert lake is not None
    for torn in (b"", b"{}", b"[]"):
        (lake.root / "restoring.json").write_bytes(torn)
        with pytest.raises(EnvironmentFailed, match="being restored"):
            lake.refs.head("dev")
    restore(tmp_path / "backups", lake)
    assert numbers(lake) == [1]


@pytest.mark.parametrize("refs", ["there", "gone"])
@pytest.mark.parametrize("kind", ["files/", "catalogs/", "archive/"])
@pytest.mark.parametrize("damage", ["other bytes", "cut"])
def test_restore_replaces_what_is_damaged(
    used: Lake, tmp_path: Path, kind: str, damage: str, refs: str
) -> None:
    """That a file is there says nothing of what is in it."""
    back_up(used, tmp_path / "backups")
    expected = content(used)
    victim = used.root / min(key for key in expected if key.startswith(kind))
    raw = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(raw[:-1] if damage == "cut" else raw[:-1] + bytes([raw[-1] ^ 1]))
    if refs == "gone":
        shutil.rmtree(used.root / "refs")
    lake = Lake(used.root)
    assert restore(tmp_path / "backups", lake).copied == 1 + (
        len(expected.keys() & {key for key in expected if key.startswith("refs/")})
        if refs == "gone"
        else 0
    )
    assert content(lake) == expected
    verify(lake, keep=timedelta(days=30), deep=True).require_whole()
    assert restore(tmp_path / "backups", lake).copied == 0


def test_lake_that_was_published_to_meanwhile_is_left_alone(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again once nobody can publish any more."""
    back_up(used, tmp_path / "backups")
    lake = Lake(tmp_path / "restored")
    real = Folder.prepare

    def publish_meanwhile(self: Folder) -> None:
        real(self)
        monkeypatch.undo()
        publish(lake, 99, ref="theirs")

    monkeypatch.setattr(Folder, "prepare", publish_meanwhile)
    with pytest.raises(ConfigurationError, match="empty lake only"):
        restore(tmp_path / "backups", lake)
    assert lake.refs.names() == ["theirs"]
    assert len(lake.generations()) == 1


def test_pin_of_a_name_that_another_one_had(used: Lake, tmp_path: Path) -> None:
    """Each backup has the pin that there was."""
    folder = tmp_path / "backups"
    pinned = [used.refs.require(ref).generation for ref in ("dev", "prod")]
    names = []
    for generation in pinned:
        used.pins.add("r1", generation)
        names.append(back_up(used, folder).name)
        used.pins.remove("r1")
    names.append(back_up(used, folder).name)
    for name, expected in zip(names, ([pinned[0]], [pinned[1]], []), strict=True):
        lake = Lake(tmp_path / name)
        restore(folder, lake, name)
        assert [pin.generation for pin in lake.pins.list()] == expected


def test_damaged_list_is_not_the_end_of_backups(used: Lake, tmp_path: Path) -> None:
    """It is named, an older one can be restored, and a new one be made."""
    folder = tmp_path / "backups"
    old = back_up(used, folder)
    publish(used, 3)
    bad = back_up(used, folder)
    damaged = folder / "backups" / f"{bad.name}.json"
    raw = damaged.read_text()
    damaged.chmod(0o644)
    for text in ("{", raw.replace("refs/dev/00000001", "refs/dev/00000009")):
        damaged.write_text(text)
        with pytest.raises(EnvironmentFailed, match=f"{bad.name} is damaged") as caught:
            restore(folder, Lake(tmp_path / "restored"))
        assert caught.value.hint == f"restore an older one: --name {old.name}"
    restore(folder, Lake(tmp_path / "older"), old.name)
    assert numbers(Lake(tmp_path / "older")) == [1]
    again = back_up(used, folder)
    assert again.damaged == (bad.name,)
    assert again.to_dict()["damaged"] == [bad.name]
    restore(folder, Lake(tmp_path / "restored"))
    assert numbers(Lake(tmp_path / "restored")) == [1, 3]
    assert back_up(used, folder).damaged == ()


def test_only_list_that_is_damaged(used: Lake, tmp_path: Path) -> None:
    """There is none to fall back to; the lake can be backed up again, another one cannot."""
    folder, other = tmp_path / "backups", Lake(tmp_path / "other")
    name = back_up(used, folder).name
    damaged = folder / "backups" / f"{name}.json"
    damaged.chmod(0o644)
    damaged.write_text("")
    with pytest.raises(EnvironmentFailed, match="is damaged") as caught:
        restore(folder, Lake(tmp_path / "restored"))
    assert caught.value.hint == "there is no other"
    other.prepare()
    publish(other, 99)
    with pytest.raises(ConfigurationError, match="another lake"):
        back_up(other, folder)
    assert back_up(used, folder).damaged == (name,)


@pytest.mark.parametrize("kind", ["files/", "ledger/", "refs/", "archive/"])
def test_backup_mends_what_its_folder_lost(used: Lake, tmp_path: Path, kind: str) -> None:
    """What is shorter than it was, or an entry of a log that is another, is copied again."""
    folder = tmp_path / "backups"
    first = back_up(used, folder)
    file = folder / min(key for key in first.objects if key.startswith(kind))
    raw = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(raw[:-1])
    assert back_up(used, folder).copied == 1
    assert file.read_bytes() == raw


def test_restored_lake_knows_what_was_collected(used: Lake, tmp_path: Path) -> None:
    """A rollback to it is refused for that, not as to something that was lost."""
    publish(used, 3)
    now = timedelta(0)
    gone = set(used.generations())
    collect(used, keep=now, grace=now)
    gone -= set(used.generations())
    assert gone
    back_up(used, tmp_path / "backups")
    lake = Lake(tmp_path / "restored")
    restore(tmp_path / "backups", lake)
    shown = [move.generation for move in lake.refs.log("dev")]
    target = next(generation for generation in shown if generation in gone)
    for each in (used, lake):
        with pytest.raises(UnknownName, match="was collected at"):
            each.rollback("dev", target)
    collect(lake, keep=timedelta(days=30), grace=now)
    publish(lake, 4)
    collect(lake, keep=now, grace=now)
    verify(lake, keep=now).require_whole()


def test_what_is_collected_during_a_backup_is_on_record_in_it(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is copied after the catalogs: none is missing that it does not tell of."""
    publish(used, 3)

    def collect_meanwhile(point: str) -> None:
        if point == "object backed up":
            monkeypatch.undo()
            collect(used, keep=timedelta(0), grace=timedelta(0))

    monkeypatch.setattr(points, "hook", collect_meanwhile)
    before = set(used.generations())
    back_up(used, tmp_path / "backups")
    lake = Lake(tmp_path / "restored")
    restore(tmp_path / "backups", lake)
    lost = before - set(lake.generations())
    assert lost
    assert lost <= lake.condemned.removed()


def test_entry_that_somebody_made_meanwhile_is_not_replaced(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever publishes from another machine, where no lock keeps him out, keeps his entry."""
    back_up(used, tmp_path / "backups")
    lake = Lake(tmp_path / "restored")

    def publish_meanwhile(point: str) -> None:
        if point == "restore before logs":
            monkeypatch.undo()
            # By a version that knows nothing of a mark.
            lake.store.create("refs/dev/00000001.json", b"theirs")

    monkeypatch.setattr(points, "hook", publish_meanwhile)
    with pytest.raises(ConfigurationError, match="empty lake only"):
        restore(tmp_path / "backups", lake)
    assert lake.store.read("refs/dev/00000001.json") == b"theirs"


def test_backup_without_its_list_is_none(used: Lake, tmp_path: Path) -> None:
    """One that was cut short left objects and no list: the one before it is the newest."""
    folder = tmp_path / "backups"
    first = back_up(used, folder)
    publish(used, 3)
    second = back_up(used, folder)
    (folder / "backups" / f"{second.name}.json").unlink()
    last = newest(folder)
    assert last is not None
    assert last.name == first.name
    assert back_up(used, folder).heads == second.heads


def test_places_that_are_refused(used: Lake, tmp_path: Path) -> None:
    """The lake itself, a folder of something else, another lake's backups, a lake that is there."""
    folder = tmp_path / "backups"
    back_up(used, folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    other = Lake(tmp_path / "other")
    other.prepare()
    for lake, place, says in (
        (used, used.root / "backups", "into the lake"),
        (used, tmp_path / "mine", "something else"),
        (other, tmp_path / "new", "nothing to back up"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            back_up(lake, place)
    publish(other, 99)
    with pytest.raises(ConfigurationError, match="another lake"):
        back_up(other, folder)
    with pytest.raises(ConfigurationError, match="empty lake only"):
        restore(folder, other)
    with pytest.raises(ConfigurationError, match="no backup in this folder"):
        restore(tmp_path / "mine", Lake(tmp_path / "fresh"))
    assert numbers(other) == [99]


def test_list_that_leads_out_of_its_folder_is_refused(used: Lake, tmp_path: Path) -> None:
    """A list that somebody else wrote cannot make us write where he wants."""
    folder = tmp_path / "backups"
    backup = back_up(used, folder)
    file = folder / "backups" / f"{backup.name}.json"
    content = json.loads(file.read_text())
    for key in ("files/../../x", "/etc/x", "refs//x", "else/x"):
        evil = {**content, "objects": {**content["objects"], key: [1, "00"]}}
        del evil["digest"]
        file.unlink()
        file.write_text(json.dumps(evil))
        with pytest.raises(EnvironmentFailed, match="is damaged"):
            restore(folder, Lake(tmp_path / "restored"))


def test_lost_file_stops_a_backup(used: Lake, tmp_path: Path) -> None:
    """A backup that could not be restored is not made."""
    next(iter((used.root / "files").rglob("*.parquet"))).unlink()
    with pytest.raises(EnvironmentFailed, match="has lost a file of generation"):
        back_up(used, tmp_path / "backups")
    assert backups(tmp_path / "backups") == []


def refuse(lake: Lake, run: str, *added: int) -> set[str]:
    """A run that adds numbers and is refused; the data files that only its catalog names."""
    before = {stored.key for stored in lake.store.list("files/")}
    with lake.branch("dev", run) as branch:
        with branch.session() as session:
            write(session, *added)
        branch.keep(lake.refused(run))
    return {stored.key for stored in lake.store.list("files/")} - before


def test_refused_run_is_backed_up_with_its_files(used: Lake, tmp_path: Path) -> None:
    """It can be looked at in the restored lake too, which is whole."""
    fresh = refuse(used, "r7", 666)
    backup = back_up(used, tmp_path / "backups")
    assert fresh
    assert fresh <= backup.objects.keys()
    lake = Lake(tmp_path / "restored")
    restore(tmp_path / "backups", lake)
    assert numbers(lake, "refused/r7") == [1, 666]
    verify(lake, keep=timedelta(days=30), deep=True).require_whole()


def test_catalog_of_a_refused_run_is_copied_and_restored_after_its_files(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No catalog ever names what is not there."""
    fresh, place = refuse(used, "r7", 666), "evidence/r7/catalog.db"
    lake, seen = Lake(tmp_path / "restored"), []

    def look(point: str) -> None:
        for root in (tmp_path / "backups", lake.root):
            if (root / place).exists():
                seen.append(point)
                assert all((root / key).exists() for key in fresh)

    monkeypatch.setattr(points, "hook", look)
    back_up(used, tmp_path / "backups")
    restore(tmp_path / "backups", lake)
    assert {"object backed up", "object restored"} <= set(seen)


def test_refused_run_that_is_collected_meanwhile(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report stays; nobody looks at its catalog any more."""
    fresh = refuse(used, "r7", 666)
    used.store.create("evidence/r7/report.json", b"{}")

    def collect_meanwhile(point: str) -> None:
        for key in ("evidence/r7/catalog.db", *fresh) if point == "backup begun" else ():
            used.store.remove(key)

    listed = list(used.store.list("evidence/"))
    real = Folder.list
    monkeypatch.setattr(
        Folder,
        "list",
        lambda self, prefix: iter(listed) if prefix == "evidence/" else real(self, prefix),
    )
    monkeypatch.setattr(points, "hook", collect_meanwhile)
    backup = back_up(used, tmp_path / "backups")
    assert backup.left_out == ()
    assert "evidence/r7/report.json" in backup.objects
    assert "evidence/r7/catalog.db" not in backup.objects


def test_refused_run_with_a_lost_file_is_left_out(used: Lake, tmp_path: Path) -> None:
    """What was published is backed up all the same, and it is told."""
    for key in refuse(used, "r7", 666):
        used.store.remove(key)
    backup = back_up(used, tmp_path / "backups")
    assert backup.left_out == ("refused/r7",)
    assert backup.to_dict()["left_out"] == ["refused/r7"]
    assert "evidence/r7/catalog.db" not in backup.objects
    lake = Lake(tmp_path / "restored")
    restore(tmp_path / "backups", lake)
    verify(lake, keep=timedelta(days=30)).require_whole()


def test_object_is_copied_and_counted_once(used: Lake, tmp_path: Path) -> None:
    """However many catalogs name it; what is new is never more than what there is."""
    publish(used, 3)
    first = back_up(used, tmp_path / "backups")
    assert first.copied == len(first.objects)
    assert back_up(used, tmp_path / "backups").copied == 0
