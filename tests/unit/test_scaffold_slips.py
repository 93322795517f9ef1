"""`sluicegate source`, where a first proposal misleads: phantoms, slips, clocks, people."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.cli.render_scaffold import scaffolded
from sluicegate.pipeline.scaffolding import Scaffolded, proposal_of
from sluicegate.scaffold.staging import TYPES
from tests.support import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without a source, and nothing of dbt."""
    folder = tmp_path / "project"
    (folder / "contracts").mkdir(parents=True)
    shutil.copytree(ROOT / "deployments/environments", folder / "deployments/environments")
    return folder


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A file with nothing odd in it."""
    file = tmp_path / "sales.csv"
    file.write_text("sale_id,amount\n" + "".join(f"S{row:03d},1.50\n" for row in range(40)))
    return file


def command(
    project: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, name: str = "sales"
) -> Result:
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(project))
    return CliRunner().invoke(app, ["source", name, *arguments])


def test_the_command_says_where_the_file_landed(
    project: Path, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --land the place, and nothing to copy; without it the copying."""
    landed = command(project, monkeypatch, "--from", str(sales), "--land")
    assert landed.exit_code == 0, landed.output
    (place,) = re.findall("Landed: (.*): the next run", landed.stdout)
    assert Path(place).read_text() == sales.read_text()
    assert "cp " not in landed.stdout
    told = command(project, monkeypatch, "--from", str(sales), name="later")
    assert "cp " in told.stdout
    assert "Landed" not in told.stdout


def test_next_names_what_follows_the_contract_by_hand(
    project: Path, sales: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the commands: the model and its types, and the test; without dbt, only the test."""
    proposal, trial = proposal_of(project, "sales", sales)
    files = ("contracts/sales.py", "tests/test_source_sales.py")
    model = ("dbt_project/stg_sales.sql", "dbt_project/_stg_sales.yml")
    for written, named in (
        ((*files, *model), [files[0], *model, files[1]]),
        (files, [*files]),
    ):
        done = Scaffolded(proposal, trial, written, (), None, "landing/sales", str(sales))
        scaffolded(done, json=False)
        said = capsys.readouterr().out.partition("Next:")[2].partition("contracts export")[0]
        assert re.findall(r"[\w/]+\.(?:py|sql|yml)", said) == named


def test_the_docs_name_the_types_that_the_model_has() -> None:
    """All of them, as they are written into its YAML."""
    text = (ROOT / "docs/new-source.md").read_text(encoding="utf-8")
    rows = re.findall(r"^ *\| `(\w+)` \| `([^`]+)` \|$", text, re.MULTILINE)
    assert dict(rows) == TYPES
