"""Backup and restore: one consistent set, on another path, checked; what is damaged is named."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake import Folder, Lake, points
from sluicegate.lake.backup import back_up, backups, newest
from sluicegate.lake.restore import restore
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
    assert lake.refs.all_names() == []


def test_restore_that_was_cut_short_is_taken_up_again(used: Lake, tmp_path: Path) -> None:
    """Until then nobody sees anything."""
    folder, lake = tmp_path / "backups", Lake(tmp_path / "restored")
    backup = back_up(used, folder)
    victim = folder / max(key for key in backup.objects if key.startswith("ledger/"))
    victim.rename(tmp_path / "away")
    with pytest.raises(EnvironmentFailed):
        restore(folder, lake)
    assert lake.refs.all_names() == []
    (tmp_path / "away").rename(victim)
    assert restore(folder, lake).copied < len(backup.objects)
    assert content(lake) == content(used)


def test_restore_cut_short_among_the_refs(used: Lake, tmp_path: Path) -> None:
    """A ref shows what it showed when the backup was made, or nothing; never its past."""
    back_up(used, tmp_path / "backups")
    heads = {ref: used.refs.require(ref).generation for ref in used.refs.names()}
    lake, cuts = Lake(tmp_path / "restored"), 0
    while cut_short(tmp_path / "backups", lake, after=cuts):
        cuts += 1
        for ref, generation in heads.items():
            head = lake.refs.head(ref)
            assert head is None or head.generation == generation
    assert cuts > len(heads)
    assert content(lake) == content(used)


def cut_short(folder: Path, lake: Lake, *, after: int) -> bool:
    """Restore, but for what comes after so many entries of refs; whether anything does."""
    entries = count()

    def cut(point: str) -> None:
        if point == "ref restored" and next(entries) == after:
            raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "hook", cut)
        try:
            restore(folder, lake)
        except ZeroDivisionError:
            return True
    return False


def test_entry_that_somebody_made_meanwhile_is_not_replaced(
    used: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever publishes from another machine, where no lock keeps him out, keeps his entry."""
    back_up(used, tmp_path / "backups")
    lake = Lake(tmp_path / "restored")

    def publish_meanwhile(point: str) -> None:
        if point == "restore before refs":
            monkeypatch.undo()
            lake.refs.move("dev", None, "g-theirs", action="publish")

    monkeypatch.setattr(points, "hook", publish_meanwhile)
    with pytest.raises(ConfigurationError, match="empty lake only"):
        restore(tmp_path / "backups", lake)
    assert list(lake.refs.log("dev"))[-1].generation == "g-theirs"


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
        file.unlink()
        file.write_text(json.dumps(evil))
        with pytest.raises(EnvironmentFailed, match="cannot be read"):
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
