"""Deploy, trigger, work: every environment on one real server, in a copy of the project."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from sluicegate.deploy import FILE
from tests.stand import ENVS, SLUICEGATE, Clone, copied, working
from tests.support import alive, until

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    clone = copied(tmp_path_factory.mktemp("clone") / "project")
    places = ("--landing", "drops", "--truth", "data/truth", "--processor", "data/processor")
    data = ("--rows", "1600", "--days", "16", "--customers", "2000", *places)
    clone.run(sys.executable, "-m", "simulator.data", *data)
    try:
        clone.run(SLUICEGATE, "up")
        yield clone
    finally:
        clone.run(SLUICEGATE, "down")


@pytest.fixture(scope="module")
def deployed(clone: Clone) -> dict[str, dict[str, Any]]:
    return clone.deploy(*ENVS)


@pytest.fixture
def worker(clone: Clone, deployed: object) -> Iterator[subprocess.Popen[str]]:
    with working(clone, "dev") as process:
        yield process


def test_a_worker_needs_a_deployment_first(clone: Clone) -> None:
    """A worker without a work pool would wait for nothing: it says what to do first."""
    assert "make deploy ENV=dev" in clone.run(SLUICEGATE, "worker", code=2)


def test_every_environment_is_deployed_with_its_pool(
    clone: Clone, deployed: dict[str, dict[str, Any]]
) -> None:
    """The server holds two deployments each, in its own pool; the pipeline's with schedules."""
    for env in ENVS:
        assert deployed[env]["pool_created"]
        assert [each["action"] for each in deployed[env]["deployments"]] == ["created"] * 2
        held = clone.ask(f"/deployments/name/pipeline/{env}")
        assert held["parameters"] == {"env": env}
        assert held["work_pool_name"] == f"sluicegate-{env}"
        assert held["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert {each["schedule"]["timezone"] for each in held["schedules"]} == {"Europe/Berlin"}
        assert {each["active"] for each in held["schedules"]} == {env != "dev"}
        assert clone.ask(f"/work_pools/sluicegate-{env}")["type"] == "process"
        by_hand = clone.ask(f"/deployments/name/replay/{env}")
        assert (by_hand["parameters"], by_hand["schedules"]) == ({"env": env}, [])


def test_a_triggered_run_publishes_its_environment_and_no_other(
    clone: Clone, worker: subprocess.Popen[str]
) -> None:
    """The worker runs it to the end: dev shows a generation, staging and prod what they showed."""
    before = clone.heads()
    assert before == dict.fromkeys(ENVS)
    flow_run = _completed(clone, worker, "pipeline/dev")
    assert flow_run["deployment_version"] == clone.ask("/deployments/name/pipeline/dev")["version"]

    after = clone.heads()
    assert after["dev"]
    assert {**after, "dev": None} == before
    _logs_arrive(clone, flow_run["id"])
    _nobody_is_alerted(clone, int(flow_run["infrastructure_pid"].rpartition(":")[2]))


def test_a_mended_contract_releases_what_it_had_rejected(
    clone: Clone, worker: subprocess.Popen[str]
) -> None:
    """A replay that is started on the server publishes what passes now, and only what was meant."""
    before = _in_quarantine(clone)
    assert before["status:isin"] > 0
    contract = clone.root / "contracts" / "payments.py"
    contract.write_text(contract.read_text().replace('"failed")', '"failed", "SETTLED?")'))
    meant = {"sources": ["payments"], "rules": ["status:isin"]}
    _completed(clone, worker, "replay/dev", meant)
    after = _in_quarantine(clone)
    assert after == {rule: count for rule, count in before.items() if rule != "status:isin"}
    shown = json.loads(clone.run(SLUICEGATE, "quarantine", "show", "payments", "--json"))
    assert {each["outcome"] for each in shown["history"]} == {"published"}
    assert len(shown["history"]) == min(before["status:isin"], 20)


def _in_quarantine(clone: Clone) -> dict[str, int]:
    """Rule → payments that break it, for readers of dev."""
    told = json.loads(clone.run(SLUICEGATE, "quarantine", "list", "--source", "payments", "--json"))
    return {heap["rule"]: heap["rows"] for heap in told["quarantine"]}


def _completed(
    clone: Clone,
    worker: subprocess.Popen[str],
    deployment: str,
    parameters: dict[str, Any] | None = None,
) -> Any:
    """The flow run of a deployment that was triggered, once the worker has run it to its end."""
    number = clone.ask(f"/deployments/name/{deployment}")["id"]
    order = {"parameters": parameters or {}}
    flow_run = clone.ask(f"/deployments/{number}/create_flow_run", order)
    deadline = time.monotonic() + 120
    while flow_run["state_type"] not in FINAL and time.monotonic() < deadline:
        assert worker.poll() is None, (clone.root / "worker.log").read_text()
        time.sleep(0.3)
        flow_run = clone.ask(f"/flow_runs/{flow_run['id']}")
    assert flow_run["state_type"] == "COMPLETED", (clone.root / "worker.log").read_text()
    return flow_run


def _nobody_is_alerted(clone: Clone, pid: int) -> None:
    """A run that ended well raises no alert; what it had to say, it said before this fence."""
    assert until(lambda: not alive(pid), seconds=30)
    about = {"prefect.resource.id": "test.fence"}
    now = datetime.now(UTC).isoformat()
    fence = {"event": "test.fence", "resource": about, "occurred": now, "id": str(uuid4())}
    clone.ask("/events", [fence])
    asked = {"filter": {"event": {"name": ["test.fence"]}}}
    assert until(lambda: clone.ask("/events/filter", asked)["events"])
    asked = {"filter": {"event": {"prefix": ["sluicegate."]}}}
    assert clone.ask("/events/filter", asked)["events"] == []
    log = clone.root / ".sluicegate" / "logs" / "alerts.log"
    assert "[dev]" not in (log.read_text() if log.exists() else "")


def _logs_arrive(clone: Clone, flow_run: str) -> None:
    asked = {"logs": {"flow_run_id": {"any_": [flow_run]}}, "limit": 200}
    deadline = time.monotonic() + 15
    while True:
        logs = clone.ask("/logs/filter", asked)
        ours = [each["message"] for each in logs if each["name"].startswith("sluicegate.")]
        if any("payments" in message for message in ours) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert any("payments" in message for message in ours), [each["name"] for each in logs]
    assert any("dbt: building" in message for message in ours)


def test_a_second_deploy_changes_nothing_but_what_prefect_deploy_leaves(
    clone: Clone, deployed: object
) -> None:
    """Plain `prefect deploy` writes the same; only what the file no longer has survives it."""
    prod = clone.ask("/deployments/name/pipeline/prod")
    extra = {"schedule": {"cron": "0 3 * * *", "timezone": "UTC"}, "slug": "by-hand"}
    clone.ask(f"/deployments/{prod['id']}/schedules", [extra])
    old = {"flow_id": prod["flow_id"], "name": "old", "work_pool_name": "sluicegate-prod"}
    clone.ask("/deployments/", old)
    clone.prefect("deploy", "--all", "--prefect-file", str(FILE))
    left = clone.ask("/deployments/name/pipeline/prod")["schedules"]
    assert "by-hand" in {each["slug"] for each in left}
    before = clone.ask("/deployments/name/pipeline/dev")["updated"]

    outcomes = clone.deploy("dev", "prod", options=("--prune",))
    assert not outcomes["dev"]["changed"]
    assert clone.ask("/deployments/name/pipeline/dev")["updated"] == before
    mended, untouched = outcomes["prod"]["deployments"]
    assert (mended["action"], untouched["action"]) == ("changed", "unchanged")
    assert {each["field"].rpartition(".")[0] for each in mended["changes"]} == {"schedules.by-hand"}
    assert outcomes["prod"]["pruned"] == ["pipeline/old"]
    assert clone.ask("/deployments/count", {}) == 2 * len(ENVS)
    held = clone.ask("/deployments/name/pipeline/prod")
    assert {each["slug"] for each in held["schedules"]} == {"payments", "rates"}


def test_a_broken_file_leaves_the_server_as_it_is(clone: Clone, deployed: object) -> None:
    """One bad line, in any environment, and nothing at all is applied."""
    file = clone.root / FILE
    good = file.read_text()
    before = {env: clone.ask(f"/deployments/name/pipeline/{env}")["updated"] for env in ENVS}
    try:
        broken = good.replace("description: Ingest", "description: Now ingest")
        file.write_text(broken.replace('cron: "30 16', 'corn: "30 16'))
        told = clone.run(SLUICEGATE, "deploy", "--env", "dev", code=2)
    finally:
        file.write_text(good)
    assert "staging.schedules.rates.corn: is not a key" in told
    assert "did you mean 'cron'" in told
    after = {env: clone.ask(f"/deployments/name/pipeline/{env}")["updated"] for env in ENVS}
    assert after == before
