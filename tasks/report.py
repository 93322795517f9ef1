"""The report of a run as a Prefect artifact, under a key that keeps its history."""

from __future__ import annotations

import logging

from prefect.artifacts import create_markdown_artifact

from sluicegate.pipeline import Report
from sluicegate.pipeline.markdown import as_markdown

log = logging.getLogger(__name__)


def show_report(report: Report) -> None:
    """Show the report in Prefect's user interface, as the newest of its environment."""
    try:
        create_markdown_artifact(
            key=f"run-report-{report.env}",
            markdown=as_markdown(report),
            description=f"Run {report.run}: {report.status.value}",
        )
    except Exception:
        # The run is what counts: how it ended must not depend on whether it could be shown.
        log.warning("the report could not be shown in Prefect; it is in the ledger", exc_info=True)
