"""The lake's record of measures: written with what they are about, and read as a trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from sluicegate.contracts import Dimension
from sluicegate.ingestion.accounts import QUALITY, TABLES
from sluicegate.ingestion.tally import Tally
from sluicegate.lake import Session
from sluicegate.quality.measure import Measure

RUNS = 12
"""Runs that a trend shows, the newest included."""


def with_trend(measures: Sequence[Measure], session: Session) -> list[Measure]:
    """The same measures with what earlier runs have on record of them."""
    found = _on_record(session, RUNS - 1)
    return [
        replace(each, before=tuple(found.get((each.dataset, each.dimension), ())))
        for each in measures
    ]


def newest(session: Session) -> list[Measure]:
    """The newest measure on record of every dataset and dimension, with those before it."""
    return [
        Measure(dataset, dimension, tallies[-1], {}, tuple(tallies[:-1]))
        for (dataset, dimension), tallies in sorted(_on_record(session, RUNS).items())
    ]


def _on_record(session: Session, most: int) -> dict[tuple[str, Dimension], list[Tally]]:
    """The last few measures of every dataset and dimension, oldest first."""
    found: dict[tuple[str, Dimension], list[Tally]] = {}
    if not session.exists(QUALITY):
        return found
    rows = session.rows(
        f"SELECT dataset, dimension, looked_at, failed FROM {QUALITY.sql}"
        " QUALIFY row_number() OVER"
        ' (PARTITION BY dataset, dimension ORDER BY "at" DESC, run DESC) <= ? ORDER BY "at", run',
        [most],
    )
    for dataset, dimension, looked_at, failed in rows:
        found.setdefault((dataset, Dimension(dimension)), []).append(Tally(looked_at, failed))
    return found


def record(session: Session, run: str, measures: Sequence[Measure]) -> None:
    """Put measures on record, in the branch of what they are about."""
    if not measures:
        return
    session.create(QUALITY, TABLES[QUALITY])
    now = datetime.now(UTC)
    rows = [
        (run, each.dataset, each.dimension.value, each.tally.looked_at, each.tally.failed, now)
        for each in measures
    ]
    session.insert(QUALITY, pl.DataFrame(rows, schema=list(TABLES[QUALITY]), orient="row"))
