"""A rehearsal: batches are taken in on a branch that nobody sees, to know what they become."""

from __future__ import annotations

from sluicegate.errors import DataRefused
from sluicegate.pipeline.platform import Platform
from sluicegate.pipeline.refusing import refusals
from sluicegate.pipeline.report import Report, Status
from sluicegate.pipeline.run import Run
from sluicegate.pipeline.scope import Scope
from sluicegate.pipeline.stages import discover, ingest_source, open_harvest
from sluicegate.progress import Progress, untold
from sluicegate.settings import Settings


def rehearse(settings: Settings, scope: Scope, progress: Progress = untold) -> Report:
    """Take in what is new and in scope, and throw it away; models are not built.

    What an API answered stays in the archive, where the run that follows finds it again.

    Raises:
        DataRefused: a batch would be refused; all such are named.
        EnvironmentFailed: a source cannot be reached.
        ConfigurationError: the settings, a contract or what was asked for is wrong.
    """
    run = Run(Platform.open(settings.env, settings.project))
    offer = discover(run, scope, progress)
    run.report.status = Status.NOTHING_NEW
    if not any(found.new for found in offer.discoveries.values()):
        return run.report
    with run.branch() as branch:
        harvest = open_harvest(run, branch)
        for name, discovery in offer.discoveries.items():
            if discovery.new:
                ingest_source(run, branch, name, discovery, harvest, progress)
        refused = refusals(run, harvest)
    if refused:
        raise DataRefused(
            f"{refused.count} would be refused, and nothing published.\n{refused.listed}",
            where=refused.where,
            hint=refused.hint,
        )
    run.report.status = Status.REHEARSED
    return run.report
