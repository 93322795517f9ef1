"""What a run tells those who have to know, as Prefect events."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prefect.events import emit_event

from sluicegate.alerts import Alert, of_error, of_held_batches, of_stale_sources, resource_of
from sluicegate.pipeline import Report

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Told:
    """What is known of a run when it ends; a run that cannot begin has no report."""

    report: Report | None = None


@contextmanager
def told(env: str) -> Iterator[Told]:
    """Tell of an error that ends the run, of what it held, and of every source that it found stale.

    Whoever interrupts a run knows of it, and a killed process tells nothing: what ends by a signal
    is told by Prefect, as crashed or cancelled.
    """
    known = Told()
    try:
        yield known
    except Exception as error:
        raise_alert(of_error(env, error, known.report))
        raise
    finally:
        if known.report is not None:
            for alert in (*of_stale_sources(known.report), *of_held_batches(known.report)):
                raise_alert(alert)


def raise_alert(alert: Alert) -> None:
    """Put an alert on the server's record, where automations answer it.

    Prefect sends events from a thread of its own, adds the flow run, and empties its queue before
    the process ends.
    """
    related = []
    if alert.source:
        related.append(
            {
                "prefect.resource.id": f"sluicegate.source.{alert.source}",
                "prefect.resource.role": "source",
                "prefect.resource.name": alert.source,
            }
        )
    resource = {"prefect.resource.id": resource_of(alert.env), "prefect.resource.name": alert.env}
    try:
        emit_event(alert.kind.event, resource, related=related, payload=dict(alert.payload))
    except Exception:
        # The run is what counts: how it ended must not depend on whether it could be told.
        log.warning("the alert %s could not be raised", alert.kind.value, exc_info=True)
