"""From batches to what readers see, through dbt, with the lake on object storage."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import sluicegate
from sluicegate.errors import ConfigurationError
from sluicegate.ingestion import create, ingest
from sluicegate.ingestion.accounts import open_accounts
from sluicegate.lake import Archive, Lake, Session, export_marts
from sluicegate.lake.connection import open_read_only
from sluicegate.settings import load_settings
from sluicegate.sources import Batch, Load
from sluicegate.warehouse import build
from tests.store.places import ROOT, Place
from tests.store.weed import KEY_ID, SECRET
from tests.unit.kit import orders, source

MODELS = {
    "totals.sql": "{{ config(materialized='table') }}"
    " select count(*) as orders, sum(amount) as amount from lake.raw.orders",
    "history.sql": "{{ config(materialized='incremental', incremental_strategy='append') }}"
    " select order_id from lake.raw.orders"
    "{% if is_incremental() %} where order_id not in (select order_id from {{ this }}){% endif %}",
    "seen.sql": "{{ config(materialized='view') }} select * from {{ ref('totals') }}",
    "models.yml": "models: [{name: totals, columns: [{name: amount, data_tests: [not_null]}]}]",
}


@pytest.fixture
def project(bucket: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a small dbt project, whose lake is on object storage."""
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    dbt = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project" / "macros", dbt / "macros")
    shutil.copy(ROOT / "dbt_project" / "profiles.yml", dbt)
    (dbt / "dbt_project.yml").write_text(
        "name: sluicegate\nprofile: sluicegate\nmodels: {+schema: marts}\n"
    )
    (dbt / "models").mkdir()
    for name, content in MODELS.items():
        (dbt / "models" / name).write_text(content)
    variables = {"ROOT": bucket.address, "ENDPOINT": bucket.endpoint}
    for name, value in {**variables, "KEY_ID": KEY_ID, "SECRET": SECRET}.items():
        monkeypatch.setenv(f"SLUICEGATE_LAKE__{name}", value)
    return tmp_path


def release(project: Path, run: str, *lines: str) -> str:
    """Ingest a batch of orders, build the models and publish; returns the generation."""
    settings = load_settings("dev", project)
    lake = Lake.of(settings)
    lake.prepare()
    with lake.branch("dev", run) as branch:
        with branch.session() as session:
            take_in(session, Archive(lake.store), orders(project, *lines, name=f"{run}.csv"), run)
        built = build(
            branch.catalog,
            branch.files,
            project=project / "dbt_project",
            target=project / "target",
        )
        assert built.complete
        assert [check.status for check in built.checks] == ["pass"]
        return lake.publish(branch, run=run).generation


def take_in(session: Session, archive: Archive, batch: Batch, run: str) -> None:
    """Archive a batch, of which one row is bad, and ingest what was archived."""
    _, raw, _ = archive.keep_bytes(batch.content.read_bytes())
    declared = source("orders", load=Load.APPEND)
    open_accounts(session)
    create(declared, session)
    (receipt,) = ingest(declared, [replace(batch, content=raw)], session, run).receipts
    assert receipt.quarantined == 1


def test_from_batches_to_readers(project: Path, tmp_path: Path) -> None:
    """Ingested, quarantined, built, published; then read, exported and built on by hand."""
    generation = release(project, "one", "a,,1.00,", "b,,2.00,", "c,,-1.00,")
    settings = load_settings("dev", project)
    lake = Lake.of(settings)
    with lake.branch("dev", "two") as branch:
        with branch.session() as session:
            take_in(session, Archive(lake.store), orders(project, "d,,4.00,", "e,,,"), "two")
        lake.publish(branch, run="two")

    with lake.read("dev") as session:
        assert session.rows("SELECT orders, amount::INT FROM marts.seen") == [(2, 3)]
        assert session.scalar("SELECT count(*) FROM raw.orders") == 3
        assert session.scalar("SELECT count(*) FROM accounts.quarantine") == 2
    with sluicegate.connect("dev", ref=generation, project=project) as readers:
        assert readers.sql("SELECT orders FROM totals").fetchall() == [(2,)]
    export = export_marts(settings, tmp_path / "marts.duckdb")
    assert export.tables == {"history": 2, "seen": 1, "totals": 1}
    assert lake.root.is_relative_to(project / ".sluicegate" / "lake")
    with pytest.raises(ConfigurationError, match="keep their own files"):
        export_marts(settings, lake.root / "marts.duckdb")

    by_hand(project)
    catalog = lake.root / "development" / "catalog.db"
    with open_read_only(catalog, lake.files) as development:
        assert development.sql("SELECT orders FROM marts.totals").fetchall() == [(3,)]
        assert development.sql("SELECT count(*) FROM marts.history").fetchall() == [(3,)]
    assert lake.refs.require("dev").number == 2


def by_hand(project: Path) -> None:
    """Build with dbt as a person does, in a process of its own."""
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--profiles-dir", "."]
    done = subprocess.run(
        command,
        cwd=project / "dbt_project",
        env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Completed successfully" in said
    logs = "".join(log.read_text() for log in (project / "dbt_project").rglob("*.log"))
    assert SECRET not in said + logs
