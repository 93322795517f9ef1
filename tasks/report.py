"""What a run did as Prefect artifacts, under keys that keep their history."""

from __future__ import annotations

import logging

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from sluicegate.pipeline import Report
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.pipeline.tables import tables
from tasks.keys import key_of

log = logging.getLogger(__name__)


def show_report(report: Report) -> None:
    """Show the report and its tables in Prefect's user interface, as the newest of its environment.

    Keys are ``run-report-<ref>``, ``receipts-<env>``, ``quarantine-<env>``, ``warnings-<env>``,
    ``models-<env>``, ``quality-<env>`` and ``freshness-<env>``; a table is left out where the run
    has nothing for it.
    """
    try:
        create_markdown_artifact(
            key=key_of("run-report", report.env),
            markdown=as_markdown(report),
            description=f"Run {report.run}: {report.status.value}",
        )
        for exhibit in tables(report):
            create_table_artifact(
                key=key_of(exhibit.name, report.env),
                table=exhibit.rows,
                description=exhibit.about,
            )
    except Exception:
        # The run is what counts: how it ended must not depend on whether it could be shown. What
        # fails once is not tried again: each try may wait for a server that does not answer.
        log.warning("the report could not be shown in Prefect; it is in the ledger", exc_info=True)
