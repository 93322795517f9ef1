"""What Prefect keeps of a run: states, task runs, logs and the report, and nothing personal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Refused, Run
from tests.support import IBAN, Site, call, ibans, until


class Api:
    """The API of the session's Prefect server, as far as one flow run goes."""

    def __init__(self, ui: str) -> None:
        server, _, self.run = ui.partition("/runs/flow-run/")
        self.url = f"{server}/api"

    def flow_run(self) -> dict[str, Any]:
        """The flow run."""
        found: dict[str, Any] = call(f"{self.url}/flow_runs/{self.run}")
        return found

    def task_runs(self) -> list[dict[str, Any]]:
        """Its task runs, once all of them are in their last state."""

        def look() -> list[dict[str, Any]]:
            runs = self._filter("task_runs", flow_runs={"id": {"any_": [self.run]}})
            final = all(run["state_type"] in ("COMPLETED", "FAILED") for run in runs)
            return runs if final else []

        return until(look)

    def logs(self) -> list[dict[str, Any]]:
        """What it logged."""
        logs = {"flow_run_id": {"any_": [self.run]}}
        return until(lambda: self._filter("logs", logs=logs))

    def artifacts(self) -> list[dict[str, Any]]:
        """The artifacts it made for people."""
        mine = {"flow_run_id": {"any_": [self.run]}, "type": {"any_": ["markdown", "table"]}}
        return self._filter("artifacts", artifacts=mine)

    def everything(self) -> str:
        """All that the server keeps of it, as one text."""
        states = call(f"{self.url}/flow_run_states/?flow_run_id={self.run}")
        kept = [self.flow_run(), states, self.task_runs(), self.logs(), self.artifacts()]
        return json.dumps(kept)

    def _filter(self, what: str, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call(f"{self.url}/{what}/filter", filters)
        return found


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
    assert run["name"].startswith("dev")
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
    (artifact,) = good.artifacts()
    assert artifact["key"] == "run-report-dev"
    assert artifact["type"] == "markdown"
    for account in first.report["sources"].values():
        for fate in ("rows_in", "published", "quarantined", "deduplicated", "held"):
            assert f"| {account[fate]:,} |" in artifact["data"]
    assert first.report["generation"] in artifact["data"]
    (refused,) = bad.artifacts()
    assert refused["key"] == artifact["key"]
    assert "refused" in refused["data"]


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
