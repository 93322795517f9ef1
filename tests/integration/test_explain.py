"""Bad input and a bad machine: an error of ours, its exit code, what to do; nothing changed."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import DAYS, Run
from tests.support import Outcome, Site, copy_project, free_port, ibans


def _unknown_column(contracts: Path) -> None:
    file = contracts / "payments.py"
    text = file.read_text()
    file.write_text(text.replace('pl.col("settled_at")', 'pl.col("setled_at")'))


def _same_name(contracts: Path) -> None:
    (contracts / "more.py").write_text((contracts / "fx_rates.py").read_text())


def _no_python(contracts: Path) -> None:
    (contracts / "odd.py").write_text("import nothing_that_exists\n")


def _no_syntax(contracts: Path) -> None:
    (contracts / "odd.py").write_text("class Odd(\n")


def _cannot_mean(contracts: Path) -> None:
    file = contracts / "payments.py"
    file.write_text(file.read_text().replace('tolerate="5 %"', 'tolerate="often"'))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_unknown_column, ["'setled_at'", "settles_after_booking", "did you mean 'settled_at'"]),
        (_same_name, ["'fx_rates'", "fx_rates.py", "more.py", "rename"]),
        (_no_python, ["nothing_that_exists", "odd.py, line 1"]),
        (_no_syntax, ["odd.py, line 1"]),
        (_cannot_mean, ["'often'", "percentage"]),
    ],
)
def test_a_wrong_contract_is_explained(
    published: Site, tmp_path: Path, change: Callable[[Path], None], told: list[str]
) -> None:
    """A contract that cannot be loaded ends with 2, names the place and the way out."""
    site = published.of(copy_project(tmp_path / "project"))
    change(site.project / "contracts")
    moves = site.moves()
    outcome = _explained(site.sluicegate("run"), 2)
    for text in told:
        assert text in outcome.err
    assert site.moves() == moves


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--env", "devv"], ["'devv'", "did you mean 'dev'"]),
        (["status", "--env", "devv"], ["'devv'", "did you mean 'dev'"]),
        (["lake", "sql", "g1", "SELECT 1"], ["'g1'"]),
        (["lake", "sql", "dev", "DROP TABLE raw.payments"], ["reads"]),
        (["lake", "sql", "dev", "SELECT nothing FROM raw.payments"], ["nothing"]),
        (["lake", "sql", "dev", "SELECT * FROM read_csv('/etc/passwd')"], ["read_csv"]),
        (["lake", "log", "prod"], ["'prod'"]),
        (["lake", "rollback", "dev"], ["first generation"]),
    ],
)
def test_a_wrong_command_is_explained(
    published: Site, arguments: list[str], told: list[str]
) -> None:
    """A name or query that cannot be meant ends with 2, in text and in JSON."""
    moves = published.moves()
    outcome = _explained(published.sluicegate(*arguments), 2)
    for text in told:
        assert text in outcome.err
    assert outcome.err.splitlines()[0] not in outcome.out
    error = published.sluicegate(*arguments, "--json").ends(2).json
    assert error["exit_code"] == 2
    assert error["message"] in re.sub(r"\s+", " ", outcome.err) or error["message"] in outcome.err
    assert published.moves() == moves


def test_wrong_usage_is_explained(published: Site) -> None:
    """An unknown command or option ends with 2 and says what is wrong with it."""
    for arguments in (["fly"], ["run", "--fast"], ["lake", "sql"]):
        outcome = published.sluicegate(*arguments).ends(2)
        assert arguments[-1] in outcome.err or "Missing argument" in outcome.err


def test_a_wrong_setting_is_explained(published: Site) -> None:
    """A variable that names no setting, or a value that is none, ends with 2 without its value."""
    outcome = published.having(lake__rot="/tmp").sluicegate("status").ends(2)
    assert "lake.rot" in outcome.err
    outcome = published.having(prefect__port="secret-port").sluicegate("status").ends(2)
    assert "prefect.port" in outcome.err
    assert "secret-port" not in outcome.said
    outcome = published.having(nonsense="1").sluicegate("run").ends(2)
    assert "SLUICEGATE_NONSENSE" in outcome.err


def test_a_missing_landing_folder_is_explained(published: Site) -> None:
    """Without the landing folder a run ends with 4 and says which, and how to get one."""
    moves = published.moves()
    outcome = _explained(
        published.having(landing__root=published.folder / "x").sluicegate("run"), 4
    )
    assert str(published.folder / "x" / "customers") in outcome.err
    assert "SLUICEGATE_LANDING__ROOT" in outcome.err
    assert published.moves() == moves


def test_an_unreadable_file_is_explained(published: Site, drop: Callable[..., str]) -> None:
    """A landed file that this user may not read is named and waits; the run goes on without it."""
    file = published.payments / drop(published)
    file.chmod(0)
    moves = published.moves()
    told = published.start("run", "--json", powerless=True).wait().ends(0).json
    assert told["waiting"]["payments"].keys() == {file.name}
    assert "ermission" in told["waiting"]["payments"][file.name]
    assert published.moves() == moves
    file.chmod(0o644)
    assert [batch["name"] for batch in published.run()["batches"]] == [file.name]


def test_a_lake_that_cannot_be_written_is_explained(published: Site, tmp_path: Path) -> None:
    """Without write permission, or with a file in its place, a run ends with 4 and says where."""
    published.root.chmod(0o555)
    try:
        outcome = _explained(published.start("run", powerless=True).wait(), 4)
    finally:
        published.root.chmod(0o755)
    assert str(published.root) in outcome.err
    assert "SLUICEGATE_LAKE__ROOT" in outcome.err
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "lake"
    outcome = _explained(published.having(lake__root=below).sluicegate("run"), 4)
    assert str(below.parent) in outcome.err


def test_a_server_that_is_down_is_explained(published: Site) -> None:
    """Without the Prefect server a run ends with 4, at once, and says how to start it."""
    port = free_port()
    moves = published.moves()
    outcome = _explained(published.having(prefect__port=port).console("run"), 4)
    assert f"127.0.0.1:{port}" in outcome.err
    assert "sluicegate up" in outcome.err
    assert outcome.seconds < 15
    assert published.moves() == moves


def test_a_port_in_use_is_explained(services: Site, tmp_path: Path) -> None:
    """`up` ends with 4, says who has the port and how to choose another, and leaves nothing."""
    site = services.of(copy_project(tmp_path / "project"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site = site.having(prefect__port=port, provider__port=free_port())
        outcome = _explained(site.sluicegate("up"), 4)
    assert str(port) in outcome.err
    assert "SLUICEGATE_PREFECT__PORT" in outcome.err
    assert site.sluicegate("down").ends(0).out.strip() == "nothing was running"


def test_every_command_speaks_json(services: Site, second: Run, tmp_path: Path) -> None:
    """With --json, standard output is one JSON document with the documented names."""
    site = second.site.copy(tmp_path / "site")
    status = site.sluicegate("status", "--json").ends(0).json
    assert status["generation"] == second.report["generation"]
    assert status["last_run"]["run"] == second.report["run"]
    fates = {"rows_in", "published", "quarantined", "deduplicated", "held"}
    assert status["sources"].keys() >= {"payments", "fx_rates", "customers", "refunds"}
    assert all(account.keys() >= fates for account in status["sources"].values())
    assert status["sources"]["payments"]["rows_in"] == 600
    log = site.sluicegate("lake", "log", "--json").ends(0).json
    assert log[0]["generation"] == second.report["generation"]
    query = "SELECT count(*) AS n, max(booked_on) AS last FROM marts.payments_eur"
    (row,) = site.sluicegate("lake", "sql", "dev", query, "--json").ends(0).json
    assert row.keys() == {"n", "last"}
    assert site.sluicegate("run", "--json").ends(0).json["known"]["payments"] == DAYS + 1
    running = site.sluicegate("up", "--json").ends(0).json
    assert {service["name"]: service["state"] for service in running} == {
        "prefect": "running",
        "provider": "running",
    }
    empty = site.of(copy_project(tmp_path / "project"))
    assert empty.sluicegate("down", "--json").ends(0).json == []
    assert site.sluicegate("lake", "rollback", "dev", "--json").ends(0).json["action"] == "rollback"


def test_the_models_are_documented(services: Site, first: Run, tmp_path: Path) -> None:
    """One page has every model with its description, and no value of any row."""
    site = first.site.copy(tmp_path / "site")
    page = Path(site.sluicegate("docs", "--json").ends(0).json["page"])
    text = page.read_text(encoding="utf-8")
    for model in first.report["models"]:
        assert f'"name": "{model["name"].partition(".")[2]}"' in text
    assert "Every payment with its amount in EUR" in text
    assert not [iban for iban in ibans(site) if iban in text]
    nothing = _explained(site.sluicegate("docs", "--env", "prod"), 2)
    assert "prod" in nothing.err


def _explained(outcome: Outcome, code: int) -> Outcome:
    """An error as all of ours are: what, where, and what to do next."""
    outcome.ends(code)
    assert re.search(r"^  (where|next): ", outcome.err, re.MULTILINE), outcome.err
    return outcome
