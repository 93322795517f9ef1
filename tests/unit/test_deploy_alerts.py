"""The alerts of an environment: which automations it has, and how they are kept in step."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.deploy import FILE, Outcome, deploy, tag_of
from sluicegate.deploy.alerts import alerting
from sluicegate.deploy.schedules import longest_gap
from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.settings import ENVIRONMENTS, load_settings
from tests.unit.server import Fake, pipelines

ROOT = Path(__file__).parents[2]
ALWAYS = {
    "a run failed",
    "a run was refused",
    "a run was cut off",
    "a run is late",
    "a source is stale",
    "a batch is held",
}
MISSED = "no run of pipeline ended in time"
URL = "https://hooks.example.com/services/T0ken"
MAIL = """
channel = "email"
smtp_host = "mail.example.com"
smtp_from = "sluicegate@example.com"
smtp_to = ["oncall@example.com"]
"""

Deploy = Callable[..., Outcome]


@pytest.fixture
def server() -> Fake:
    return Fake()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("SLUICEGATE_PROJECT", "SLUICEGATE_PREFECT__PORT"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ENVIRONMENTS).mkdir(parents=True)
    for env in ("dev", "staging", "prod"):
        set_alerts(tmp_path, "", env)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "pipeline.py").touch()
    (tmp_path / FILE).write_text(pipelines(ROOT / FILE))
    return tmp_path


@pytest.fixture
def run(project: Path, server: Fake) -> Deploy:
    return lambda env="dev": deploy(load_settings(env, project), server, environ={})


def set_alerts(project: Path, alerts: str, env: str = "dev") -> None:
    """Write an environment's settings with this section."""
    text = f'[lake]\nroot = "lake"\n[landing]\nroot = "landing"\n[alerts]\n{alerts}'
    (project / ENVIRONMENTS / f"{env}.toml").write_text(text)


def edit(project: Path, before: str, after: str) -> None:
    text = (project / FILE).read_text()
    assert before in text
    (project / FILE).write_text(text.replace(before, after))


def named(server: Fake, env: str = "dev") -> dict[str, Mapping[str, Any]]:
    """An environment's automations, by title."""
    held = server.automations(tag_of(env))
    return {each.name.removeprefix(f"{env}: "): each.state for each in held}


def test_each_environment_has_an_automation_for_each_kind_of_alert(
    run: Deploy, server: Fake
) -> None:
    """Named for people; a run can only be missed where a schedule is on."""
    for env in ("dev", "prod"):
        outcome = run(env)
        assert {each.action for each in outcome.alerts} == {"created"}
        assert outcome.channel == "log"
    assert set(named(server, "dev")) == ALWAYS
    assert set(named(server, "prod")) == {*ALWAYS, MISSED}
    assert server.told[0] == "channel sluicegate-alerts-dev", "automations name it"


def test_messages_name_environment_command_and_runbook(run: Deploy, server: Fake) -> None:
    """Of what Prefect itself notices, too; and only of runs of this environment's pool."""
    run("prod")
    held = named(server, "prod")
    for title, state in held.items():
        assert state["subject"] == f"[prod] {title}"
        assert "runbook: docs/runbook.md#" in state["body"]
        assert state["description"].endswith("Kept by `sluicegate deploy --env prod`.")
    assert ".venv/bin/sluicegate status --env prod" in held["a run was cut off"]["body"]
    assert "make worker ENV=prod" in held["a run is late"]["body"]
    assert "deployment inspect pipeline/prod" in held[MISSED]["body"]
    pool = {"prefect.resource.role": "work-pool", "prefect.resource.name": "sluicegate-prod"}
    for title in ("a run was cut off", "a run is late", MISSED):
        assert pool in held[title]["trigger"]["match_related"]
    for title in ("a run failed", "a run was refused", "a source is stale", "a batch is held"):
        about = {"prefect.resource.id": "sluicegate.environment.prod"}
        assert held[title]["trigger"]["match"] == about
    assert held["a run was refused"]["trigger"]["expect"] == ["sluicegate.run.refused"]


def test_deploying_twice_changes_no_alert(run: Deploy, server: Fake) -> None:
    """A changed automation starts its time anew: it is changed only where it is different."""
    run("prod")
    server.told.clear()
    outcome = run("prod")
    assert not outcome.changed
    assert {each.action for each in outcome.alerts} == {"unchanged"}
    assert server.told == []


def test_what_somebody_changed_is_as_it_was(run: Deploy, server: Fake) -> None:
    """Switched off, edited, copied, deleted: each is mended, told, and tells once."""
    run()
    late, failed, refused, *_ = (
        next(each for each in server.alerts.values() if each.name == f"dev: {title}")
        for title in ("a run is late", "a run failed", "a run was refused")
    )
    late.state["enabled"] = False
    failed.state["body"] = "nothing to see"
    del server.alerts[refused.number]
    server.alerts["copy"] = dataclasses.replace(late, number="copy")
    server.alerts["old"] = dataclasses.replace(late, number="old", name="dev: of last year")
    outcome = run()
    actions = {each.name.removeprefix("dev: "): each.action for each in outcome.alerts}
    assert (actions["a run is late"], actions["a run failed"]) == ("changed", "changed")
    assert actions["a run was refused"] == "created"
    assert sorted(outcome.alerts_deleted) == ["dev: a run is late", "dev: of last year"]
    assert outcome.changed
    assert len(server.alerts) == len(ALWAYS)
    assert all(state["enabled"] for state in named(server).values())


def test_alerts_of_others_are_left_alone(run: Deploy, server: Fake) -> None:
    """Of another environment, or made by hand."""
    run("prod")
    before = dict(server.alerts)
    mine = dataclasses.replace(next(iter(before.values())), number="mine")
    server.alerts["mine"] = dataclasses.replace(mine, state={**mine.state, "tags": ["mine"]})
    run("dev")
    assert before.items() <= server.alerts.items()
    assert "mine" in server.alerts


def test_a_schedule_that_is_switched_off_is_not_missed(
    project: Path, run: Deploy, server: Fake
) -> None:
    """The automation goes with the last schedule, or with the whole deployment."""
    run("prod")
    edit(project, "      env: prod\n", "      env: prod\n    paused: true\n")
    assert run("prod").alerts_deleted == [f"prod: {MISSED}"]
    assert set(named(server, "prod")) == ALWAYS


def test_a_server_that_keeps_another_automation_is_found_out(run: Deploy, server: Fake) -> None:
    """What the server then holds is read back."""
    server.deaf = True
    with pytest.raises(EnvironmentFailed, match=r"automation 'dev: .*Different: enabled"):
        run()


def test_the_time_after_which_a_run_was_missed_follows_the_schedules(
    project: Path, run: Deploy, server: Fake
) -> None:
    """The longest gap, with weekends and a day of 25 hours, and two hours; or as it is set."""
    run("prod")
    trigger = named(server, "prod")[MISSED]["trigger"]
    assert trigger["within"] == timedelta(hours=25 + 2).total_seconds()
    assert trigger["posture"] == "Proactive"
    assert trigger["after"] == trigger["expect"]
    assert "prefect.flow-run.Failed" in trigger["expect"], "a failed run was not missed"
    set_alerts(project, "missed_after_seconds = 600\n", "prod")
    (changed,) = (each for each in run("prod").alerts if each.action == "changed")
    assert ("trigger.within", 97200.0, 600.0) in [dataclasses.astuple(c) for c in changed.changes]


@pytest.mark.parametrize(
    ("crons", "gap"),
    [
        (["0 17 * * mon-fri"], timedelta(days=3, hours=1)),
        (["*/5 * * * *"], timedelta(minutes=5)),
        (["0 0 1 * *"], timedelta(days=31, hours=1)),
        (["0 6 * * mon", "0 6 * * thu"], timedelta(days=4, hours=1)),
        (["0 0 29 2 *"], timedelta(days=366)),
    ],
)
def test_the_longest_gap_of_schedules(crons: list[str], gap: timedelta) -> None:
    """Of all of them together, over a year in which the clock changes."""
    timings = [{"cron": cron, "timezone": "Europe/Berlin", "day_or": True} for cron in crons]
    assert longest_gap(timings) == gap


INCOMPLETE = {
    "webhook without an address": ('channel = "webhook"\n', "need webhook_url"),
    "mail without anything": ('channel = "email"\n', "need smtp_host and smtp_from and smtp_to"),
    "user without a password": (MAIL + 'smtp_user = "me"\n', "need smtp_password"),
    "password in clear": (
        MAIL + 'smtp_user = "me"\nsmtp_password = "hunter2"\nsmtp_security = "none"\n',
        "would be sent in clear",
    ),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_a_channel_that_lacks_something_is_refused_before_anything_is_applied(
    case: str, project: Path, run: Deploy, server: Fake
) -> None:
    """The variable by which a secret can come is named; a run needs none of it."""
    alerts, message = INCOMPLETE[case]
    set_alerts(project, alerts)
    with pytest.raises(ConfigurationError, match=message) as caught:
        run()
    assert "hunter2" not in str(caught.value)
    assert "dev.toml, section [alerts]" in str(caught.value)
    if "need" in message:
        assert f"SLUICEGATE_ALERTS__{message.split()[-1].upper()}" in str(caught.value.hint)
    assert (server.done, server.told) == ([], [])


def test_a_secret_goes_to_the_server_and_nowhere_else(
    project: Path, run: Deploy, server: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes by a variable; settings, plan and outcome show that it is there, and not what."""
    monkeypatch.setenv("SLUICEGATE_ALERTS__CHANNEL", "webhook")
    monkeypatch.setenv("SLUICEGATE_ALERTS__WEBHOOK_URL", URL)
    outcome = run()
    assert server.channels[tag_of("dev")]["webhook_url"] == URL
    monkeypatch.setenv("SLUICEGATE_ALERTS__WEBHOOK_URL", URL + "2")
    again = run()
    assert again.alerts[0].changes[0].field == "webhook_url"
    settings = load_settings("dev", project)
    shown = [repr(settings), repr(alerting(settings, [])), settings.model_dump_json()]
    shown += [json.dumps(each.to_dict(), default=str) for each in (outcome, again)]
    shown += [repr(outcome), repr(again), str(settings.alerts)]
    assert not [text for text in shown if "T0ken" in text]


def test_a_mail_channel_holds_what_a_mail_needs(
    project: Path, run: Deploy, server: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password by a variable; what belongs to another channel stays out."""
    set_alerts(project, MAIL + f'smtp_user = "me"\nwebhook_url = "{URL}"\n')
    monkeypatch.setenv("SLUICEGATE_ALERTS__SMTP_PASSWORD", "hunter2")
    outcome = run()
    assert server.channels[tag_of("dev")] == {
        "channel": "email",
        "webhook_url": "",
        "smtp_host": "mail.example.com",
        "smtp_port": 587,
        "smtp_security": "starttls",
        "smtp_user": "me",
        "smtp_password": "hunter2",
        "smtp_from": "sluicegate@example.com",
        "smtp_to": ["oncall@example.com"],
    }
    assert "hunter2" not in repr(outcome)
