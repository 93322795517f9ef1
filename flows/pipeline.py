"""The pipeline: everything that happens between a provider's batch and a reader's query."""

from __future__ import annotations

from datetime import date

from prefect import flow

from sluicegate import warehouse
from sluicegate.pipeline import Report, Run, Scope
from tasks import stages
from tasks.attempts import name_of_run, run_until_published


@flow(name="pipeline", flow_run_name=name_of_run, persist_result=False, validate_parameters=True)
def pipeline(
    env: str = "dev",
    sources: tuple[str, ...] = (),
    since: date | None = None,
    until: date | None = None,
    most: int | None = None,
    passed: tuple[str, ...] = (),
) -> Report:
    """Write, audit, publish: the one path by which data reach an environment's readers.

    Args:
        env: environment to publish to.
        sources: whose batches; empty for those of all.
        since: first day that they are about; an API is asked for it anew.
        until: last day, included.
        most: batches to take in; the others are left for the next run.
        passed: ``source/id`` of batches to pass over, which runs before this one held.

    Raises:
        DataRefused: a batch or an audit was refused; nothing was published.
        EnvironmentFailed: a source, the lake's folder or another service failed.
        ConfigurationError: the settings, a contract or what was asked for is wrong.
    """
    scope = Scope.of(sources, since, until, most, passed)
    return run_until_published(env, lambda run: _write_audit_publish(run, scope))


def _write_audit_publish(run: Run, scope: Scope) -> None:
    offer = stages.discover(run, scope)
    if offer.nothing:
        run.nothing_new()
        return
    warehouse.warm_up()
    with run.branch() as branch:
        harvest = stages.open_harvest(run, branch)
        for name, discovery in offer.discoveries.items():
            if discovery.new:
                stages.ingest_source(run, branch, name, discovery, harvest)
        stages.refuse_held(run, harvest)
        if harvest.nothing and not offer.code_changed:
            run.nothing_new()
            return
        build = stages.transform(run, branch, harvest, unit_tests=offer.code_changed)
        stages.audit(run, branch, harvest, build)
        stages.publish(run, branch)


if __name__ == "__main__":
    pipeline()
