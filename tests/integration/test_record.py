"""What Prefect keeps of a run: states, task runs, logs and the report, and nothing personal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api import Api
from tests.integration.conftest import Refused, Run
from tests.support import IBAN, Site, ibans


@pytest.fixture(scope="module")
def good(first: Run) -> Api:
    return Api(first.report["ui"])


@pytest.fixture(scope="module")
def bad(refused: Refused) -> Api:
    return Api(refused.last["ui"])


def test_a_run_is_completed_with_its_stages(good: Api) -> None:
    """The flow run is Completed, and each stage is a task run under a name people understand."""
    run = good.flow_run()
    assert run["state_name"] == "Completed"
    assert re.fullmatch(r"dev \d{4}-\d\d-\d\d \d\d:\d\d UTC", run["name"])
    names = {task["name"]: task["state_name"] for task in good.task_runs()}
    assert names.keys() >= {
        "Discover new batches",
        "Open the branch",
        "Ingest fx_rates",
        "Ingest payments",
        "Transform with dbt",
        "Audit the branch",
        "Publish to dev",
    }
    assert set(names.values()) == {"Completed"}


def test_the_report_is_an_artifact_with_a_history(good: Api, bad: Api, first: Run) -> None:
    """Under one key per environment, each run leaves its report, with the counts in it."""
    artifact = good.artifacts()["run-report-dev"]
    assert artifact["type"] == "markdown"
    for account in first.report["sources"].values():
        for fate in ("rows_in", "published", "quarantined", "deduplicated", "held"):
            assert f"| {account[fate]:,} |" in artifact["data"]
    assert first.report["generation"] in artifact["data"]
    refused = bad.artifacts()["run-report-dev"]
    assert "refused" in refused["data"]
    history = good.history("run-report-dev")
    assert [each["id"] for each in history if each["id"] in (artifact["id"], refused["id"])] == [
        artifact["id"],
        refused["id"],
    ]


def test_a_refused_run_is_failed_and_says_why(bad: Api, refused: Refused) -> None:
    """The flow run is Failed with the message that the console shows, without a traceback."""
    run = bad.flow_run()
    assert run["state_type"] == "FAILED"
    assert refused.lacks in run["state"]["message"]
    logged = "\n".join(entry["message"] for entry in bad.logs())
    assert refused.dirty in logged
    assert "Traceback" not in bad.everything()
    assert 'File "' not in logged
    failed = [task["name"] for task in bad.task_runs() if task["state_type"] == "FAILED"]
    assert failed == ["Refuse held batches"]


def test_progress_is_logged_with_the_run(good: Api) -> None:
    """Each file read and each model built is a line of the run's log."""
    logged = "\n".join(entry["message"] for entry in good.logs())
    assert "payments_2026-10-05.csv" in logged
    assert "building payments_eur" in logged


def test_no_account_number_gets_out_of_the_lake(
    good: Api, bad: Api, first: Run, refused: Refused
) -> None:
    """No IBAN of the data is in what Prefect keeps, in ledger, evidence, logs or messages."""
    numbers = ibans(first.site)
    assert len(numbers) > 1_000
    texts = {
        "Prefect, completed run": good.everything(),
        "Prefect, refused run": bad.everything(),
        "console": refused.outcome.said,
        **{str(file): file.read_bytes().decode("latin-1") for file in _kept(refused.site)},
    }
    assert len(texts) > 20
    for where, text in texts.items():
        told = numbers.intersection(IBAN.findall(text))
        assert not told, f"{where} tells {len(told)} account numbers"


def _kept(site: Site) -> Iterator[Path]:
    """Files that runs leave outside lake and archive, the server's database among them."""
    for folder in (site.root / "ledger", site.root / "evidence", site.root / "refs"):
        yield from folder.rglob("*.json")
        yield from folder.rglob("*.sql")
    for file in (site.project / ".sluicegate").rglob("*"):
        if file.is_file():
            yield file
