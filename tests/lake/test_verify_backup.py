"""Verifying a folder of backups: what has rotted there is named before it is needed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import Lake
from sluicegate.lake.backup import back_up
from sluicegate.lake.backup_lists import digest_of
from sluicegate.lake.inventory import DataFile, data_files
from sluicegate.lake.restore import restore
from sluicegate.lake.verify import verify
from sluicegate.lake.verify_backup import verify_backups
from tests.lake.test_verify import MONTH, flipped, rewrite
from tests.unit.kit import numbers, publish

KINDS = ("files/", "catalogs/", "refs/", "pins/", "archive/")


@pytest.fixture
def folder(lake: Lake, tmp_path: Path) -> Path:
    """A folder with two backups of a lake that has one of everything."""
    lake.pins.add("2026.10", publish(lake, 1).generation)
    lake.store.create("archive/ab/abcd", b"raw")
    back_up(lake, tmp_path / "backups")
    publish(lake, 2)
    back_up(lake, tmp_path / "backups")
    return tmp_path / "backups"


def damage(file: Path) -> None:
    """Flip one bit in the middle."""
    rewrite(file, flipped(file.read_bytes(), file.stat().st_size // 2))


def names(folder: Path) -> tuple[str, ...]:
    """Its backups, oldest first."""
    return tuple(sorted(file.stem for file in (folder / "backups").iterdir()))


def test_whole_folder_passes(folder: Path) -> None:
    """It tells what it read, and changes nothing."""
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    found = verify_backups(folder)
    found.require_whole()
    assert (found.problems, found.advice, found.backups) == ([], None, list(names(folder)))
    read = [content for file, content in before.items() if file.parent.name != "backups"]
    assert (found.objects, found.size) == (len(read), sum(map(len, read)))
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bit_is_named(lake: Lake, folder: Path, kind: str) -> None:
    """With every backup that cannot be restored for it; a backup after that can."""
    file = min(file for file in (folder / kind).rglob("*") if file.is_file())
    shared = [name for name in names(folder) if file.name in _listed(folder, name)]
    damage(file)
    (problem,) = verify_backups(folder).problems
    assert problem.what == "an object is not what was backed up"
    assert (list(problem.catalogs), problem.place) == (shared, str(file))
    file.unlink()
    (problem,) = verify_backups(folder).problems
    assert problem.what == "an object is missing"
    back_up(lake, folder)
    assert verify_backups(folder).problems == []


def _listed(folder: Path, name: str) -> str:
    text = (folder / "backups" / f"{name}.json").read_text()
    # A pin's file has the beginning of its digest too.
    return text + " ".join(
        f"2026.10.json.{d[:16]}" for _, d in json.loads(text)["objects"].values()
    )


def test_damaged_list_is_named(folder: Path) -> None:
    """And what the other lists name is read all the same."""
    rewrite(folder / "backups" / f"{names(folder)[1]}.json", b"{")
    damage(min((folder / "files").rglob("*.parquet")))
    found = verify_backups(folder).problems
    assert found[0].what == f"The list of the backup {names(folder)[1]} is damaged"
    assert [problem.catalogs for problem in found] == [(name,) for name in names(folder)[::-1]]


def test_command(folder: Path) -> None:
    """People see a table, programs a document; damage fails, and so does what makes no sense."""
    command = ["lake", "verify", "--backup", str(folder)]
    run = CliRunner().invoke
    assert "every backup can be restored" in run(app, command).stdout
    assert json.loads(run(app, [*command, "--json"]).stdout)["backups"] == list(names(folder))
    assert isinstance(run(app, [*command, "dev"]).exception, ConfigurationError)
    assert isinstance(run(app, [*command[:-1], str(folder / "no")]).exception, ConfigurationError)
    damage(min((folder / "files").rglob("*.parquet")))
    outcome = run(app, command)
    assert isinstance(outcome.exception, EnvironmentFailed)
    assert outcome.exception.message.startswith("2 of 2 backups cannot be restored: an object is")
    assert "not what was" in outcome.stdout
    assert run(app, [*command, "--json"]).stdout == ""


@pytest.mark.parametrize("kind", ["files/", "catalogs/"])
def test_what_has_rotted_in_the_lake_is_not_backed_up(
    lake: Lake, tmp_path: Path, kind: str
) -> None:
    """It is named, and no backup says that it is whole; one from before still is."""
    publish(lake, 1)
    folder = tmp_path / "backups"
    back_up(lake, folder)
    move = publish(lake, 2)
    known = {file.name for file in (folder / kind).rglob("*")}
    (file,) = [file for file in (lake.root / kind).rglob("*.*") if file.name not in known]
    content = file.read_bytes()
    # Of a catalog in the header, where SQLite does not look.
    rewrite(file, flipped(content, len(content) // 2 if kind == "files/" else 95))
    with pytest.raises(EnvironmentFailed, match="is not what was published") as caught:
        back_up(lake, folder)
    assert caught.value.where == str(file)
    assert (len(names(folder)), verify_backups(folder).problems) == (1, [])
    rewrite(file, content)
    assert back_up(lake, folder).heads == {"dev": move.generation}


def test_list_that_vouches_for_damage_is_not_believed(lake: Lake, tmp_path: Path) -> None:
    """What was backed up damaged, by a version that did not look, is copied again once mended."""
    publish(lake, 1)
    folder, restored = tmp_path / "backups", Lake(tmp_path / "restored")
    made = back_up(lake, folder)
    (key,) = (key for key in made.objects if key.startswith("files/"))
    damage(folder / key)
    # As that version would have listed it.
    raw = (folder / key).read_bytes()
    listing = folder / "backups" / f"{made.name}.json"
    content = json.loads(listing.read_text())
    content["objects"][key] = [len(raw), hashlib.sha256(raw).hexdigest()]
    content["digest"] = digest_of(content["heads"], content["objects"])
    rewrite(listing, json.dumps(content).encode())
    assert back_up(lake, folder).copied == 1
    restore(folder, restored)
    assert numbers(restored) == [1]
    assert verify(restored, keep=MONTH, deep=True).problems == []


@pytest.mark.parametrize("which", ["generation", "refused run"])
def test_catalog_that_vanishes_while_it_is_looked_into(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """A collector took it between two looks: nobody can go back to it, and the backup goes on."""
    key = f"catalogs/{publish(lake, 1).generation}.db"
    publish(lake, 2)
    if which == "refused run":
        key = lake.refused("r7")
        with lake.branch("dev", "r7") as branch:
            branch.keep(key)

    def look(catalog: Path) -> list[DataFile]:
        if catalog == lake.root / key:
            catalog.unlink()
        return data_files(catalog)

    monkeypatch.setattr("sluicegate.lake.backup.data_files", look)
    made = back_up(lake, tmp_path / "backups")
    assert key not in made.objects
    assert made.left_out == ()
    assert verify_backups(made.folder).problems == []
