"""The pipeline: everything that happens between a provider's batch and a reader's query."""

from __future__ import annotations

from prefect import flow

from sluicegate import warehouse
from sluicegate.pipeline import Report, Run
from tasks import stages
from tasks.attempts import name_of_run, run_until_published


@flow(name="pipeline", flow_run_name=name_of_run, persist_result=False, validate_parameters=True)
def pipeline(env: str = "dev") -> Report:
    """Write, audit, publish: the one path by which data reach an environment's readers.

    Args:
        env: environment to publish to.

    Raises:
        DataRefused: a batch or an audit was refused; nothing was published.
        EnvironmentFailed: a source, the lake's folder or another service failed.
        ConfigurationError: the settings or a contract are wrong.
    """
    return run_until_published(env, _write_audit_publish)


def _write_audit_publish(run: Run) -> None:
    offer = stages.discover(run)
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
        build = stages.transform(run, branch, harvest, unit_tests=offer.code_changed)
        stages.audit(run, branch, harvest, build)
        stages.publish(run, branch)


if __name__ == "__main__":
    pipeline()
