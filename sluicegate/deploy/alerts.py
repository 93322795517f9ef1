"""The automations that tell people of an environment's runs, and the channel they tell it by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sluicegate.alerts import Kind, resource_of
from sluicegate.deploy import schedules
from sluicegate.deploy.orchestrator import State
from sluicegate.deploy.plan import Wanted, pool_of
from sluicegate.errors import ConfigurationError
from sluicegate.settings import ENVIRONMENTS, Settings

GRACE = timedelta(hours=2)
"""Time that a run may take or wait, on top of the longest gap in the schedules."""

SCHEDULE_KEYS = ("cron", "timezone", "day_or")
FLOW_RUN = "prefect.flow-run"
ENDED = sorted(
    f"{FLOW_RUN}.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")
)
LOOPBACKS = ("localhost", "127.0.0.1", "::1")


def tag_of(env: str) -> str:
    """The tag by which our automations of an environment are told from other people's.

    The channel that they use has the same name.
    """
    return f"sluicegate-alerts-{env}"


@dataclass(frozen=True, slots=True)
class Alerting:
    """An environment's alerts as they shall be.

    Attributes:
        channel: how they reach people; may hold secrets.
        automations: by name.
    """

    channel: State = field(repr=False)
    automations: dict[str, State]


def alerting(settings: Settings, deployments: Sequence[Wanted]) -> Alerting:
    """Say what an environment's channel and automations shall be.

    Raises:
        ConfigurationError: the channel lacks something.
    """
    return Alerting(_channel(settings), dict(_automations(settings, deployments)))


def _channel(settings: Settings) -> State:
    alerts = settings.alerts
    state: State = {
        "channel": alerts.channel,
        "webhook_url": "",
        "smtp_host": "",
        "smtp_port": 0,
        "smtp_security": "starttls",
        "smtp_user": "",
        "smtp_password": "",
        "smtp_from": "",
        "smtp_to": [],
    }
    if alerts.channel == "webhook":
        _need(settings, "webhook_url")
        state |= {"webhook_url": _plain(alerts.webhook_url)}
    elif alerts.channel == "email":
        _need(settings, "smtp_host", "smtp_from", "smtp_to")
        if alerts.smtp_user or alerts.smtp_password:
            _need(settings, "smtp_user", "smtp_password")
            _refuse_clear_password(settings)
        values = {key: _plain(getattr(alerts, key)) for key in state if key.startswith("smtp_")}
        state |= values
    return state


def _plain(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value or ""


def _need(settings: Settings, *keys: str) -> None:
    missing = [key for key in keys if not _plain(getattr(settings.alerts, key))]
    if missing:
        variables = ", ".join(f"SLUICEGATE_ALERTS__{key.upper()}" for key in missing)
        raise ConfigurationError(
            f"Alerts by {settings.alerts.channel} need {' and '.join(missing)}; "
            "nothing was applied.",
            where=f"{settings.project / ENVIRONMENTS / settings.env}.toml, section [alerts]",
            hint=f"set it there, or for a secret by a variable: {variables}",
        )


def _refuse_clear_password(settings: Settings) -> None:
    alerts = settings.alerts
    if alerts.smtp_security == "none" and alerts.smtp_host not in LOOPBACKS:
        raise ConfigurationError(
            "The password for e-mail would be sent in clear; nothing was applied.",
            where=f"{settings.project / ENVIRONMENTS / settings.env}.toml, section [alerts]",
            hint='smtp_security = "starttls" or "tls"',
        )


def _automations(settings: Settings, deployments: Sequence[Wanted]) -> Iterator[tuple[str, State]]:
    env = settings.env
    ours: State = {"match": {"prefect.resource.id": resource_of(env)}}
    for kind, title in _TITLES.items():
        yield _automation(env, kind, title, {"expect": [kind.event], **ours}, _TOLD_BY_RUN)
    yield _crashed(settings)
    yield _late(settings)
    for wanted in deployments:
        if within := _patience(settings, wanted):
            yield _missed(settings, wanted, within)


def _crashed(settings: Settings) -> tuple[str, State]:
    env = settings.env
    body = (
        f"The process of a run of {env} ended before it could say why: it was killed, ran out of "
        "memory, or could not start.\n"
        f"look: .venv/bin/sluicegate status --env {env}\n"
        f"ui: {_run_page(settings)}\n"
    )
    trigger = {"expect": [f"{FLOW_RUN}.Crashed"], **_runs_of(settings)}
    return _automation(env, Kind.CRASHED, "a run was cut off", trigger, body)


def _late(settings: Settings) -> tuple[str, State]:
    env = settings.env
    body = (
        f"A run of {env} is due and has not begun: no worker took it.\n"
        f"next: make worker ENV={env}, unless one should be running elsewhere\n"
        f"look: {_prefect(settings)} work-pool inspect {pool_of(env)}\n"
        f"ui: {_run_page(settings)}\n"
    )
    trigger = {"expect": [f"{FLOW_RUN}.Late"], **_runs_of(settings)}
    return _automation(env, Kind.LATE, "a run is late", trigger, body)


def _missed(settings: Settings, wanted: Wanted, within: float) -> tuple[str, State]:
    span = f"{within / 3600:.0f} hours" if within >= 7200 else f"{within:.0f} seconds"
    body = (
        f"No run of {wanted.full_name} has ended for {span}, though its schedules are on.\n"
        f"look: {_prefect(settings)} deployment inspect {wanted.full_name}\n"
        f"ui: {settings.prefect.ui_url}/deployments\n"
    )
    related = (("flow", wanted.flow.name), ("deployment", wanted.name))
    trigger = {
        # Each run that ends starts the time anew. With `expect` alone, Prefect looks at the time
        # since it last looked, and a run that fails to come is noticed up to a whole span later.
        "posture": "Proactive",
        "after": ENDED,
        "expect": ENDED,
        "within": within,
        **_runs_of(settings, *related),
    }
    title = f"no run of {wanted.flow.name} ended in time"
    return _automation(settings.env, Kind.MISSED, title, trigger, body)


def _patience(settings: Settings, wanted: Wanted) -> float | None:
    """Seconds without the end of a run after which one was missed; None if none is expected."""
    if wanted.state["paused"]:
        return None
    active = [each for each in wanted.state["schedules"].values() if each["active"]]
    if not active:
        return None
    if settings.alerts.missed_after_seconds is not None:
        return float(settings.alerts.missed_after_seconds)
    timings = [{key: each[key] for key in SCHEDULE_KEYS} for each in active]
    return (schedules.longest_gap(timings) + GRACE).total_seconds()


def _runs_of(settings: Settings, *related: tuple[str, str]) -> State:
    """Flow runs of the environment's pool, by whoever started them, and with these relations."""
    relations = (*related, ("work-pool", pool_of(settings.env)))
    return {
        "match": {"prefect.resource.id": f"{FLOW_RUN}.*"},
        "match_related": [
            {"prefect.resource.role": role, "prefect.resource.name": name}
            for role, name in relations
        ],
    }


def _run_page(settings: Settings) -> str:
    number = "{{ event.resource.id | replace('prefect.flow-run.', '') }}"
    return f"{settings.prefect.ui_url}/runs/flow-run/{number}"


def _prefect(settings: Settings) -> str:
    return f"PREFECT_API_URL={settings.prefect.api_url} .venv/bin/prefect"


def _automation(env: str, kind: Kind, title: str, trigger: State, body: str) -> tuple[str, State]:
    return (
        f"{env}: {title}",
        {
            "description": f"See {kind.runbook}. Kept by `sluicegate deploy --env {env}`.",
            "enabled": True,
            "tags": [tag_of(env)],
            "trigger": {**_TRIGGER, **trigger},
            "channel": tag_of(env),
            "subject": f"[{env}] {title}",
            "body": f"{body}runbook: {kind.runbook}",
        },
    )


_TRIGGER: State = {
    "posture": "Reactive",
    "after": [],
    "expect": [],
    "for_each": [],
    "match": {},
    "match_related": [],
    "threshold": 1,
    "within": 0.0,
}
_TITLES = {
    Kind.FAILED: "a run failed",
    Kind.REFUSED: "a run was refused",
    Kind.STALE: "a source is stale",
    Kind.HELD: "a batch is held",
}
_TOLD_BY_RUN = """\
{{ event.payload.what }}
{% for key in ['run', 'where', 'next', 'look', 'ui'] if event.payload[key] -%}
{{ key }}: {{ event.payload[key] }}
{% endfor -%}
"""
