"""A run of the pipeline in this process, with its audit, but for what dbt does; and its project."""

from __future__ import annotations

from pathlib import Path

from sluicegate.pipeline import EVERYTHING, Run, Scope, refusing, stages
from sluicegate.warehouse import Build

NOTHING_BUILT = Build((), (), (), 0.0, unit_tests=False)


def lay_out(project: Path) -> None:
    """A project that declares nothing yet, with a landing folder and two environments."""
    environments = project / "deployments" / "environments"
    for folder in (
        project / "contracts",
        project / "landing",
        environments,
        project / "dbt_project",
    ):
        folder.mkdir(parents=True)
    for env in ("dev", "prod"):
        (environments / f"{env}.toml").write_text(
            '[lake]\nroot = "lake"\n[landing]\nroot = "landing"\nsettle_seconds = 0\n'
        )
    for name in ("pyproject.toml", "prefect.toml", "dbt_project/dbt_project.yml"):
        (project / name).touch()


def take_in(run: Run, scope: Scope = EVERYTHING) -> None:
    """Take in what is new, audit and publish it."""
    with run.recorded(), run.turn(), run.patience():
        offer = stages.discover(run, scope)
        if not any(found.new for found in offer.discoveries.values()):
            run.nothing_new()
            return
        with run.branch() as branch:
            harvest = stages.open_harvest(run, branch)
            for name, discovery in offer.discoveries.items():
                if discovery.new:
                    stages.ingest_source(run, branch, name, discovery, harvest)
            refusing.refuse_held(run, harvest)
            if harvest.nothing:
                run.nothing_new()
                return
            stages.audit(run, branch, harvest, NOTHING_BUILT)
            stages.publish(run, branch)
