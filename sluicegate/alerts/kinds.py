"""What people are told of: the kinds of alert, and how a run that ended badly becomes one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sluicegate.errors import DataRefused, SluicegateError

if TYPE_CHECKING:
    from sluicegate.pipeline.report import Report


class Kind(StrEnum):
    """The kinds of alert, each named like its entry in the runbook."""

    FAILED = "run-failed"
    REFUSED = "run-refused"
    CRASHED = "run-crashed"
    LATE = "run-late"
    MISSED = "run-missed"
    STALE = "source-stale"
    HELD = "batch-held"

    @property
    def event(self) -> str:
        """Name of the event by which a run says so; others are told by Prefect itself."""
        subject, _, state = self.value.partition("-")
        return f"sluicegate.{subject}.{state}"

    @property
    def runbook(self) -> str:
        """Where it is explained."""
        return f"docs/runbook.md#{self.value}"


def resource_of(env: str) -> str:
    """The name by which events and automations know an environment."""
    return f"sluicegate.environment.{env}"


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened, for people who were not there. Holds neither a secret nor a personal datum.

    Attributes:
        run: the run that tells it; empty if it could not even begin.
        what: what happened, and for known errors why.
        where: file, table or address it happened at.
        next: what the error advises.
        look: command to look further.
        ui: the run in Prefect's user interface.
        source: the source it is about, if it is about one.
    """

    kind: Kind
    env: str
    run: str
    what: str
    where: str
    next: str
    look: str
    ui: str = ""
    source: str = ""

    @property
    def payload(self) -> dict[str, str]:
        """The alert as an event carries it."""
        facts = asdict(self)
        del facts["kind"]
        return facts


def of_error(env: str, error: Exception, report: Report | None = None) -> Alert:
    """The alert for a run that ended with an error.

    Args:
        env: its environment.
        error: what ended it.
        report: what it had done by then; None if it could not begin.
    """
    kind = Kind.REFUSED if isinstance(error, DataRefused) else Kind.FAILED
    if isinstance(error, SluicegateError):
        what, where, advice = error.message, error.where, error.hint
    else:
        # Messages of other errors may quote data; their type says enough to be called for.
        what, where, advice = f"An error that nobody expected: {type(error).__name__}.", None, None
    if report is not None and report.status.value == "published":
        what = f"The data were published, but what came after failed. {what}"
    return Alert(
        kind=kind,
        env=env,
        run=report.run if report else "",
        what=what,
        where=where or "",
        next=advice or "",
        look=_status(env),
        ui=(report.ui if report else None) or "",
    )


def of_stale_sources(report: Report) -> Iterator[Alert]:
    """An alert for each source that has not delivered what is expected of it."""
    for each in report.freshness:
        if not each.stale:
            continue
        newest = f"its newest batch is of {_moment(each.last)}" if each.last else "it never did"
        due = f", and one was due after {_moment(each.due)}" if each.due else ""
        yield Alert(
            kind=Kind.STALE,
            env=report.env,
            run=report.run,
            what=f"The source {each.source!r} has not delivered: {newest}{due}.",
            where=each.source,
            next=f"expected of it: {each.expectation}",
            look=_status(report.env),
            ui=report.ui or "",
            source=each.source,
        )


def of_held_batches(report: Report) -> Iterator[Alert]:
    """An alert for each source of which batches were refused while the run went on."""
    for source, batches in report.held.items():
        (name, why), *more = batches.items()
        others = f" {len(more)} more of it are held, too." if more else ""
        then = "have the provider send it again, or correct the contract; each run tries it"
        if way := report.next.get(source):
            then += f"; to keep it out, so that those after it go on: {way}"
        yield Alert(
            kind=Kind.HELD,
            env=report.env,
            run=report.run,
            what=f"A batch of the source {source!r} is held, and the run went on: {why}{others}",
            where=name,
            next=then,
            look=f".venv/bin/sluicegate ingest {source} --env {report.env} --dry-run",
            ui=report.ui or "",
            source=source,
        )


def _status(env: str) -> str:
    return f".venv/bin/sluicegate status --env {env}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
