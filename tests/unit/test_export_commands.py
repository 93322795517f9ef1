"""`contracts export`, as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.errors import GateRefused, SluicegateError, UnknownName
from sluicegate.pipeline.exports import require_exports
from tests.support import ROOT

MODULE = """
from sluicegate.contracts import Contract, field, key
from sluicegate.sources import Files, Load

class Orders(Contract):
    order_id: str = key()
    amount: int = field(ge=0)

source = Files(
    "orders", contract=Orders, match="*.csv", load=Load.APPEND, tolerate="1 %", owner="sales"
)
"""

FILES = [
    "dbt_project/models/_sources.yml",
    "contracts/odcs/raw.orders.odcs.yaml",
    "contracts/schemas/raw.orders.schema.json",
]


def test_exports_are_what_the_contracts_say() -> None:
    """Those that are committed. If the contracts are right: `sluicegate contracts export`."""
    assert require_exports(ROOT).datasets > 20


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one contract, and a dbt project with nothing in it."""
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "orders.py").write_text(MODULE)
    (tmp_path / "dbt_project" / "models").mkdir(parents=True)
    return tmp_path


def typed(*arguments: str) -> Result:
    """How the command ends; without pages, which ask dbt."""
    only = () if "--only" in arguments else ("--only=dbt", "--only=odcs", "--only=schema")
    return CliRunner().invoke(app, ["contracts", "export", *only, *arguments])


def refused(*arguments: str) -> SluicegateError:
    """The error that it ends with."""
    error = typed(*arguments).exception
    assert isinstance(error, SluicegateError), error
    return error


def test_export_writes_what_is_not_there(project: Path) -> None:
    """And says so; the second time there is nothing to write."""
    done: Any = json.loads(typed("--json").stdout)
    assert done == {"datasets": 1, "files": 3, "written": FILES}
    assert all((project / name).is_file() for name in FILES)
    assert typed().stdout == "3 files are what the contracts of 1 datasets say.\n"
    assert typed("--check").exit_code == 0


def test_check_writes_nothing_and_refuses(project: Path) -> None:
    """It names the files, and the command that writes them."""
    error = refused("--check", "--only", "schema")
    assert isinstance(error, GateRefused)
    assert error.message == f"Exports are not what the contracts say: {FILES[2]}."
    assert "`.venv/bin/sluicegate contracts export --only schema`" in str(error.hint)
    assert not (project / FILES[2]).exists()


@pytest.mark.parametrize("file", FILES)
def test_change_by_hand_is_noticed(project: Path, file: str) -> None:
    """One character is enough; the next export takes it back."""
    typed()
    whole = (project / file).read_text()
    (project / file).write_text(whole.replace("amount", "amounts", 1))
    assert file in refused("--check").message
    assert typed().stdout == f"written: {file}\n"
    assert (project / file).read_text() == whole


def test_changed_contract_is_noticed(project: Path) -> None:
    """Wherever the change shows: a bound is nothing to dbt."""
    typed()
    shutil.rmtree(project / "contracts" / "__pycache__", ignore_errors=True)
    (project / "contracts" / "orders.py").write_text(MODULE.replace("ge=0", "ge=17"))
    error = refused("--check")
    assert [name for name in FILES if name in error.message] == FILES[1:]


def test_files_of_datasets_that_are_gone_are_removed(project: Path) -> None:
    """Those that an export wrote; what people put beside them stays."""
    typed()
    folder = project / "contracts" / "odcs"
    gone, mine = folder / "raw.gone.odcs.yaml", folder / "mine.odcs.yaml"
    gone.write_text((project / FILES[1]).read_text())
    mine.write_text("kind: DataContract\n")
    assert "raw.gone" in refused("--check").message
    assert typed().stdout == "written: contracts/odcs/raw.gone.odcs.yaml\n"
    assert mine.exists()
    assert not gone.exists()


def test_unknown_format(project: Path) -> None:
    """The nearest name is offered, and nothing is written."""
    error = refused("--only", "odsc")
    assert isinstance(error, UnknownName)
    assert "did you mean 'odcs'" in str(error.hint)
    assert not (project / "contracts" / "odcs").exists()


def test_project_without_dbt(project: Path) -> None:
    """Pages are written all the same: nobody reads anything."""
    shutil.rmtree(project / "dbt_project")
    written = typed("--only", "docs", "--only", "dbt").stdout.splitlines()
    assert written == ["written: docs/datasets/README.md", "written: docs/datasets/raw.orders.md"]


def test_check_of_pages_needs_no_dbt_project_that_is_right(project: Path) -> None:
    """Where its sources are not up to date, that is what is said."""
    error = refused("--check", "--only", "docs", "--only", "dbt")
    assert error.message == f"Exports are not what the contracts say: {FILES[0]}."


def test_folder_that_cannot_be_written(project: Path) -> None:
    """It is named."""
    (project / "contracts" / "odcs").write_text("in the way")
    error = refused("--only", "odcs")
    assert error.exit_code == 4
    assert str(error.where).endswith(FILES[1])
