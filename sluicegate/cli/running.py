"""Running the pipeline flow from the console, against the environment's Prefect server."""

from __future__ import annotations

import logging
import os
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sluicegate.cli import render
from sluicegate.errors import EnvironmentFailed
from sluicegate.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sluicegate.ingestion import Selection
    from sluicegate.pipeline import Report, Scope


def run_pipeline(settings: Settings, scope: Scope | None = None, *, quiet: bool) -> Report:
    """Run the pipeline in this process and return its report.

    Args:
        scope: what it is about; by default everything that is new.

    Raises:
        EnvironmentFailed: the Prefect server does not answer.
        SluicegateError: as the flow raises.
    """

    def flow() -> Report:
        from flows.pipeline import pipeline

        if scope is None:
            return pipeline(env=settings.env)
        window = scope.window
        return pipeline(
            settings.env, scope.sources, window.since, window.until, scope.most, scope.passed
        )

    return _run(settings, flow, lambda: _nothing_new(settings, scope), quiet=quiet)


def run_in_chunks(settings: Settings, scope: Scope, *, quiet: bool) -> Iterator[Report]:
    """Run the pipeline until nothing of the scope is left, so many batches at a time.

    Each chunk is published by itself: what was published stays, also if a later one is refused or
    the process is killed, and the same command goes on where it ended. What one held is passed over
    by those after it.
    """
    from sluicegate.pipeline.chunks import in_chunks

    yield from in_chunks(scope, lambda chunk: run_pipeline(settings, chunk, quiet=quiet))


def run_replay(settings: Settings, selection: Selection, *, quiet: bool) -> Report:
    """Replay what is in quarantine in this process and return the report.

    Raises:
        EnvironmentFailed: the Prefect server does not answer.
        SluicegateError: as the flow raises.
    """

    def flow() -> Report:
        from flows.replay import replay

        return replay(settings.env, selection.sources, selection.rules, selection.files)

    return _run(settings, flow, lambda: None, quiet=quiet)


def _run(
    settings: Settings,
    flow: Callable[[], Report],
    shortcut: Callable[[], Report | None],
    *,
    quiet: bool,
) -> Report:
    _prepare_prefect(settings)
    require_server(os.environ["PREFECT_API_URL"], hint="start it: sluicegate up, or make run")
    with heard(quiet=quiet) as told:
        if (report := shortcut()) is not None:
            return report
        told.say("starting a flow run in Prefect")
        return flow()


@contextmanager
def heard(*, quiet: bool) -> Iterator[render.Teller]:
    """Tell what goes on meanwhile; and where a line can change, how far each stage is."""
    told = render.Teller(quiet=quiet)
    names = ("sluicegate", "tasks.progress") if told.changes else ("sluicegate",)
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(told)
    try:
        yield told
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(told)
            logger.setLevel(level)
            logger.propagate = propagate
        told.end()


def _nothing_new(settings: Settings, scope: Scope | None) -> Report | None:
    """The report of a run that has nothing to do; None if there may be something.

    A person who asks in vain need not wait for Prefect to be imported. Whatever is wrong is left
    to the flow, which puts it on record where people look.
    """
    from sluicegate.pipeline import EVERYTHING, Platform, Run, stages

    try:
        run = Run(Platform.open(settings.env), ui=settings.prefect.ui_url)
        with run.stage("discover"):
            offer = stages.discover(run, scope or EVERYTHING)
    except Exception:  # noqa: BLE001 - it happens again in the flow, and is put on record there.
        return None
    if not offer.nothing or any(each.stale for each in run.report.freshness):
        # Only the flow can raise the alert that a source is stale.
        return None
    with run.recorded():
        run.nothing_new()
    return run.report


def _prepare_prefect(settings: Settings) -> None:
    """What Prefect must know before it is imported; what the user has set stays."""
    wanted = {
        "PREFECT_API_URL": settings.prefect.api_url,
        "PREFECT_HOME": str(settings.state / "prefect"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "sluicegate",
        # The console tells the run in its own words; Prefect's go to the server.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def require_server(address: str, *, hint: str) -> None:
    """Make sure that a Prefect server answers.

    Raises:
        EnvironmentFailed: it does not.
    """
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=10):  # noqa: S310
            return
    except urllib.error.HTTPError:
        # It answers, if only to ask who we are; Prefect's own client knows how to tell it.
        return
    except (OSError, ValueError) as error:
        raise EnvironmentFailed(
            "The Prefect server does not answer.",
            where=address,
            hint=hint,
        ) from error
