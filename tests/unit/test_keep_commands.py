"""Commands of the lake, as a person types them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sluicegate.catalogue import Catalogue
from sluicegate.cli.main import app, main
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.lake import Lake
from sluicegate.pipeline import retention
from tests.support import ROOT
from tests.unit.kit import publish


@pytest.fixture(autouse=True)
def project(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose lake is the one of the test, which has two generations."""
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(lake.root))
    publish(lake, 1)
    publish(lake, 2)
    return tmp_path


def typed(*arguments: str) -> str:
    """What a command prints."""
    outcome = CliRunner().invoke(app, ["lake", *arguments])
    if outcome.exception is not None:
        raise outcome.exception
    return outcome.stdout


def told(*arguments: str) -> Any:
    """What a command tells programs."""
    return json.loads(typed(*arguments, "--json"))


def test_gc_keeps_what_the_settings_say(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """First it can be asked what it would do; then it takes two looks."""
    first = lake.generations()
    assert told("gc")["removed"] == []
    monkeypatch.setenv("SLUICEGATE_LAKE__KEEP_DAYS", "0")
    (condemned,) = told("gc", "--dry-run")["condemned"]
    assert told("gc", "--dry-run", "--env", "prod")["condemned"].keys() == {condemned}
    assert "removed by a gc that comes" in typed("gc")
    monkeypatch.setenv("SLUICEGATE_LAKE__GRACE_HOURS", "0")
    assert "1 catalog and 0 data files would be removed" in typed("gc", "--dry-run")
    assert lake.generations() == first
    assert told("gc")["removed"] == [condemned]
    assert lake.generations() == [lake.refs.require("dev").generation]


def test_gc_removes_raw_files_if_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default it does not look at them; kept for less than a rollback needs, it refuses."""
    monkeypatch.setattr(retention, "load_catalogue", lambda _: Catalogue({}, {}))
    assert told("gc")["raw"] is None
    monkeypatch.setenv("SLUICEGATE_ARCHIVE__KEEP_PERSONAL_DAYS", "400")
    raw = {"files": 0, "size": 0, "needed": 0, "busy": False}
    assert told("gc", "--dry-run")["raw"] == {"dry_run": True, **raw}
    assert "0 raw files would be removed" in typed("gc", "--dry-run")
    monkeypatch.setenv("SLUICEGATE_ARCHIVE__KEEP_PERSONAL_DAYS", "3")
    with pytest.raises(ConfigurationError, match="a rollback can go back 30"):
        typed("gc")


def test_gc_that_removed_nothing_says_why(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; one by one if it is asked what it would do."""
    shown = lake.refs.require("dev").generation
    lake.start("feature/x", "dev")
    publish(lake, 3)
    lake.pins.add("2026.10", shown)
    kept = "kept: 1 shown by a ref within the last lake.keep_days, 1 pinned, 1 shown by a ref"
    assert sorted(kept[6:].split(", ")) == sorted(_line(typed("gc"), "kept: ")[6:].split(", "))
    assert "was shown by dev until 2" in typed("gc", "--dry-run")
    assert not _line(typed("gc", "--dry-run"), "kept: ")
    monkeypatch.setenv("SLUICEGATE_LAKE__KEEP_DAYS", "0")
    monkeypatch.setenv("SLUICEGATE_LAKE__GRACE_HOURS", "0")
    assert not _line(typed("gc"), "kept: ")


def _line(text: str, begin: str) -> str:
    return next((line for line in text.splitlines() if line.startswith(begin)), "")


def test_verify_lists_all_and_fails(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """People see a list and an error; programs one document; the exit code is the machine's."""
    assert "everything is whole" in typed("verify")
    assert told("verify", "dev", "--deep")["catalogs"] == [lake.refs.require("dev").generation]
    for file in lake.root.rglob("*.parquet"):
        file.unlink()
    assert "a data file is missing" in CliRunner().invoke(app, ["lake", "verify"]).stdout
    # The command line puts a hook of its own there, which must not outlive it.
    monkeypatch.setattr("sys.unraisablehook", sys.unraisablehook)
    monkeypatch.setattr("sys.argv", ["sluicegate", "lake", "verify", "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    told_once = json.loads(capsys.readouterr().out)
    assert end.value.code == told_once["exit_code"] == 4
    assert told_once["error"] == "EnvironmentFailed"
    assert told_once["message"].startswith("The lake has 2 problems: a data file is missing")
    assert told_once["where"] == told_once["problems"][0]["place"]
    assert told_once["next"] == told_once["advice"]
    problems = told_once["problems"]
    assert [problem["what"] for problem in problems] == ["a data file is missing"] * 2
    assert all(problem["place"] and problem["table"] == "raw.numbers" for problem in problems)


def test_a_ref_of_ones_own_copies_nothing(lake: Lake) -> None:
    """All that it is made of is an entry of its log, and so is its end."""
    before = {stored.key for stored in lake.store.list("")}
    assert told("branch", "feature/x", "--from", "dev")["ref"] == "feature/x"
    made = {stored.key for stored in lake.store.list("")} - before
    assert {key for key in made if not key.startswith("locks/")} == {"refs/feature/x/00000001.json"}
    assert told("show", "feature/x")["refs"] == ["dev", "feature/x"]
    assert told("delete", "feature/x")["action"] == "delete"
    assert lake.refs.names() == ["dev"]


@pytest.mark.parametrize(
    "command",
    [
        ("rollback", "dev", "--to", ""),
        ("rollback", "dev", "--env", ""),
        ("diff", "dev", "dev", "--env", ""),
        ("verify", ""),
        ("verify", "--env", ""),
    ],
)
def test_empty_names_name_nothing(lake: Lake, command: tuple[str, ...]) -> None:
    """A shell makes them of variables that are not set; nothing is chosen instead."""
    before = lake.refs.require("dev")
    with pytest.raises(UnknownName, match="called ''"):
        typed(*command)
    assert lake.refs.require("dev") == before


@pytest.mark.parametrize("command", [("branch", "staging", "--from", "dev"), ("delete", "dev")])
def test_an_environment_is_no_ref_of_ones_own(lake: Lake, command: tuple[str, ...]) -> None:
    """Runs make it and readers rely on it: it is neither branched to nor deleted."""
    with pytest.raises(ConfigurationError, match="is an environment"):
        typed(*command)
    assert lake.refs.names() == ["dev"]


def test_backup_says_how_it_is_restored(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into another place: for the lake that it was made of, there is nothing to do."""
    folder = tmp_path / "my backups"
    said = typed("backup", str(folder))
    objects = told("backup", str(folder))["objects"]
    assert f"{objects} objects" in said
    assert f"{objects} of them are new" in said
    assert (
        "SLUICEGATE_LAKE__ROOT=<an empty folder> .venv/bin/sluicegate lake restore"
        f" '{folder}'" in said
    )
    assert "Nothing to do: the lake is this backup already" in typed("restore", str(folder))
    assert told("restore", str(folder))["nothing_to_do"] is True
    for place, arguments in (("one", ()), ("two", ("--json",))):
        monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(tmp_path / place))
        said = typed("restore", str(folder), *arguments)
        assert ('"nothing_to_do": false' if arguments else "is restored") in said
    assert lake.generations() == Lake(tmp_path / "two").generations()
