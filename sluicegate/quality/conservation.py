"""Conservation: rows in = published + quarantined + deduplicated + held, per batch and in the lake.

The receipts say what became of every row; the tables are counted to see whether they agree. The two
come from different places: a receipt is made while sifting, a count is taken from what was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sluicegate.ingestion import Intake, Receipt, raw_table, total
from sluicegate.ingestion.accounts import BATCHES, QUARANTINE, REPLAYED
from sluicegate.lake import Session
from sluicegate.quality.check import Check, verdict_of
from sluicegate.sources import Load, Source


@dataclass(frozen=True, slots=True)
class Stock:
    """How many rows of a source the lake holds."""

    published: int
    quarantined: int


def stock(source: Source, session: Session) -> Stock:
    """Count a source's rows in the tables themselves."""
    table = raw_table(source)
    published = session.scalar(f"SELECT count(*) FROM {table.sql}") if session.exists(table) else 0
    quarantined = (
        session.scalar(f"SELECT count(*) FROM {QUARANTINE.sql} WHERE source = ?", [source.name])
        if session.exists(QUARANTINE)
        else 0
    )
    return Stock(int(published), int(quarantined))


def audit_conservation(source: Source, before: Stock, after: Stock, intake: Intake) -> list[Check]:
    """Whether every receipt closes, and the tables grew by what the receipts say."""
    receipts = [*intake.receipts]
    account = total(source.name, receipts)
    missing = _gap("published", before.published + account.published - intake.superseded, after)
    lost = _gap("quarantined", before.quarantined - intake.taken + account.quarantined, after)
    rows = account.rows_in + after.published + after.quarantined
    return [
        _receipts_close(source, receipts),
        verdict_of(
            "conservation:published",
            source.name,
            looked_at=rows,
            failures=abs(missing),
            message=f"the table has {missing:+,} rows against its receipts",
            may_be_empty=source.may_be_empty,
        ),
        verdict_of(
            "conservation:quarantined",
            source.name,
            looked_at=rows,
            failures=abs(lost),
            message=f"the quarantine has {lost:+,} rows against its receipts",
            may_be_empty=source.may_be_empty,
        ),
    ]


def audit_batches(source: Source, intake: Intake, session: Session, run: str) -> list[Check]:
    """Whether the tables hold, batch by batch, what the receipts of the run say."""
    receipts = [receipt for receipt in intake.receipts if not receipt.held]
    compare = _unlike_their_replay if intake.replayed else _unlike_their_receipts
    wrong = compare(source, receipts, session, run)
    loaded = _by_batch(
        session,
        f"SELECT batch, count(*) FROM {BATCHES.sql} WHERE source = ? GROUP BY 1",
        [source.name],
    )
    twice = [batch for batch, count in loaded.items() if count > 1]
    return [
        verdict_of(
            "conservation:by_batch",
            source.name,
            looked_at=len(receipts),
            failures=len(wrong),
            message=f"the tables do not hold what the receipts say of {', '.join(wrong)}",
            may_be_empty=True,
        ),
        verdict_of(
            "conservation:once",
            source.name,
            looked_at=len(loaded),
            failures=len(twice),
            message=f"batches that were loaded twice: {', '.join(twice)}",
            may_be_empty=True,
        ),
    ]


def _unlike_their_receipts(
    source: Source, receipts: list[Receipt], session: Session, run: str
) -> list[str]:
    table = raw_table(source)
    if not receipts or not session.exists(table):
        return []
    published = _by_batch(session, f"SELECT _batch, count(*) FROM {table.sql} GROUP BY 1")
    quarantined = _by_batch(
        session,
        f"SELECT batch, count(*) FROM {QUARANTINE.sql} WHERE (source, run) = (?, ?) GROUP BY 1",
        [source.name, run],
    )
    # A later batch of the run may have superseded rows of an earlier one, never of itself.
    exact = {
        receipt.batch for receipt in (receipts if source.load is Load.APPEND else receipts[-1:])
    }
    return [
        receipt.name
        for receipt in receipts
        if quarantined.get(receipt.batch, 0) != receipt.quarantined
        or (receipt.batch in exact and published.get(receipt.batch, 0) != receipt.published)
    ]


def _unlike_their_replay(
    source: Source, receipts: list[Receipt], session: Session, run: str
) -> list[str]:
    """A record that was released stands in the table, at its place, and in quarantine no more."""
    table = raw_table(source)
    moved = f"SELECT * FROM {REPLAYED.sql} WHERE (source, run) = (?, ?)"
    there = (
        f"SELECT batch, count(*) FROM ({moved}) AS moved JOIN {table.sql} AS rows"
        " ON rows._batch = moved.batch AND rows._line = moved.line"
        " WHERE outcome = 'published' GROUP BY 1"
    )
    still = (
        f"SELECT batch, count(*) FROM ({moved}) AS moved JOIN {QUARANTINE.sql} AS kept"
        " USING (source, batch, line) WHERE outcome <> 'quarantined' GROUP BY 1"
    )
    mine = [source.name, run]
    published, kept = _by_batch(session, there, mine), _by_batch(session, still, mine)
    # A later batch of the replay may have superseded rows of an earlier one.
    exact = {
        receipt.batch for receipt in (receipts if source.load is Load.APPEND else receipts[-1:])
    }
    return [
        receipt.name
        for receipt in receipts
        if kept.get(receipt.batch, 0)
        or (receipt.batch in exact and published.get(receipt.batch, 0) != receipt.published)
    ]


def _by_batch(session: Session, sql: str, parameters: Sequence[str] = ()) -> dict[str, int]:
    return dict(session.rows(sql, parameters))


def _receipts_close(source: Source, receipts: Iterable[Receipt]) -> Check:
    receipts = list(receipts)
    open_ones = [receipt.name for receipt in receipts if not receipt.closes]
    return verdict_of(
        "conservation:receipts",
        source.name,
        looked_at=len(receipts),
        failures=len(open_ones),
        message=f"receipts that do not close: {', '.join(open_ones)}",
        # A run that only rebuilds models has no batches: then the counts below are the check.
        may_be_empty=True,
    )


def _gap(kind: str, expected: int, after: Stock) -> int:
    return int(getattr(after, kind)) - expected
