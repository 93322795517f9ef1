"""Every alert, on one real server: from what goes wrong to the message that somebody reads."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.receivers import MailReceiver, WebReceiver, mail_receiver, web_receiver
from tests.stand import SLUICEGATE, Clone, copied, working
from tests.support import until

QUICK = """
[server.services.late_runs]
loop_seconds = 1
after_seconds = 6

[server.events]
proactive_granularity = "PT1S"

[worker]
query_seconds = 1
"""
TOKEN = "T0ken-of-the-hook"


@dataclass(frozen=True)
class Scene:
    """A server with three environments: dev tells by webhook, staging by mail, prod by log."""

    clone: Clone
    web: WebReceiver
    mail: MailReceiver
    deployed: dict[str, str]

    @property
    def logs(self) -> Path:
        """What the services say."""
        return self.clone.root / ".sluicegate" / "logs"

    @property
    def log(self) -> list[str]:
        """Lines of the file in which every alert is."""
        file = self.logs / "alerts.log"
        return file.read_text().splitlines() if file.exists() else []

    def texts(self, env: str) -> list[str]:
        """What an environment's channel told people."""
        if env == "dev":
            return self.web.texts
        if env == "staging":
            return [f"{mail['Subject']}\n{mail.get_content()}" for mail in list(self.mail.mails)]
        return [line for line in self.log if f"[{env}]" in line]

    def told(self, env: str, title: str, about: str = "") -> str:
        """The alert of that title, which comes soon; where there may be several, about what."""
        head = f"[{env}] {title}"
        found = until(
            lambda: [text for text in self.texts(env) if head in text and about in text],
            seconds=40,
        )
        assert found, (self.texts(env), self.log)
        return found[0]

    def with_variables(self, **variables: str) -> Clone:
        """The clone, in a shell that has these variables too."""
        return Clone(self.clone.root, {**self.clone.environ, **variables}, self.clone.api)


def channels(web: WebReceiver, mail: MailReceiver) -> dict[str, dict[str, str]]:
    """Variables with which each environment is deployed; secrets come by variables alone."""
    by_mail = {
        "CHANNEL": "email",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.port),
        "SMTP_SECURITY": "none",
        "SMTP_FROM": "sluicegate@example.com",
        "SMTP_TO": "oncall@example.com, lead@example.com",
    }
    address = f"http://127.0.0.1:{web.port}/{TOKEN}"
    chosen = {
        "dev": {"CHANNEL": "webhook", "WEBHOOK_URL": address},
        "staging": by_mail,
        "prod": {"MISSED_AFTER_SECONDS": "10"},
    }
    return {
        env: {f"SLUICEGATE_ALERTS__{key}": value for key, value in keys.items()}
        for env, keys in chosen.items()
    }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    clone = copied(tmp_path_factory.mktemp("alerts") / "project")
    settings = clone.root / "prefect.toml"
    kept = re.sub(r"\[server\.services\.late_runs\]\n.*\n", "", settings.read_text())
    settings.write_text(kept + QUICK)
    # The first answer of the receiver is an error: it is asked again.
    with web_receiver(503) as web, mail_receiver() as mail:
        try:
            clone.run(SLUICEGATE, "up")
            scene = Scene(clone, web, mail, {})
            started = {
                env: scene.with_variables(**variables).start(SLUICEGATE, "deploy", "--env", env)
                for env, variables in channels(web, mail).items()
            }
            for env, process in started.items():
                scene.deployed[env] = "".join(process.communicate(timeout=150))
                assert process.returncode == 0, scene.deployed[env]
            yield scene
        finally:
            clone.run(SLUICEGATE, "down")


@pytest.fixture(scope="module")
def troubles(scene: Scene) -> dict[str, str]:
    """Everything that goes wrong, as far as possible at the same time."""
    clone = scene.clone
    for source in ("payments", "customers", "merchants"):
        (clone.root / "drops" / source).mkdir(parents=True)
    broken_drop = clone.root / "drops" / "payments" / "payments_2026-10-01.csv"
    broken_drop.write_text("payment_id;amout\n")
    os.utime(broken_drop, (time.time() - 60,) * 2)
    late = _triggered(clone, "prod")
    with working(clone, "staging") as worker:
        broken = scene.with_variables(SLUICEGATE_LAKE__ROOT="prefect.toml")
        runs = [broken.start(SLUICEGATE, "run"), clone.start(SLUICEGATE, "run")]
        pool = "/work_pools/sluicegate-staging"
        assert until(lambda: clone.ask(pool)["status"] == "READY", seconds=60)
        killed = _triggered(clone, "staging")
        _kill(clone, killed, worker)
        ended = [(process.communicate(timeout=150), process.returncode) for process in runs]
        # It is the worker who finds it dead: it must live that long.
        died = until(lambda: _state(clone, killed) == "CRASHED", seconds=60)
    assert died, (clone.root / "worker.log").read_text()
    assert [code for _, code in ended] == [4, 3], ended
    return {"crashed": killed, "late": late}


def _triggered(clone: Clone, env: str) -> str:
    number = clone.ask(f"/deployments/name/pipeline/{env}")["id"]
    flow_run: str = clone.ask(f"/deployments/{number}/create_flow_run", {})["id"]
    return flow_run


def _state(clone: Clone, flow_run: str) -> str:
    state: str = clone.ask(f"/flow_runs/{flow_run}")["state_type"]
    return state


def _kill(clone: Clone, flow_run: str, worker: subprocess.Popen[str]) -> None:
    def running() -> str | None:
        assert worker.poll() is None, (clone.root / "worker.log").read_text()
        found = clone.ask(f"/flow_runs/{flow_run}")
        return found["infrastructure_pid"] if found["state_type"] == "RUNNING" else None

    place = until(running, seconds=60)
    assert place, (clone.root / "worker.log").read_text()
    os.kill(int(place.rpartition(":")[2]), signal.SIGKILL)


STATUS = r"look: \.venv/bin/sluicegate status --env {env}"
LOOK = r"look: PREFECT_API_URL=http://127\.0\.0\.1:\d+/api \.venv/bin/prefect "
ALERTS = {
    "failed": (
        "dev",
        "a run failed",
        ("The lake is in a folder, and there is a file", STATUS, r"runbook\.md#run-failed"),
    ),
    "refused": (
        "dev",
        "a run was refused",
        (
            "payments, payments_2026-10-01.csv: The batch",
            r"sluicegate batches condemn payments payments_2026-10-01\.csv --env dev --because",
            STATUS,
            r"ui: http://127\.0\.0\.1:\d+/runs/flow-run/[0-9a-f-]{36}",
            r"runbook\.md#run-refused",
        ),
    ),
    "crashed": (
        "staging",
        "a run was cut off",
        ("process of a run of staging ended before", STATUS, r"runbook\.md#run-crashed"),
    ),
    "late": (
        "prod",
        "a run is late",
        (
            "A run of prod is due and has not begun",
            "make worker ENV=prod",
            LOOK + "work-pool inspect sluicegate-prod",
            r"runbook\.md#run-late",
        ),
    ),
    "missed": (
        "prod",
        "no run of pipeline ended in time",
        (
            r"No run of pipeline/prod has ended for 10 seconds",
            LOOK + "deployment inspect pipeline/prod",
            r"runbook\.md#run-missed",
        ),
    ),
    "stale": (
        "dev",
        "a source is stale",
        (
            r"The source 'customers' has not delivered: it never did, and one was due after 20",
            "expected of it: daily by 06:00 Europe/Berlin",
            STATUS,
            r"runbook\.md#source-stale",
        ),
    ),
}


@pytest.mark.parametrize("case", ALERTS)
def test_an_alert_reaches_people_with_what_happened_and_where_to_look(
    case: str, scene: Scene, troubles: dict[str, str]
) -> None:
    """By the environment's channel, and always as a line in the log."""
    env, title, needles = ALERTS[case]
    text = scene.told(env, title, "customers" if case == "stale" else "")
    for needle in needles:
        assert re.search(needle.format(env=env) if needle == STATUS else needle, text), text
    if case in troubles:
        assert f"/runs/flow-run/{troubles[case]}" in text
    assert any(f"[{env}] {title}: " in line for line in scene.log)


def test_nobody_is_told_twice_or_of_what_did_not_happen(
    scene: Scene, troubles: dict[str, str]
) -> None:
    """One message for each trouble; what is fresh and what is off is not told."""
    for env, title, _ in ALERTS.values():
        scene.told(env, title)
    assert until(lambda: len(scene.web.texts) >= 4), scene.log
    titles = {env: sorted(_titles(scene.texts(env))) for env in ("dev", "staging")}
    assert titles == {
        "dev": ["a run failed", "a run was refused", *["a source is stale"] * 2],
        "staging": ["a run was cut off"],
    }
    assert _titles(scene.texts("prod")).count("a run is late") == 1
    assert not [line for line in scene.log if "not delivered by" in line]
    stale = [text for text in scene.web.texts if "a source is stale" in text]
    assert {re.findall(r"The source '(\w+)'", text)[0] for text in stale} == {
        "customers",
        "merchants",
    }, "what came just now is not told"
    assert scene.web.paths == [f"/{TOKEN}"] * 5, "the first was answered with an error"
    assert {tuple(each) for each in scene.mail.envelopes} == {
        ("oncall@example.com", "lead@example.com")
    }


def _titles(texts: list[str]) -> list[str]:
    return [
        re.split(r"\[\w+\] ", re.split(r"[:\n]", text[text.index("[") :])[0])[1] for text in texts
    ]


def test_the_events_say_which_run_it_was(scene: Scene, troubles: dict[str, str]) -> None:
    """Each event is about its environment, and Prefect links it with the flow run."""
    scene.told("dev", "a run was refused")
    asked = {"filter": {"event": {"name": ["sluicegate.run.refused"]}}}
    (event,) = until(lambda: scene.clone.ask("/events/filter", asked)["events"])
    assert event["resource"]["prefect.resource.id"] == "sluicegate.environment.dev"
    assert set(event["payload"]) == {
        *("env", "run", "what", "where", "next", "look", "ui", "source"),
    }
    roles = {related["prefect.resource.role"] for related in event["related"]}
    assert {"flow-run", "flow"} <= roles
    asked = {"filter": {"event": {"prefix": ["sluicegate."]}}}
    told = until(lambda: _four(scene.clone.ask("/events/filter", asked)["events"]))
    assert sorted(each["event"].removeprefix("sluicegate.") for each in told) == [
        *("run.failed", "run.refused", "source.stale", "source.stale"),
    ]
    about = {resource["prefect.resource.id"] for each in told for resource in each["related"]}
    assert "sluicegate.source.customers" in about


def _four(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return events if len(events) >= 4 else []


def test_deploying_says_what_it_did_with_alerts(scene: Scene) -> None:
    """One line: how people are told, and what became of the automations."""
    counts = {"dev": 6, "staging": 7, "prod": 7}
    for env, by in {"dev": "webhook and log", "staging": "email and log", "prod": "a line"}.items():
        assert f"alerts by {by}" in scene.deployed[env]
        assert f": {counts[env]} created; what each means: docs/runbook.md" in scene.deployed[env]
        assert len(_automations(scene.clone, env)) == counts[env]


def test_deploying_again_keeps_alerts_in_step_and_secrets_to_itself(
    scene: Scene, troubles: dict[str, str]
) -> None:
    """What was switched off, copied or replaced is mended and told, values of channels are not."""
    late = _automations(scene.clone, "dev")["dev: a run is late"]
    by_hand = {key: late[key] for key in ("tags", "trigger", "actions")}
    scene.clone.ask("/automations/", {**by_hand, "name": "dev: a copy"})
    scene.clone.ask(f"/automations/{late['id']}", {"enabled": False}, method="PATCH")
    variables = channels(scene.web, scene.mail)["dev"]
    variables["SLUICEGATE_ALERTS__WEBHOOK_URL"] += "/2"
    told = scene.with_variables(**variables).run(SLUICEGATE, "deploy", "--env", "dev")
    assert "alerts by webhook and log: 5 unchanged, 1 changed" in told
    assert "dev: a run is late, enabled: False → True" in told
    assert "dev: a copy: deleted" in told
    assert "sluicegate-alerts-dev, webhook_url: '(not shown)' → '(not shown)'" in told
    held = _automations(scene.clone, "dev")
    assert len(held) == 6
    assert held["dev: a run is late"]["enabled"]

    logs = [file.read_text(errors="replace") for file in scene.logs.iterdir()]
    events = scene.clone.ask("/events/filter", {"limit": 50})
    blocks = scene.clone.ask("/block_documents/filter", {})
    assert [each["block_type"]["slug"] for each in blocks] == ["sluicegate-alerts"] * 3
    stored = (scene.clone.root / ".sluicegate/prefect/prefect.db").read_bytes().decode("latin-1")
    everywhere = (told, *logs, str(scene.deployed), str(events), str(blocks), stored)
    assert not [text for text in everywhere if TOKEN in text]


def _automations(clone: Clone, env: str) -> dict[str, dict[str, Any]]:
    asked = {"automations": {"tags": {"all_": [f"sluicegate-alerts-{env}"]}}}
    return {each["name"]: each for each in clone.ask("/automations/filter", asked)}
