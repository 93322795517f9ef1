"""What one environment's deployments shall be, and how that differs from what a server holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluicegate.deploy import schedules, steps
from sluicegate.deploy.definition import Definition, Deployment
from sluicegate.deploy.orchestrator import Flow, State
from sluicegate.deploy.problems import Place, Problems, nearest
from sluicegate.deploy.templates import Templates
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.settings import Settings, environments

BUILD_STEPS: Mapping[str, Callable[[], dict[str, str]]] = {
    "sluicegate.deploy.steps.package": steps.package
}
"""Build steps that may run while deploying: those that only look."""

CONFIDENTIAL = "job_variables"
"""Part of a deployment whose values are not shown: variables of processes may be secrets."""


def pool_of(env: str) -> str:
    """Name of the work pool that an environment's runs are sent to."""
    return f"sluicegate-{env}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A deployment as it shall be."""

    flow: Flow
    name: str
    state: State

    @property
    def full_name(self) -> str:
        """The name by which Prefect's commands know it."""
        return f"{self.flow.name}/{self.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """One value in which a deployment differs."""

    field: str
    before: Any
    after: Any


def plan(
    settings: Settings,
    definition: Definition,
    problems: Problems,
    load: Callable[[str], Flow],
    environ: Mapping[str, str],
) -> list[Wanted]:
    """Check the whole file, and say what the environment's deployments shall be.

    Args:
        settings: of the environment.
        definition: what the file says.
        problems: knows where in the file it says so.
        load: loads the flow of an entrypoint.
        environ: variables that placeholders may name.

    Raises:
        ConfigurationError: anything in the file is wrong, for this environment or another one.
        UnknownName: the file has nothing for this environment.
    """
    known = environments(settings.project)
    flows = _flows(definition, problems, load)
    for position, deployment in enumerate(definition.deployments):
        place: Place = ("deployments", position)
        if deployment.name not in known:
            problems.add(
                (*place, "name"), f"is not an environment; {nearest(deployment.name, known)}"
            )
        else:
            _check_environment(deployment, place, problems)
        _check_schedules(deployment, place, problems)
        if flow := flows.get(deployment.entrypoint):
            _check_parameters(deployment, flow, place, problems)
    _check_names(definition, problems)
    templates = Templates(_outputs(definition, problems), environ, problems)
    states = {
        position: _state(deployment, definition, position, templates)
        for position, deployment in enumerate(definition.deployments)
        if deployment.name == settings.env
    }
    problems.refuse()
    if not states:
        names = {deployment.name for deployment in definition.deployments}
        raise UnknownName.of("deployment", settings.env, names, where=str(problems.file))
    deployments = definition.deployments
    return [
        Wanted(flow := flows[deployments[position].entrypoint], settings.env, _with(state, flow))
        for position, state in states.items()
    ]


def differences(before: State, after: State) -> list[Change]:
    """Every value in which two states differ, by name."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [
        Change(name, "(not shown)", "(not shown)")
        if name.startswith(CONFIDENTIAL)
        else Change(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        # The schema is one value to a reader: that the flow's signature changed.
        if isinstance(item, dict) and item and key != "parameter_schema":
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _flows(
    definition: Definition, problems: Problems, load: Callable[[str], Flow]
) -> dict[str, Flow]:
    flows: dict[str, Flow] = {}
    failed: dict[str, str] = {}
    for position, deployment in enumerate(definition.deployments):
        entrypoint = deployment.entrypoint
        if entrypoint not in flows and entrypoint not in failed:
            try:
                flows[entrypoint] = load(entrypoint)
            except ConfigurationError as error:
                failed[entrypoint] = error.message
        if entrypoint in failed:
            problems.add(("deployments", position, "entrypoint"), failed[entrypoint])
    return flows


def _check_environment(deployment: Deployment, place: Place, problems: Problems) -> None:
    env = deployment.name
    if deployment.work_pool.name != pool_of(env):
        problems.add(
            (*place, "work_pool", "name"),
            f"is not {pool_of(env)!r}: another environment's worker would run it, or none",
        )
    if deployment.parameters.get("env") != env:
        problems.add(
            (*place, "parameters", "env"), f"is not {env!r}: runs would publish somewhere else"
        )
    for number, schedule in enumerate(deployment.schedules):
        if schedule.parameters.get("env", env) != env:
            problems.add(
                (*place, "schedules", number, "parameters", "env"),
                f"is not {env!r}: runs would publish somewhere else",
            )


def _check_schedules(deployment: Deployment, place: Place, problems: Problems) -> None:
    slugs = set()
    for number, schedule in enumerate(deployment.schedules):
        here = (*place, "schedules", number)
        if wrong := schedules.objection(schedule.cron, schedule.timezone):
            problems.add((*here, wrong[0]), wrong[1])
        if schedule.slug in slugs:
            problems.add((*here, "slug"), "names two schedules of this deployment")
        slugs.add(schedule.slug)


def _check_parameters(deployment: Deployment, flow: Flow, place: Place, problems: Problems) -> None:
    if objection := flow.objection(deployment.parameters):
        problems.add((*place, "parameters"), objection)
    for number, schedule in enumerate(deployment.schedules):
        merged = {**deployment.parameters, **schedule.parameters}
        if schedule.parameters and (objection := flow.objection(merged)):
            problems.add((*place, "schedules", number, "parameters"), objection)


def _check_names(definition: Definition, problems: Problems) -> None:
    seen = set()
    for position, deployment in enumerate(definition.deployments):
        if (identity := (deployment.entrypoint, deployment.name)) in seen:
            problems.add(("deployments", position, "name"), "is there twice for the same flow")
        seen.add(identity)


def _outputs(definition: Definition, problems: Problems) -> dict[str, str]:
    outputs: dict[str, str] = {}
    for position, step in enumerate(definition.build):
        for name, inputs in step.items():
            place = ("build", position, name)
            if name not in BUILD_STEPS:
                problems.add(place, f"may not run while deploying; {nearest(name, [*BUILD_STEPS])}")
            elif inputs.keys() != {"id"}:
                problems.add(place, "takes an id, by which its result is used, and nothing else")
            else:
                result = BUILD_STEPS[name]()
                outputs |= {f"{inputs['id']}.{key}": value for key, value in result.items()}
    return outputs


def _state(
    deployment: Deployment, definition: Definition, position: int, templates: Templates
) -> State:
    place: Place = ("deployments", position)
    own = deployment.pull is not None
    pull = deployment.pull if own else definition.pull
    state = {
        "entrypoint": deployment.entrypoint,
        "version": deployment.version,
        "description": deployment.description,
        "tags": sorted(deployment.tags),
        "paused": deployment.paused,
        "parameters": deployment.parameters,
        "enforce_parameter_schema": deployment.enforce_parameter_schema,
        "work_pool": deployment.work_pool.name,
        "work_queue": deployment.work_pool.work_queue_name,
        "job_variables": deployment.work_pool.job_variables,
        "concurrency_limit": deployment.concurrency_limit.model_dump(),
        "schedules": {
            schedule.slug: schedule.model_dump(exclude={"slug"})
            for schedule in deployment.schedules
        },
    }
    filled = {key: templates.filled(value, (*place, key)) for key, value in state.items()}
    steps_at = (*place, "pull") if own else ("pull",)
    filled["pull_steps"] = templates.filled(pull or [], steps_at, at_worker=True)
    return filled


def _with(state: State, flow: Flow) -> State:
    return {**state, "parameter_schema": dict(flow.schema)}
