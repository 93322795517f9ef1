"""The record of a run: how it ended is told as it was, whatever went wrong when."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest

from sluicegate import warehouse
from sluicegate.contracts import Contract, Model, Severity, key, rule
from sluicegate.errors import AuditFailed, BatchRefused, EnvironmentFailed, RefMoved
from sluicegate.ingestion import Intake, Receipt
from sluicegate.lake import Archive, Lake, Table
from sluicegate.pipeline import Platform, Run, Status, looking, stages
from sluicegate.pipeline.harvest import Harvest
from sluicegate.quality.check import Check, Outcome
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED, STARTED
from sluicegate.warehouse.records import CheckKind, CheckStatus, ModelStatus
from tests.unit import kit


@pytest.fixture
def run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of an environment that took in ten rows so far."""
    monkeypatch.setattr(Platform, "fingerprint", "code")
    settings = kit.settings_of(lake.root.parent)
    ledger = Ledger(lake.store, "dev")
    run = Run(Platform(settings, cast("object", None), lake, Archive(lake.store), ledger))  # type: ignore[arg-type]
    receipt = Receipt("orders", "b", "orders.csv", rows_in=10, published=8, quarantined=2)
    run.report.receipts, run.report.accounts = [receipt], {"orders": receipt}
    return run


def last(run: Run) -> dict[str, object]:
    """What the ledger says of the run's end."""
    return dict(run.platform.ledger.last(FINISHED, run=run.id) or {})


def test_full_disk_is_the_machines_fault(run: Run) -> None:
    """An error of the machine is named as one, and all rows are held."""
    broken = OSError(errno.ENOSPC, "No space left on device", "files/x.parquet")
    with pytest.raises(EnvironmentFailed, match="No space left on device"), run.recorded():
        raise broken
    assert last(run)["status"] == Status.FAILED
    assert last(run)["sources"]["orders"]["held"] == 10  # type: ignore[index]


def test_refused_run_holds_its_rows(run: Run) -> None:
    """Nothing of a refused run counts as published."""
    with pytest.raises(BatchRefused), run.recorded():
        raise BatchRefused("no")
    assert last(run)["status"] == Status.REFUSED
    account = last(run)["sources"]["orders"]  # type: ignore[index]
    assert (account["published"], account["quarantined"], account["held"]) == (0, 0, 10)


def test_error_after_the_ref_moved_does_not_unpublish(run: Run) -> None:
    """Readers see the rows, so the ledger says published, whatever failed afterwards."""

    def publish_and_fail() -> None:
        with run.recorded(), run.branch() as branch:
            with branch.session() as session:
                kit.write(session, 1)
            run.platform.lake.publish(branch, run=run.id)
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(EnvironmentFailed):
        publish_and_fail()
    assert last(run)["status"] == Status.PUBLISHED
    assert last(run)["generation"] == run.platform.lake.refs.require("dev").generation
    assert last(run)["sources"]["orders"]["published"] == 8  # type: ignore[index]


def test_run_that_is_killed_stays_begun(run: Run) -> None:
    """That it began is on record before anything is done."""
    with run.recorded():
        begun = run.platform.ledger.last(STARTED, run=run.id)
        assert begun is not None
        assert begun["pid"] == os.getpid()
        assert not last(run)
    assert last(run)


def test_what_was_ingested_is_kept_when_the_ref_moves(run: Run) -> None:
    """Until the run is over, for its next attempt."""
    lake = run.platform.lake

    def come_late() -> None:
        with run.branch() as branch:
            with branch.session() as session:
                kit.write(session, 1)
            kit.publish(lake, 2)
            lake.publish(branch, run=run.id)

    run.intakes["orders"] = Intake("orders")
    with run.patience():
        with pytest.raises(RefMoved):
            come_late()
        assert run.aside is not None
        assert run.aside.catalog.is_file()
        assert run.aside.intakes == run.intakes
    assert run.aside is None
    assert list(lake.branches.iterdir()) == []


def test_attempt_that_never_began_leaves_what_was_set_aside(run: Run) -> None:
    """Its branch has nothing of what the attempt before it did."""

    def come_late() -> None:
        with run.branch() as branch:
            with branch.session() as session:
                kit.write(session, 1)
            raise RefMoved("at the end of the first attempt")

    run.intakes["orders"] = Intake("orders")
    with run.patience():
        with pytest.raises(RefMoved):
            come_late()
        aside = run.aside
        assert aside is not None
        kit.publish(run.platform.lake, 1)
        with pytest.raises(RefMoved, match="looked for batches"), run.branch() as branch:
            stages.open_harvest(run, branch)
        assert run.aside is aside


def test_message_of_an_unknown_error_stays_out_of_the_ledger(run: Run) -> None:
    """What is not an error of ours may quote data in its message: only its type is kept."""
    with pytest.raises(ValueError, match="secret"), run.recorded():
        raise ValueError("DE89370400440532013000 is secret")
    assert last(run)["error"] == "ValueError"


class Odd(Contract):
    """Numbers that should be small."""

    n: int = key()

    @rule(severity=Severity.WARN)
    def small(self) -> pl.Expr:
        """Below zero is odd."""
        return pl.col("n") > 0


def model(name: str, status: ModelStatus = "built") -> warehouse.Model:
    """A model as dbt left it."""
    return warehouse.Model(name, "marts", "table", status, 0.1, 3 if status == "built" else None)


def check(
    name: str, status: CheckStatus, on: str | None, kind: CheckKind = "data"
) -> warehouse.Check:
    """A test of dbt's that found two rows if it failed; a unit test has no query."""
    sql = None if kind == "unit" else "SELECT 1"
    return warehouse.Check(name, kind, status, 2, on, 0.1, "", sql, name)


def refusal(run: Run, models: Sequence[warehouse.Model], *checks: warehouse.Check) -> str:
    """What to do next after an audit of what dbt made, and was not good."""
    build = warehouse.Build(tuple(models), checks, (), 0.1, unit_tests=True)
    run.report.models = list(models)
    with pytest.raises(AuditFailed) as caught, run.branch() as branch:
        stages.audit(run, branch, Harvest({}, {}), build)
    return (caught.value.hint or "").replace(run.id, "<run>")


@pytest.fixture
def auditing(run: Run) -> Run:
    """A run of a project that has no source, and no contract of a model."""
    catalogue = SimpleNamespace(sources={}, models={})
    object.__setattr__(run.platform, "catalogue", catalogue)
    return run


def test_a_warning_stops_nothing(auditing: Run) -> None:
    """The audit has it among its checks, and ends well; beside it, something wrong still stops."""
    odd = Model("marts.odd", contract=Odd)
    auditing.platform.catalogue.models["marts.odd"] = odd
    build = warehouse.Build((), (), (), 0.1, unit_tests=True)
    with auditing.branch() as branch:
        with branch.session() as session:
            session.create(Table("marts", "odd"), {"n": "BIGINT"})
            session.execute("INSERT INTO lake.marts.odd VALUES (1), (-1)")
        checks = stages.audit(auditing, branch, Harvest({}, {}), build)
        assert [check.name for check in checks if check.outcome is Outcome.WARN] == ["small"]
        with branch.session() as session:
            session.execute("INSERT INTO lake.marts.odd VALUES (1)")
        with pytest.raises(AuditFailed, match="1 of 3 checks do not hold") as caught:
            stages.audit(auditing, branch, Harvest({}, {}), build)
    assert "small" not in str(caught.value)


LOOK = 'look at what would have been published: .venv/bin/sluicegate lake sql refused/<run> "{}"'


def test_what_to_look_at_was_built(auditing: Run) -> None:
    """Not the model that came first and was skipped: of it the refused run has what was before."""
    hint = refusal(
        auditing,
        [model("b", "skipped"), model("a"), model("c")],
        check("b_positive", "skipped", "b"),
        check("a_positive", "fail", "a"),
        check("c_positive", "fail", "c"),
    )
    assert hint == LOOK.format("FROM marts.a")
    kept = f"evidence/{auditing.id}/report.json"
    report = json.loads(auditing.platform.lake.store.local(kept).read_bytes())
    assert report["not_built"] == ["marts.b"]


def test_a_source_that_does_not_add_up_is_looked_at(auditing: Run) -> None:
    """Its checks bear its name, which is not that of its table."""
    auditing.platform.catalogue.sources["orders"] = SimpleNamespace(name="orders")  # type: ignore[assignment]
    failed = [Check("conservation:once", "orders", Outcome.FAIL, 1)]
    hint = looking.look_at(auditing, failed).replace(auditing.id, "<run>")
    assert hint == LOOK.format("FROM raw.orders")


@pytest.mark.parametrize(
    ("kind", "mend"),
    [("unit", "the model or the test"), ("constraint", "its data or the model")],
)
def test_what_was_not_built_is_not_shown(auditing: Run, kind: CheckKind, mend: str) -> None:
    """There is nothing to look at then, and something to mend."""
    hint = refusal(
        auditing, [model("fine"), model("a", "failed")], check("a_adds_up", "fail", "a", kind)
    )
    assert hint == (
        "marts.a was not built: in refused/<run> it is what readers see;"
        f" mend {mend}: marts.a a_adds_up"
    )


def test_many_that_were_not_built_are_counted(auditing: Run) -> None:
    """The first three are named."""
    skipped = [model(name, "skipped") for name in "abcde"]
    hint = refusal(auditing, skipped, check("a_adds_up", "fail", "a", "unit"))
    assert hint.startswith("marts.a, marts.b, marts.c and 2 more were not built: in refused/<run>")


def test_check_of_no_table_leads_to_all_of_them(auditing: Run) -> None:
    """A test that reads no model is about none."""
    hint = refusal(auditing, [model("a")], check("nothing_odd", "fail", None))
    assert hint == LOOK.format("SHOW ALL TABLES")
