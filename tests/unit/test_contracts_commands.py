"""Commands of contracts, as a person types them in a git repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.errors import ConfigurationError, EnvironmentFailed, GateRefused, SluicegateError
from sluicegate.pipeline.versions import affected
from sluicegate.warehouse.graph import Graph, Node
from tests.support import ROOT, copy_project

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


def git(folder: Path, *arguments: str) -> None:
    """Let git do something as nobody in particular."""
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    subprocess.run(
        ["git", "-C", folder, *who, *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )


def commit(folder: Path) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Test")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of a repository, with one contract and its snapshot committed."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "inner"
    shutil.copytree(ROOT / "deployments", folder / "deployments")
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(folder))
    declare(folder, MODULE)
    git(tmp_path, "init", "--quiet")
    assert typed("snapshot").exit_code == 0
    commit(tmp_path)
    return folder


def declare(project: Path, text: str) -> None:
    """Write the contract."""
    (project / "contracts").mkdir(exist_ok=True)
    # Python tells files apart by their second and size, and would take the one of before.
    shutil.rmtree(project / "contracts" / "__pycache__", ignore_errors=True)
    (project / "contracts" / "orders.py").write_text(text)


def typed(*arguments: str) -> Result:
    """How a command ends."""
    return CliRunner().invoke(app, ["contracts", *arguments])


def told(*arguments: str) -> tuple[int, Any]:
    """What a command tells programs, in one document, and its exit code."""
    outcome = typed(*arguments, "--json")
    return outcome.exit_code, json.loads(outcome.stdout)


def refused(*arguments: str) -> SluicegateError:
    """The error that a command ends with."""
    error = typed(*arguments).exception
    assert isinstance(error, SluicegateError)
    return error


def test_nothing_is_different(project: Path) -> None:
    """Then the exit code is 0, and how much was compared is told."""
    code, found = told("diff", "HEAD")
    assert (code, found["verdict"], found["same"], found["datasets"]) == (0, "safe", 1, [])
    assert "Nothing is different from HEAD; 1 contracts compared." in typed("diff", "HEAD").stdout


def test_narrower_breaks_writers(project: Path) -> None:
    """The exit code is that of a gate; the working tree counts, not what is committed."""
    declare(project, MODULE.replace("ge=0", "ge=1"))
    code, found = told("diff", "HEAD")
    (dataset,) = found["datasets"]
    (change,) = dataset["changes"]
    assert (code, found["exit_code"]) == (5, 5)
    assert found["verdict"] == dataset["verdict"] == change["verdict"] == "breaking for writers"
    assert (change["what"], change["before"], change["after"]) == ("column amount", "≥ 0", "≥ 1")
    assert (dataset["owner"], dataset["affected"]["models"]) == ("sales", [])
    said = typed("diff", "HEAD")
    assert said.exit_code == 5
    assert "raw.orders: breaking for writers, owner sales" in said.stdout


def test_safe_changes_are_shown_and_pass(project: Path) -> None:
    """Another owner is told, and breaks nobody."""
    declare(project, MODULE.replace('owner="sales"', 'owner="shop"'))
    code, found = told("diff", "HEAD")
    assert (code, found["verdict"], len(found["datasets"])) == (0, "safe", 1)
    assert "sales → shop" in typed("diff", "HEAD").stdout


def test_older_revisions_are_compared_with_the_working_tree(project: Path) -> None:
    """By whatever git calls them."""
    git(project, "tag", "before")
    declare(project, MODULE.replace("ge=0", "ge=1"))
    assert typed("snapshot").stdout == "written: contracts/rules/raw.orders.json\n"
    commit(project)
    assert told("diff", "HEAD")[0] == 0
    assert [told("diff", name)[0] for name in ("before", "HEAD~1", "HEAD^{commit}~1")] == [5, 5, 5]


@pytest.mark.parametrize("name", ["nothing", "", "--help", "-1", "HEAD:contracts", "HEAD HEAD"])
def test_unknown_revision(project: Path, name: str) -> None:
    """Whatever is typed is a revision or nothing, and never an option of git."""
    error = refused("diff", "--", name)
    assert isinstance(error, ConfigurationError)
    assert error.message == f"git knows no revision {name!r}."
    assert error.hint


def test_revision_without_snapshot(project: Path) -> None:
    """It is not taken for one without contracts, against which everything would be new."""
    shutil.rmtree(project / "contracts" / "rules")
    commit(project)
    error = refused("diff", "HEAD")
    assert isinstance(error, ConfigurationError)
    assert "no snapshot of the contracts at 'HEAD'" in error.message
    assert "sluicegate contracts snapshot" in str(error.hint)


def test_damaged_snapshot(project: Path) -> None:
    """The file is named, with the revision."""
    (project / "contracts" / "rules" / "raw.orders.json").write_text('{"format": 1, "tabel": ""}')
    commit(project)
    error = refused("diff", "HEAD")
    assert error.where == "HEAD:contracts/rules/raw.orders.json"
    assert "'tabel'" in error.message


def test_no_repository(tmp_path: Path, project: Path) -> None:
    """There are no versions to compare with."""
    shutil.rmtree(tmp_path / ".git")
    error = refused("diff", "HEAD")
    assert isinstance(error, ConfigurationError)
    assert "in no git repository" in error.message


def test_no_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine lacks something."""
    monkeypatch.setenv("PATH", str(project))
    error = refused("diff", "HEAD")
    assert isinstance(error, EnvironmentFailed)
    assert "git cannot be started" in error.message


def test_snapshot_check_writes_nothing_and_refuses(project: Path) -> None:
    """It passes when up to date; a contract that changed without it is refused by name."""
    assert told("snapshot", "--check") == (0, {"datasets": 1})
    assert "of 1 datasets" in typed("snapshot", "--check").stdout
    declare(project, MODULE.replace("field(ge=0)", "field()"))
    before = (project / "contracts" / "rules" / "raw.orders.json").read_bytes()
    error = refused("snapshot", "--check")
    assert isinstance(error, GateRefused)
    assert "raw.orders" in error.message
    assert (project / "contracts" / "rules" / "raw.orders.json").read_bytes() == before
    assert told("snapshot") == (0, {"written": ["raw.orders"]})
    assert "Nothing to write" in typed("snapshot").stdout


EXPOSURES = """
exposures:
  - name: weekly_letter
    type: notebook
    owner: {name: customers, email: customers@example.invalid}
    depends_on: [ref('customers')]
  - name: rates_board
    type: dashboard
    owner: {name: treasury, email: treasury@example.invalid}
    depends_on: ["source('raw', 'fx_rates')"]
"""


def test_affected_models_and_consumers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models that read it, however far away, which of them have contracts, and exposures."""
    project = copy_project(tmp_path / "project")
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(project))
    (project / "dbt_project" / "models" / "exposures.yml").write_text(EXPOSURES)
    git(project, "init", "--quiet")
    commit(project)
    source = project / "contracts" / "customers.py"
    text = source.read_text()
    assert '"premium", ' in text
    source.write_text(text.replace('"premium", ', '"premium", "gold", '))
    code, found = told("diff", "HEAD")
    (dataset,) = found["datasets"]
    assert (code, dataset["verdict"]) == (5, "breaking for readers")
    models = {"staging.stg_customers", "snapshots.customers_history", "marts.customers"}
    assert set(dataset["affected"]["models"]) == models | {"marts.customer_credit_features"}
    assert set(dataset["affected"]["contracts"]) == set(dataset["affected"]["models"]) - {
        "staging.stg_customers"
    }
    assert dataset["affected"]["exposures"] == ["weekly_letter"]
    said = typed("diff", "HEAD").stdout
    assert "used by: weekly_letter" in said
    assert "marts.customers (contract)" in said


def test_what_cannot_be_told_may_be_affected() -> None:
    """A model whose parents nobody knows may read the table; one that reads others does not."""
    parents = {"m.a": {"raw.x"}, "m.b": {"m.a"}, "m.c": {"raw.y"}, "m.d": None, "raw.x": {"raw.x"}}
    nodes = {
        name: Node(name, "table", True, None if read is None else frozenset(read), "")
        for name, read in parents.items()
    }
    uses = {"far": frozenset({"m.b"}), "near": frozenset({"raw.x"}), "other": frozenset({"m.c"})}
    found = affected(Graph(nodes, (), frozenset(), True, uses), "raw.x", ["m.b", "m.c"])
    assert found.models == ("m.a", "m.b", "m.d")
    assert found.contracts == ("m.b",)
    assert found.exposures == ("far", "near")
