"""Deploying: check everything, apply one environment's part, and read back what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sluicegate.deploy import schedules
from sluicegate.deploy.alerts import Alerting, alerting, tag_of
from sluicegate.deploy.orchestrator import Automation, Orchestrator, State
from sluicegate.deploy.plan import Change, Wanted, differences, plan, pool_of
from sluicegate.deploy.read import read
from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.settings import Settings

POOL_TYPE = "process"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that the server now holds as the file says.

    Attributes:
        name: its full name, ``flow/environment``.
        action: ``created``, ``changed`` or ``unchanged``.
        changes: what is different now, if it was there before.
        next_run: when a schedule that is on starts it next.
    """

    name: str
    action: str
    changes: list[Change]
    next_run: datetime | None


@dataclass(frozen=True, slots=True)
class Alerted:
    """An automation, or the channel that all of them use, as the server now holds it.

    Attributes:
        name: as people see it.
        action: ``created``, ``changed`` or ``unchanged``.
        changes: what is different now, if it was there before.
    """

    name: str
    action: str
    changes: list[Change]


@dataclass(slots=True)
class Outcome:
    """What deploying an environment did, and what it found.

    Attributes:
        env: the environment.
        server: address of the server.
        pool: name of the environment's work pool.
        pool_created: whether the pool had to be created.
        pool_paused: whether somebody paused the pool: its runs wait.
        deployments: the environment's deployments.
        strays: deployments that send runs to the pool, but are not in the file.
        pruned: those of them that were deleted.
        channel: how alerts reach people.
        alerts: the automations that tell them.
        alerts_deleted: automations of ours that nobody needs any more.
    """

    env: str
    server: str
    pool: str
    pool_created: bool = False
    pool_paused: bool = False
    deployments: list[Deployed] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    channel: str = "log"
    alerts: list[Alerted] = field(default_factory=list)
    alerts_deleted: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the server is different from before."""
        actions = [each.action for each in self.deployments] + [each.action for each in self.alerts]
        acted = any(action != "unchanged" for action in actions)
        return acted or self.pool_created or bool(self.pruned) or bool(self.alerts_deleted)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain values, for programs."""
        return {**asdict(self), "changed": self.changed}


def deploy(
    settings: Settings,
    orchestrator: Orchestrator,
    *,
    environ: Mapping[str, str] = os.environ,
    prune: bool = False,
) -> Outcome:
    """Have the server hold the environment's deployments as the file says, and nothing less.

    Args:
        settings: of the environment.
        orchestrator: the server.
        environ: variables that placeholders of the file may name.
        prune: delete deployments that send runs to the environment's pool, but are not in the file.

    Raises:
        ConfigurationError: the file, the variables or the pool are wrong; nothing was applied.
        EnvironmentFailed: the server failed, or holds something else than it was given.
    """
    definition, problems = read(settings.project)
    wanted = plan(
        settings,
        definition,
        problems,
        lambda entrypoint: orchestrator.flow(settings.project, entrypoint),
        environ,
    )
    alerts = alerting(settings, wanted)
    outcome = Outcome(settings.env, orchestrator.address, pool_of(settings.env))
    outcome.channel = settings.alerts.channel
    _prepare_pool(outcome, orchestrator)
    for each in wanted:
        outcome.deployments.append(_apply(each, orchestrator))
    declared = {each.full_name for each in wanted}
    strays = sorted(set(orchestrator.deployments_of(outcome.pool)) - declared)
    if prune:
        for name in strays:
            orchestrator.delete(name)
            outcome.pruned.append(name)
    else:
        outcome.strays = strays
    _apply_alerts(alerts, outcome, orchestrator)
    return outcome


def _prepare_pool(outcome: Outcome, orchestrator: Orchestrator) -> None:
    pool = orchestrator.pool(outcome.pool)
    if pool is None:
        orchestrator.create_pool(outcome.pool, POOL_TYPE)
        outcome.pool_created = True
        pool = orchestrator.pool(outcome.pool)
    if pool is None:
        raise EnvironmentFailed(
            f"The work pool {outcome.pool!r} was created, but is not there.",
            where=orchestrator.address,
        )
    if pool.type != POOL_TYPE:
        raise ConfigurationError(
            f"The work pool {pool.name!r} is of type {pool.type!r}; nothing was applied.",
            where=orchestrator.address,
            hint=f"delete or rename it: runs of {outcome.env} need one of type {POOL_TYPE!r}",
        )
    outcome.pool_paused = pool.paused


def _apply(wanted: Wanted, orchestrator: Orchestrator) -> Deployed:
    before = orchestrator.state(wanted.flow.name, wanted.name)
    changes = differences(before, wanted.state) if before is not None else []
    if before is not None and not changes:
        return Deployed(wanted.full_name, "unchanged", [], _next_run(wanted))
    orchestrator.apply(wanted.flow, wanted.name, wanted.state)
    after = orchestrator.state(wanted.flow.name, wanted.name)
    _compare(wanted.full_name, wanted.state, after, orchestrator)
    action = "created" if before is None else "changed"
    return Deployed(wanted.full_name, action, changes, _next_run(wanted))


def _compare(name: str, wanted: State, after: State | None, orchestrator: Orchestrator) -> None:
    wrong = differences(wanted, after) if after is not None else None
    if wrong is None or wrong:
        fields = ", ".join(change.field for change in wrong) if wrong else "all of it"
        raise EnvironmentFailed(
            f"The server does not hold {name} as it was deployed. Different: {fields}.",
            where=orchestrator.address,
            hint="somebody else may be deploying; if it is the same again, the server is at fault",
        )


def _apply_alerts(wanted: Alerting, outcome: Outcome, orchestrator: Orchestrator) -> None:
    tag = tag_of(outcome.env)
    # The channel first: an automation names it.
    outcome.alerts.append(_apply_channel(tag, wanted.channel, orchestrator))
    found: dict[str, Automation] = {}
    for automation in orchestrator.automations(tag):
        if automation.name in wanted.automations and automation.name not in found:
            found[automation.name] = automation
        else:
            # Of another schedule, of an older version, or a copy: they would tell people twice.
            orchestrator.delete_automation(automation.number)
            outcome.alerts_deleted.append(automation.name)
    for name, state in wanted.automations.items():
        outcome.alerts.append(_apply_automation(name, state, found.get(name), orchestrator))
    if all(alerted.action == "unchanged" for alerted in outcome.alerts):
        return
    after = {each.name: each.state for each in orchestrator.automations(tag)}
    for name, state in wanted.automations.items():
        _compare(f"the automation {name!r}", state, after.get(name), orchestrator)


def _apply_channel(name: str, state: State, orchestrator: Orchestrator) -> Alerted:
    before = orchestrator.channel(name)
    if before == state:
        return Alerted(name, "unchanged", [])
    orchestrator.set_channel(name, state)
    _compare(f"the channel {name!r}", state, orchestrator.channel(name), orchestrator)
    if before is None:
        return Alerted(name, "created", [])
    # Its values are addresses and secrets: that they changed is told, and nothing more.
    hidden = "(not shown)"
    fields = (change.field for change in differences(before, state))
    return Alerted(name, "changed", [Change(field, hidden, hidden) for field in fields])


def _apply_automation(
    name: str, state: State, before: Automation | None, orchestrator: Orchestrator
) -> Alerted:
    changes = differences(before.state, state) if before else []
    if before and not changes:
        return Alerted(name, "unchanged", [])
    orchestrator.set_automation(before.number if before else None, name, state)
    return Alerted(name, "changed" if before else "created", changes)


def _next_run(wanted: Wanted) -> datetime | None:
    active = [each for each in wanted.state["schedules"].values() if each["active"]]
    if wanted.state["paused"] or not active:
        return None
    timing = ("cron", "timezone", "day_or")
    return min(schedules.upcoming({key: each[key] for key in timing}, 1)[0] for each in active)
