"""`contracts try`, as a person types it: a file is held to a contract, and no lake is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.errors import BatchRefused, ConfigurationError, UnknownName
from tests.unit.test_quarantine_shown import PERSON

HEADER = "person_id,name,limit,country"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one source, and nothing else."""
    for folder in ("contracts", "dbt_project", "deployments/environments"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "contracts" / "people.py").write_text(PERSON)
    for name in ("pyproject.toml", "prefect.toml", "dbt_project/dbt_project.yml"):
        (tmp_path / name).touch()
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    return tmp_path


def attempt(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["contracts", "try", *map(str, arguments)])


def test_broken_records_are_told_without_what_is_personal(project: Path) -> None:
    """By rule, with their lines, and what is new in the file; no lake is there afterwards."""
    file = project / "people.csv"
    lines = ("p1,Ada,1.00,DE,x", "p2,Bob Example,-1.00,DE,x", "p3,Cyd", "p4,Dan,much,XX,x")
    file.write_text("\n".join([f"{HEADER},note", *lines]) + "\n")
    before = sorted(project.iterdir())
    result = attempt("people", file)
    assert result.exit_code == 3
    assert "4 rows in, 1 valid, 3 quarantined" in result.stdout
    assert "'note' is new" in result.stdout
    for words in ("line 3: limit:", "line 4: record:fields", "name=***", "xxxx"):
        assert words in result.stdout
    assert not {"Bob", "Cyd", "much"} & set(result.stdout.replace("=", " ").split())
    assert sorted(project.iterdir()) == before
    told = json.loads(attempt("people", file, "--json", "--most", "1").stdout)
    assert (told["rows_in"], told["valid"], told["quarantined"]) == (4, 1, 3)
    assert told["rules"]["record:fields"] == 1
    assert [each["place"] for each in told["broken"]] == ["line 3"]


def test_a_file_that_keeps_the_contract_is_well(project: Path) -> None:
    """The exit code says so, too."""
    file = project / "people.csv"
    file.write_text(f"{HEADER}\np1,Ada,1.00,DE\n")
    result = attempt("people", file)
    assert (result.exit_code, "1 valid, 0 quarantined" in result.stdout) == (0, True)


def test_what_cannot_be_tried_is_named(project: Path) -> None:
    """A batch that would be held, a file that is not there, a source that is none."""
    file = project / "people.csv"
    file.write_text("person_id\np1\n")
    assert isinstance(attempt("people", file).exception, BatchRefused)
    assert isinstance(attempt("people", project / "none.csv").exception, ConfigurationError)
    assert isinstance(attempt("peeple", file).exception, UnknownName)
