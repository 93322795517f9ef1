"""The pipeline: everything that happens between a provider's batch and a reader's query."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from sluicegate import warehouse
from sluicegate.errors import RefMoved, SluicegateError
from sluicegate.pipeline import Platform, Report, Run
from sluicegate.settings import load_settings
from tasks import alerts, stages
from tasks.logs import hear_the_library, quiet_known_errors
from tasks.report import show_report

ATTEMPTS = 3
"""Times that a run starts over when somebody else published to its environment meanwhile."""


def _named() -> str:
    """What tells a run from others in a list: where it publishes to, and when it was due."""
    due = flow_run.get_scheduled_start_time()
    return f"{_ref(flow_run.get_parameters()['env'])} {due:%Y-%m-%d %H:%M} UTC"


def _ref(env: str) -> str:
    try:
        return load_settings(env).ref
    except SluicegateError:
        # The flow will say what is wrong; a name is not worth an error.
        return env


@flow(name="pipeline", flow_run_name=_named, persist_result=False, validate_parameters=True)
def pipeline(env: str = "dev") -> Report:
    """Write, audit, publish: the one path by which data reach an environment's readers.

    Args:
        env: environment to publish to.

    Raises:
        DataRefused: a batch or an audit was refused; nothing was published.
        EnvironmentFailed: a source, the lake's folder or another service failed.
        ConfigurationError: the settings or a contract are wrong.
    """
    hear_the_library()
    quiet_known_errors()
    with alerts.told(env) as told:
        platform = Platform.open(env)
        run = Run(platform, ui=_address(platform))
        told.report = run.report
        try:
            with run.recorded(), run.turn(), run.patience():
                _until_published(run)
        finally:
            show_report(run.report)
    return run.report


def _until_published(run: Run) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _write_audit_publish(run)
            return
        except RefMoved:
            # Batches are idempotent: the same work on the new head gives the same result.
            if attempt == ATTEMPTS:
                raise


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
        build = stages.transform(run, branch, harvest, offer)
        stages.audit(run, branch, harvest, build)
        stages.publish(run, branch)


def _address(platform: Platform) -> str | None:
    number = flow_run.get_id()
    return f"{platform.settings.prefect.ui_url}/runs/flow-run/{number}" if number else None


if __name__ == "__main__":
    pipeline()
