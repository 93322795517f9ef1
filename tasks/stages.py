"""The stages of a run as Prefect tasks.

They hand live objects to each other inside one process, so results are neither cached nor
persisted: what a run made is in the lake, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from sluicegate import warehouse
from sluicegate.ingestion import Intake, Selection
from sluicegate.lake import Branch, Move
from sluicegate.pipeline import Run, Scope, refusing, replaying, stages
from sluicegate.pipeline.harvest import Harvest
from sluicegate.pipeline.replaying import Recall
from sluicegate.pipeline.stages import Offer
from sluicegate.quality.check import Check
from sluicegate.sources import Discovery
from tasks.progress import watched

P = ParamSpec("P")
R = TypeVar("R")


def _stage(title: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    options: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return task(name=function.__name__, task_run_name=title, **options)(function)

    return decorate


@_stage("Discover new batches")
def discover(run: Run, scope: Scope) -> Offer:
    """Look at sources for batches that readers do not see yet."""
    with run.stage("discover"), watched("discover", run.env, "Discover new batches") as told:
        return stages.discover(run, scope, told)


@_stage("Open the branch")
def open_harvest(run: Run, branch: Branch) -> Harvest:
    """Open the branch's accounts and take stock of what it holds."""
    with run.stage("ingest"), watched("open", run.env, "Open the branch") as told:
        return stages.open_harvest(run, branch, told)


@_stage("Ingest {name}")
def ingest_source(
    run: Run, branch: Branch, name: str, discovery: Discovery, harvest: Harvest
) -> Intake:
    """Take a source's new batches into the branch."""
    with run.stage("ingest"), watched(f"ingest-{name}", run.env, f"Ingest {name}") as told:
        return stages.ingest_source(run, branch, name, discovery, harvest, told)


@_stage("Refuse held batches")
def refuse_held(run: Run, harvest: Harvest) -> None:
    """Go no further if a batch was refused."""
    refusing.refuse_held(run, harvest)


@_stage("Select what is in quarantine")
def select(run: Run, selection: Selection) -> Recall:
    """Look up what is in quarantine for what readers see now."""
    with run.stage("select"):
        return replaying.select(run, selection)


@_stage("Replay {name}")
def replay_source(run: Run, branch: Branch, name: str, recall: Recall, harvest: Harvest) -> Intake:
    """Judge a source's records in quarantine again."""
    with run.stage("replay"), watched(f"replay-{name}", run.env, f"Replay {name}") as told:
        return replaying.replay_source(run, branch, name, recall, harvest, told)


@_stage("Transform with dbt")
def transform(run: Run, branch: Branch, harvest: Harvest, *, unit_tests: bool) -> warehouse.Build:
    """Let dbt build its models on the branch."""
    with run.stage("transform"), watched("transform", run.env, "Transform with dbt") as told:
        return stages.transform(run, branch, harvest, unit_tests=unit_tests, progress=told)


@_stage("Audit the branch")
def audit(run: Run, branch: Branch, harvest: Harvest, build: warehouse.Build) -> list[Check]:
    """Check everything that must hold before anybody may see the branch."""
    with run.stage("audit"), watched("audit", run.env, "Audit the branch") as told:
        return stages.audit(run, branch, harvest, build, told)


@_stage("Publish to {branch.ref}")
def publish(run: Run, branch: Branch) -> Move:
    """Let readers of the environment see the branch, all tables at once."""
    with run.stage("publish"), watched("publish", run.env, f"Publish to {run.env}"):
        return stages.publish(run, branch)
