"""dbt's results as records: what was built, what was checked, what could not run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sluicegate.errors import ConfigurationError
from sluicegate.warehouse import failures
from sluicegate.warehouse.records import Check, CheckStatus, Model

_CHECKS = {"test": "data", "unit_test": "unit"}
_MODELS = ("model", "snapshot")
_CHECK_STATUS: dict[str, CheckStatus] = {
    "pass": "pass",
    "success": "pass",
    "warn": "warn",
    "fail": "fail",
    "skipped": "skipped",
}
_FAILED = ("error", "runtime error", "partial success")


def read(
    results: Iterable[Any], project: Path, count: Callable[[str], int]
) -> tuple[tuple[Model, ...], tuple[Check, ...]]:
    """Turn dbt's results into models and checks.

    Args:
        results: the run results of one dbt build.
        project: the dbt project, to say where something is.
        count: how many rows a relation, given by its quoted name, holds.

    Raises:
        ConfigurationError: a model or a test cannot run as it is written.
        EnvironmentFailed: the machine failed while one ran.
    """
    models: list[Model] = []
    checks: list[Check] = []
    for result in results:
        kind, broken = str(result.node.resource_type), None
        if result.status in _FAILED:
            broken = _broken(result, project, models)
        if kind in _CHECKS:
            checks.append(broken or _check(result, kind, models))
        else:
            models.append(_model(result, count))
            if broken:
                checks.append(broken)
    return tuple(models), tuple(checks)


def _broken(result: Any, project: Path, built: list[Model]) -> Check:
    """The promise that data broke in the middle of a query; raises where it was not the data."""
    node, message = result.node, str(result.message or "")
    promise = failures.broken_promise(message) if node.resource_type != "unit_test" else None
    if promise is None:
        raise failures.of_node(node, message, project)
    return Check(
        name=f"{node.name}: {promise}",
        kind="constraint",
        status="fail",
        failures=None,
        model=_subject(node, built),
        seconds=result.execution_time,
        message=promise,
        compiled_sql=getattr(node, "compiled_code", None),
        id=node.unique_id,
    )


def _model(result: Any, count: Callable[[str], int]) -> Model:
    node = result.node
    kind = str(node.config.materialized)
    built = result.status == "success"
    return Model(
        name=node.name,
        schema=node.schema,
        kind=kind,
        status="built" if built else "skipped" if result.status == "skipped" else "failed",
        seconds=result.execution_time,
        rows=count(node.relation_name) if built and kind != "view" else None,
        id=node.unique_id,
        compiled_sql=getattr(node, "compiled_code", None),
    )


def _check(result: Any, kind: str, built: list[Model]) -> Check:
    node, unit = result.node, kind == "unit_test"
    return Check(
        name=node.name,
        kind="unit" if unit else "data",
        status=_CHECK_STATUS[str(result.status)],
        failures=result.failures,
        model=_subject(node, built),
        seconds=result.execution_time,
        message=str(result.message or ""),
        compiled_sql=None if unit else getattr(node, "compiled_code", None),
        id=node.unique_id,
    )


def _subject(node: Any, built: list[Model]) -> str | None:
    """The model a node is about: itself, what a test hangs on, or the last one built it reads."""
    if node.resource_type in _MODELS:
        return str(node.name)
    hangs_on = getattr(node, "tested_node_unique_id", None) or getattr(node, "attached_node", None)
    if hangs_on:
        return _name(hangs_on)
    read = {_name(name) for name in node.depends_on.nodes}
    # dbt builds upstream first: of the models a test compares, the last is the one under test.
    return next((model.name for model in reversed(built) if model.name in read), None)


def _name(unique_id: str) -> str:
    return unique_id.rsplit(".", 1)[-1]


def refuse_emptiness(models: Sequence[Model], checks: Sequence[Check], project: Path) -> None:
    """A build that built nothing, or that nothing was tested in, proves nothing.

    Raises:
        ConfigurationError: it is such a build.
    """
    looked = [check for check in checks if check.kind != "unit" and check.status != "skipped"]
    if not models:
        raise ConfigurationError("The dbt project has no models.", where=str(project))
    if not looked and not any(check.status == "fail" for check in checks):
        raise ConfigurationError(
            "The dbt project ran no test on the data it built.",
            where=str(project),
            hint="a build that nothing is checked in cannot be published: give a model data_tests",
        )
