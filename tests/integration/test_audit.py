"""Failed audits: the branch was built, a check on it failed, and readers never saw it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Run
from tests.support import IBAN, Outcome, Site, ibans


@dataclass(frozen=True)
class Audited:
    """A run that failed its audit, and what was so before it."""

    site: Site
    outcome: Outcome
    before: dict[str, bytes]

    @property
    def last(self) -> dict[str, Any]:
        """The last run, as the status tells it."""
        last: dict[str, Any] = self.site.sluicegate("status", "--json").ends(0).json["last_run"]
        return last


@pytest.fixture(scope="module")
def audited(
    first: Run,
    tmp_path_factory: pytest.TempPathFactory,
    variant: Callable[[Path], Path],
) -> dict[str, Audited]:
    """Two runs at the same time, over dbt projects that are wrong in one way or another."""
    runs = {}
    for name, change in (("contract", _break_contract), ("dbt", _fail_in_dbt)):
        folder = tmp_path_factory.mktemp(name)
        project = variant(folder / "project")
        change(project / "dbt_project")
        for unit_tests in (project / "dbt_project").rglob("_unit_tests.yml"):
            unit_tests.unlink()  # They would notice too; here the data are what is looked at.
        site = first.site.copy(folder / "site").of(project)
        runs[name] = (site, site.start("run"), site.moves())
    return {name: Audited(site, run.wait(), moves) for name, (site, run, moves) in runs.items()}


def _break_contract(dbt: Path) -> None:
    """Make every rate look older than the mart's contract allows."""
    _edit(dbt / "models/marts/fx_coverage.sql", "booked_on - max(rate_date)", "cast(100 as bigint)")


def _fail_in_dbt(dbt: Path) -> None:
    """Add a test that fails, and a query that trips over an account number and quotes it."""
    test = "select booked_on from {{ ref('fx_coverage') }} where currency = 'USD'"
    (dbt / "tests" / "nobody_pays_in_dollars.sql").write_text(test)
    odd = "(select cast(debtor_iban as bigint) as n from {{ ref('stg_payments') }}) as odd"
    old = "from {{ ref('payments_net') }}"
    _edit(dbt / "models/marts/daily_corridor_volume.sql", old, f"{old} left join {odd} on n = 1")


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", ["contract", "dbt"])
def test_a_failed_audit_changes_nothing(audited: dict[str, Audited], name: str) -> None:
    """Exit code 3; ref, readers and branches are as before; the report and the rows are kept."""
    run = audited[name]
    run.outcome.ends(3)
    assert run.site.moves() == run.before
    assert list((run.site.root / "branches").iterdir()) == []
    last = run.last
    assert last["status"] == "refused"
    folder = Path(last["evidence"])
    assert str(folder) in run.outcome.err
    assert json.loads((folder / "report.json").read_text())["run"] == last["run"]
    command = re.search(r'sluicegate lake sql (\S+) "(.+)"', run.outcome.err)
    assert command
    assert command[1] == f"refused/{last['run']}"


def test_a_broken_contract_is_named_with_its_rows(audited: dict[str, Audited]) -> None:
    """The message names table, rule, how many rows break it, and the keys of some."""
    told = audited["contract"].outcome.err
    line = next(line for line in told.splitlines() if "marts.fx_coverage rate_age_days:" in line)
    assert re.search(r"\d+ of \d+ rows break it", line)
    assert "fail:" in line


def test_a_failed_dbt_test_is_named_with_its_rows(audited: dict[str, Audited]) -> None:
    """The message names the test and how many rows it found; its query is among the evidence."""
    run = audited["dbt"]
    line = next(line for line in run.outcome.err.splitlines() if "nobody_pays_in_dollars" in line)
    ((dollars,),) = run.site.rows("SELECT count(*) FROM marts.fx_coverage WHERE currency = 'USD'")
    assert str(dollars) in line
    (query,) = Path(run.last["evidence"]).glob("*nobody-pays-in-dollars.sql")
    found = run.site.sluicegate(
        "lake", "sql", f"refused/{run.last['run']}", _statement(query), "--json"
    )
    assert len(found.ends(0).json) == dollars


def test_the_command_told_shows_what_would_have_been(audited: dict[str, Audited]) -> None:
    """The query that the message tells answers, on the branch that was refused."""
    run = audited["contract"]
    command = re.search(r'sluicegate lake sql (\S+) "(.+)"', run.outcome.err)
    assert command
    rows = run.site.sluicegate("lake", "sql", command[1], command[2], "--json").ends(0)
    assert {row["rate_age_days"] for row in rows.json} >= {100}


def test_data_that_break_a_model_are_refused_unquoted(audited: dict[str, Audited]) -> None:
    """A value that a query trips over refuses the run, and is quoted nowhere."""
    run = audited["dbt"]
    assert "Conversion Error" in run.outcome.err
    assert not IBAN.search(run.outcome.said)
    kept = [
        *(run.site.project / ".sluicegate").rglob("*"),
        *(run.site.root / "evidence").rglob("*"),
    ]
    texts = [file for file in kept if file.is_file() and file.suffix != ".db"]
    assert {".json", ".sql", ".msgpack"} <= {file.suffix for file in texts}
    numbers = ibans(run.site)
    for file in texts:
        told = numbers.intersection(IBAN.findall(file.read_bytes().decode("latin-1")))
        assert not told, f"{file} tells account numbers"


def _statement(file: Path) -> str:
    return "\n".join(line for line in file.read_text().splitlines() if not line.startswith("--"))
