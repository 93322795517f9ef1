"""What every run has around its work: its record, its turn, another try, its alerts and report."""

from __future__ import annotations

from collections.abc import Callable

from prefect.runtime import flow_run

from sluicegate.errors import RefMoved, SluicegateError
from sluicegate.pipeline import Kind, Platform, Report, Run
from sluicegate.settings import load_settings
from tasks import alerts
from tasks.logs import hear_the_library, quiet_known_errors
from tasks.report import show_report

ATTEMPTS = 3
"""Times that a run starts over when somebody else published to its environment meanwhile."""


def name_of_run() -> str:
    """What tells a run from others in a list: where it publishes to, and when it was due."""
    due = flow_run.get_scheduled_start_time()
    return f"{_ref(flow_run.get_parameters()['env'])} {due:%Y-%m-%d %H:%M} UTC"


def name_of_replay() -> str:
    """The same for a replay, which is told from other runs of its environment."""
    ref, _, due = name_of_run().partition(" ")
    return f"{ref} replay {due}"


def run_until_published(
    env: str, work: Callable[[Run], None], kind: Kind = Kind.PIPELINE
) -> Report:
    """Do a run's work, again if the ref moves meanwhile, and tell how it ended.

    Args:
        work: from looking at what readers see to publishing; idempotent.
    """
    hear_the_library()
    quiet_known_errors()
    with alerts.told(env) as told:
        platform = Platform.open(env)
        run = Run(platform, ui=_address(platform), kind=kind)
        told.report = run.report
        try:
            with run.recorded(), run.turn(), run.patience():
                _attempt(run, work)
        finally:
            show_report(run.report)
    return run.report


def _attempt(run: Run, work: Callable[[Run], None]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            work(run)
            return
        except RefMoved:
            # Batches are idempotent: the same work on the new head gives the same result.
            if attempt == ATTEMPTS:
                raise


def _ref(env: str) -> str:
    try:
        return load_settings(env).ref
    except SluicegateError:
        # The flow will say what is wrong; a name is not worth an error.
        return env


def _address(platform: Platform) -> str | None:
    number = flow_run.get_id()
    return f"{platform.settings.prefect.ui_url}/runs/flow-run/{number}" if number else None
