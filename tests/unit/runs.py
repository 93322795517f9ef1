"""A run of the pipeline in this process, with its audit, but for what dbt does."""

from __future__ import annotations

from sluicegate.pipeline import EVERYTHING, Run, refusing, stages
from sluicegate.warehouse import Build

NOTHING_BUILT = Build((), (), (), 0.0, unit_tests=False)


def take_in(run: Run) -> None:
    """Take in what is new, audit and publish it."""
    with run.recorded(), run.turn(), run.patience():
        offer = stages.discover(run, EVERYTHING)
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
