"""A ref of one's own: what it may be called, who may publish to it, and what a typed name means."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sluicegate
from sluicegate.cli.main import app
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.lake import Lake
from sluicegate.pipeline import Platform, Run
from sluicegate.settings import load_settings
from tests.support import ROOT
from tests.unit.kit import publish

REF = "SLUICEGATE_LAKE__REF"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose lake has ``dev`` with two generations, and a branch of the first."""
    for folder in ("deployments", "contracts", "dbt_project"):
        ignored = shutil.ignore_patterns("target", "logs")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(lake.root))
    first = publish(lake, 1)
    publish(lake, 2)
    lake.start("feature/fees", first.generation)
    return tmp_path


def told(*arguments: str) -> Any:
    """What a command of the lake tells programs."""
    outcome = CliRunner().invoke(app, ["lake", *arguments, "--json"])
    if outcome.exception is not None:
        raise outcome.exception
    return json.loads(outcome.stdout)


@pytest.mark.parametrize(
    "name",
    [
        "g0123456789ab",
        "refused/run-7",
        "dev/00000005.json",
        "dev.lock/x",
        "Fees",
        "a//b",
        "../x",
        "é",
        "",
    ],
)
def test_what_looks_like_something_else_is_no_name(
    name: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a new ref nor in the settings: it would hide a generation, or a refused run."""
    with pytest.raises(ConfigurationError, match="cannot be the name of a ref") as caught:
        told("branch", name, "--from", "dev")
    assert "feature/fees" in str(caught.value.hint)
    monkeypatch.setenv(REF, name)
    with pytest.raises(ConfigurationError, match="cannot be the name of a ref"):
        load_settings("dev")
    assert lake.refs.all_names() == ["dev", "feature/fees"]


@pytest.mark.parametrize(
    "name", ["g0123456789a", "g0123456789abc", "refused", "refusedx/a", "a/b.c-1"]
)
def test_other_names_are_free(name: str, lake: Lake) -> None:
    """Only what could be taken for something else is refused."""
    assert told("branch", name, "--from", "dev")["ref"] == name
    assert name in lake.refs.names()


def test_no_environment_publishes_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong word must not let a developer's run publish to production."""
    monkeypatch.setenv(REF, "prod")
    with pytest.raises(ConfigurationError, match="'dev' would let its runs publish to 'prod'"):
        load_settings("dev")
    assert load_settings("prod").ref == "prod"


def test_a_typed_name_means_itself(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs publish to: a rollback of dev moves dev, and reads of dev read dev."""
    dev, feature = (lake.refs.require(ref).generation for ref in ("dev", "feature/fees"))
    monkeypatch.setenv(REF, "feature/fees")
    assert told("show", "dev")["generation"] == dev
    assert told("diff", "feature/fees", "dev")["tables"]
    assert len(sluicegate.connect("dev").sql("FROM raw.numbers").fetchall()) == 2
    assert len(sluicegate.connect().sql("FROM raw.numbers").fetchall()) == 1
    assert told("rollback", "dev")["ref"] == "dev"
    with pytest.raises(ConfigurationError, match="'dev' is an environment"):
        told("delete", "dev")
    assert lake.refs.require("feature/fees").generation == feature


def test_a_run_does_not_make_a_ref_of_ones_own(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo would take everything in anew, and publish it where nobody looks."""
    monkeypatch.setenv(REF, "feature/fee")
    with pytest.raises(UnknownName, match="no ref called 'feature/fee'") as caught:
        Run(Platform.open("dev"))
    assert "'feature/fees'" in str(caught.value.hint)
    monkeypatch.setenv(REF, "feature/fees")
    assert Run(Platform.open("dev")).report.previous == lake.refs.require("feature/fees").generation


@pytest.mark.parametrize(
    "arguments", [["log", "prod"], ["show", "prod"], ["diff", "dev", "prod"], ["rollback", "prod"]]
)
def test_an_environment_that_shows_nothing_yet(arguments: list[str]) -> None:
    """It is no unknown name: it says how it comes to show something."""
    with pytest.raises(UnknownName, match="Nothing was published to 'prod' yet") as caught:
        told(*arguments)
    assert "make run ENV=prod" in str(caught.value.hint)


def test_every_ref_is_listed(lake: Lake) -> None:
    """Environments and branches, each with what it shows; what was deleted is gone."""
    assert {ref["ref"]: ref["environment"] for ref in told("refs")} == {
        "dev": True,
        "feature/fees": False,
    }
    shown = CliRunner().invoke(app, ["lake", "refs"]).stdout
    assert lake.refs.require("feature/fees").generation in shown
    lake.delete("feature/fees")
    assert [ref["ref"] for ref in told("refs")] == ["dev"]


def test_what_is_shown_already_is_no_move(lake: Lake) -> None:
    """A rollback to it adds nothing to the log, and says so."""
    head = lake.refs.require("dev")
    assert told("rollback", "dev", "--to", head.generation)["number"] == head.number
    typed = CliRunner().invoke(app, ["lake", "rollback", "dev", "--to", head.generation])
    assert "already" in typed.stdout
    assert lake.refs.require("dev") == head
