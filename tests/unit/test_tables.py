"""What a report shows: tables and Markdown, exact however much there is, for every outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sluicegate.cli import render_run
from sluicegate.ingestion import Receipt, total
from sluicegate.pipeline import Report, Status
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.pipeline.tables import MOST, Exhibit, tables
from sluicegate.quality.check import Check, Outcome
from sluicegate.quality.freshness import Freshness
from sluicegate.warehouse import Model


def receipt(number: int, *, quarantined: int = 0) -> Receipt:
    rejections = {"amount:decimal": quarantined} if quarantined else {}
    examples = {"amount:decimal": f"{number}.csv, line 7"} if quarantined else {}
    return Receipt(
        "orders",
        f"{number:016x}",
        f"{number}.csv",
        rows_in=10,
        published=10 - quarantined,
        quarantined=quarantined,
        rejections=rejections,
        examples=examples,
    )


def reported(status: Status, *receipts: Receipt) -> Report:
    """A report with receipts of one source, one model that was built and one that was not."""
    report = Report("run-1", "dev", status, receipts=list(receipts))
    report.accounts = {"orders": total("orders", receipts)}
    report.models = [
        Model("orders", "marts", "table", "built", 0.125, 20),
        Model("totals", "marts", "view", "skipped", 0.0, None),
    ]
    report.checks = [
        Check("built", "marts.orders", Outcome.PASS, 1),
        Check("unique", "marts.orders", Outcome.FAIL, 20, 2, "2 rows|break\nit"),
        Check("conservation", "orders", Outcome.PASS, 20),
        Check("built", "marts.totals", Outcome.ERROR, 1, message="it was skipped"),
    ]
    moment = datetime(2026, 10, 30, 6, tzinfo=UTC)
    report.freshness = [
        Freshness(
            "orders",
            expectation="daily by 06:00",
            last=moment,
            due=moment,
            stale=True,
            lag=timedelta(days=1, seconds=5, microseconds=7),
        ),
        Freshness("rates", expectation="nothing expected", last=None, due=None, stale=False),
    ]
    return report


def shown(report: Report) -> dict[str, Exhibit]:
    """The tables of a report by name."""
    return {exhibit.name: exhibit for exhibit in tables(report)}


def test_receipts_have_a_row_a_batch() -> None:
    """Each batch shows its counts, under the words that receipts use."""
    rows = shown(reported(Status.PUBLISHED, receipt(1), receipt(2, quarantined=3)))["receipts"].rows
    assert rows[1] == {
        "source": "orders",
        "batch": "2.csv",
        "rows in": 10,
        "published": 7,
        "quarantined": 3,
        "deduplicated": 0,
        "held": 0,
        "removed": 0,
        "no records": "",
    }
    assert len(rows) == 2


def test_counts_stay_exact_where_not_everything_fits() -> None:
    """What is left out is one row with its number and sums; batches with rejected rows are kept."""
    receipts = [receipt(number, quarantined=number == 1_900) for number in range(2_000)]
    exhibit = shown(reported(Status.PUBLISHED, *receipts))["receipts"]
    assert len(exhibit.rows) == MOST
    assert exhibit.rows[0]["batch"] == "1900.csv"
    assert exhibit.rows[-1]["source"] == "and 1,501 more"
    assert exhibit.rows[-1]["batch"] is None
    assert sum(row["rows in"] for row in exhibit.rows) == 20_000
    assert sum(row["published"] for row in exhibit.rows) == 19_999
    assert "2,000 batches" in exhibit.about


def test_quarantine_names_a_place_for_every_rule() -> None:
    """A rule comes with its rows and one position; a source without any says so."""
    report = reported(Status.PUBLISHED, receipt(1, quarantined=2), receipt(2, quarantined=1))
    report.accounts["rates"] = Receipt("rates", "", "", rows_in=1, published=1)
    exhibit = shown(report)["quarantine"]
    assert exhibit.rows == [
        {"source": "orders", "rule": "amount:decimal", "rows": 3, "example": "1.csv, line 7"},
        {"source": "rates", "rule": "none was broken", "rows": 0, "example": None},
    ]
    assert exhibit.about.startswith("3 rows in quarantine.")


def test_models_count_the_checks_on_them() -> None:
    """Checks count for the model's own table, not for a source or a model of the same name."""
    built, skipped = shown(reported(Status.REFUSED, receipt(1)))["models"].rows
    assert built == {
        "model": "marts.orders",
        "kind": "table",
        "status": "built",
        "rows": 20,
        "seconds": 0.12,
        "checks passed": 1,
        "checks idle": 0,
        "checks warned": 0,
        "checks failed": 1,
    }
    assert (skipped["rows"], skipped["checks passed"], skipped["checks failed"]) == (None, 0, 1)


def test_models_without_an_audit_claim_no_checks() -> None:
    """Where the audit was not reached, nothing is said of checks."""
    report = reported(Status.FAILED, receipt(1))
    report.checks = []
    assert {row["checks passed"] for row in shown(report)["models"].rows} == {None}


def test_warnings_are_neither_passed_nor_failed() -> None:
    """A check that warns is counted by itself and shown, after what stopped the run."""
    warning = Receipt("orders", "0f", "1.csv", 2, 2, warnings={"odd": 2}, examples={"odd": "1.csv"})
    report = reported(Status.REFUSED, warning)
    report.checks.insert(0, Check("odd", "marts.orders", Outcome.WARN, 2, 2, "2 of 2 rows"))
    row = shown(report)["models"].rows[0]
    assert [row[f"checks {how}"] for how in ("passed", "warned", "failed")] == [1, 1, 1]
    (warned,) = shown(report)["warnings"].rows
    assert warned == {"source": "orders", "rule": "odd", "rows": 2, "example": "1.csv"}
    told = as_markdown(report)
    assert "2 of 5 checks hold, 1 warn." in told
    assert told.index("| error | marts.totals") < told.index("| warn | marts.orders | odd |")
    assert "## Warnings by rule\n\n| source | rule | rows |\n| --- | --- | --- |\n| orders" in told


def test_what_had_no_value_to_judge_is_counted_apart() -> None:
    """It is neither passed nor warned, and named after all else."""
    report = reported(Status.REFUSED, receipt(1))
    idle = Check("closes_late", "marts.orders", Outcome.IDLE, 0, message="none of 20 rows")
    warned = Check("odd", "marts.orders", Outcome.WARN, 2, 2, "2 of 2 rows")
    report.checks[:0] = [idle, warned]
    row = shown(report)["models"].rows[0]
    assert [row[f"checks {how}"] for how in ("passed", "idle", "warned", "failed")] == [1, 1, 1, 1]
    told = as_markdown(report)
    assert "2 of 6 checks hold, 1 warn, 1 had no value to judge." in told
    assert told.index("| warn | marts.orders") < told.index("| idle | marts.orders | closes_late |")
    assert report.to_dict()["checks"][0]["outcome"] == "idle"


def test_the_terminal_names_some_that_had_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside those that hold; a few by name, and how many more."""
    report = reported(Status.PUBLISHED, receipt(1))
    report.checks += [Check(f"r{n}", "raw.[i]shops", Outcome.IDLE, 0) for n in range(12)]
    render_run.report(report, json=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "2 of 16 checks hold, 1 of them on conservation; 12 had no value to judge" in told
    assert "no value to judge: raw.[i]shops r0, raw.[i]shops r1," in told
    assert "raw.[i]shops r9, and 2 more" in told


def test_freshness_has_a_row_a_source() -> None:
    """Each source says when it last came, when it was due, and whether it is stale."""
    exhibit = shown(reported(Status.PUBLISHED, receipt(1)))["freshness"]
    assert exhibit.rows == [
        {
            "source": "orders",
            "state": "stale",
            "last": "2026-10-30 06:00 UTC",
            "due": "2026-10-30 06:00 UTC",
            "lag": "1 day, 0:00:05",
            "expectation": "daily by 06:00",
        },
        {
            "source": "rates",
            "state": "fresh",
            "last": "never",
            "due": None,
            "lag": None,
            "expectation": "nothing expected",
        },
    ]
    assert exhibit.about.startswith("1 of 2 stale.")


def test_there_is_no_table_without_rows() -> None:
    """A run that got nowhere shows its report, and no empty tables."""
    assert shown(Report("run-1", "dev", error="no server")) == {}


@pytest.mark.parametrize(
    ("status", "evidence", "ref"),
    [
        (Status.PUBLISHED, None, "dev"),
        (Status.REFUSED, "/lake/evidence/run-1", "refused/run-1"),
        (Status.REFUSED, None, None),
        (Status.FAILED, None, None),
        (Status.NOTHING_NEW, None, None),
    ],
)
def test_the_command_to_look_further_fits_the_outcome(
    status: Status, evidence: str | None, ref: str | None
) -> None:
    """It asks the environment or what was refused; where nothing was kept, there is none."""
    report = reported(status, receipt(1))
    report.evidence = evidence
    told = as_markdown(report)
    assert "sluicegate status --env dev" in told
    receipts, rejected = (shown(report)[name].about for name in ("receipts", "quarantine"))
    assert ("quarantine list" in told) == ("quarantine list" in rejected) == (ref is not None)
    assert ("lake sql" in receipts) == (ref is not None)
    if ref:
        assert f"quarantine list --ref {ref}" in told
        assert f"quarantine list --ref {ref}" in rejected
        assert f"lake sql {ref}" in receipts
    assert ("/lake/evidence/run-1" in told) == (evidence is not None)


def test_markdown_keeps_its_tables_whole() -> None:
    """Bars and line breaks do not break a row; a long table says what it leaves out."""
    report = reported(Status.REFUSED, receipt(1))
    report.waiting = {"orders": {f"{number}.csv": "not complete" for number in range(1_300)}}
    told = as_markdown(report)
    assert "| fail | marts.orders | unique | 2 rows\\|break it |" in told
    assert "and 1,200 more" in told
    assert "2 of 4 checks hold." in told
