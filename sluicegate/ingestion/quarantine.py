"""The quarantine of a lake: rejected records, the rules they break, and what became of them later.

A record that is published after all leaves the quarantine. That it was there, and what let it go,
stays in the history, without its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from sluicegate.errors import Bug
from sluicegate.ingestion.accounts import BATCHES, QUARANTINE, REPLAYED, REPLAYS
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.table import BATCH
from sluicegate.lake import Session
from sluicegate.sources import LINE, Batch

PLACE = (BATCH, LINE)
"""What identifies a rejected record of a source: its batch, and where it stands in it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rejected records are meant; what is empty narrows nothing.

    Attributes:
        sources: names of sources.
        rules: rules of which a record breaks at least one.
        files: names of batches.
    """

    sources: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether not everything is meant."""
        return bool(self.sources or self.rules or self.files)

    def where(self) -> tuple[str, list[Any]]:
        """As a condition on the quarantine, with its parameters."""
        conditions = {
            "list_contains(?::VARCHAR[], source)": self.sources,
            "list_has_any(rules, ?::VARCHAR[])": self.rules,
            "list_contains(?::VARCHAR[], file)": self.files,
        }
        narrows = {sql: list(names) for sql, names in conditions.items() if names}
        return " AND ".join(narrows) or "true", list(narrows.values())


def put(
    session: Session, run: str, source: str, batches: Sequence[Batch], rejected: pl.DataFrame
) -> None:
    """Put rejected records into quarantine.

    Args:
        rejected: ``_batch``, ``_line``, ``rules`` and ``record`` of each.
    """
    files = {batch.id: batch.name for batch in batches}
    session.insert(
        QUARANTINE,
        rejected.select(
            pl.lit(run).alias("run"),
            pl.lit(source).alias("source"),
            pl.col(BATCH).alias("batch"),
            pl.col(BATCH).replace_strict(files, return_dtype=pl.String).alias("file"),
            pl.col(LINE).alias("line"),
            "rules",
            "record",
            pl.lit(datetime.now(UTC)).alias("at"),
        ).sort("file", "line"),
    )


def counted(session: Session, selection: Selection) -> dict[str, int]:
    """How many of the selected records each source has in quarantine."""
    if not session.exists(QUARANTINE):
        return {}
    where, parameters = selection.where()
    sql = f"SELECT source, count(*) FROM {QUARANTINE.sql} WHERE {where} GROUP BY 1 ORDER BY 1"
    return dict(session.rows(sql, parameters))


def batches(session: Session) -> set[tuple[str, str]]:
    """Source and batch of every record in quarantine."""
    if not session.exists(QUARANTINE):
        return set()
    sql = f"SELECT DISTINCT source, batch FROM {QUARANTINE.sql}"
    return {(source, batch) for source, batch in session.rows(sql)}


def rules(session: Session, sources: tuple[str, ...] = ()) -> list[str]:
    """The rules that records in quarantine break: those of some sources, or all."""
    if not session.exists(QUARANTINE):
        return []
    where, parameters = Selection(sources).where()
    sql = f"SELECT DISTINCT unnest(rules) FROM {QUARANTINE.sql} WHERE {where}"
    return [rule for (rule,) in session.rows(sql, parameters)]


def heaps(session: Session, selection: Selection) -> list[tuple[Any, ...]]:
    """Of the selected records: source, rule, how many, of how many batches, since when."""
    where, parameters = selection.where()
    return session.rows(
        'SELECT source, rule, count(*), count(DISTINCT batch), min("at") FROM'
        f' (SELECT source, batch, "at", unnest(rules) AS rule FROM {QUARANTINE.sql} WHERE {where})'
        " GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2",
        parameters,
    )


def records(session: Session, selection: Selection, most: int) -> list[tuple[Any, ...]]:
    """Batch, file, line, rules, run, moment and text of the selected records, oldest first."""
    where, parameters = selection.where()
    return session.rows(
        f'SELECT batch, file, line, rules, run, "at", record FROM {QUARANTINE.sql} WHERE {where}'
        ' ORDER BY "at", file, line LIMIT ?',
        [*parameters, most],
    )


def history(session: Session, source: str, most: int) -> list[tuple[Any, ...]]:
    """What replays made of records: run, moment, file, line, outcome, rules before and after."""
    if not session.exists(REPLAYED):
        return []
    return session.rows(
        f'SELECT run, "at", file, line, outcome, before, after FROM {REPLAYED.sql}'
        ' WHERE source = ? ORDER BY "at" DESC, file, line LIMIT ?',
        [source, most],
    )


def selected(session: Session, selection: Selection) -> pl.DataFrame:
    """The selected records without their text: who rejected them, when, where they stand, why.

    Returns:
        ``_batch``, ``_line``, ``run``, ``source``, ``file``, ``rules``, ``at`` and ``rows_in``, the
        number of records that their batch had; batches in their order, then lines.
    """
    where, parameters = selection.where()
    return session.frame(
        f'SELECT batch AS {BATCH}, line AS {LINE}, run, source, file, rules, "at", rows_in'
        f" FROM (SELECT * FROM {QUARANTINE.sql} WHERE {where}) AS mine"
        f' JOIN (SELECT source, batch, rows_in, "at" AS loaded FROM {BATCHES.sql}) AS batches'
        f" USING (source, batch) ORDER BY loaded, file, {BATCH}, {LINE}",
        parameters,
    )


def settle(session: Session, run: str, receipts: Sequence[Receipt], moved: pl.DataFrame) -> None:
    """Put on record what became of records that were judged again.

    Args:
        receipts: of the replay, one a batch.
        moved: those that left the quarantine or break other rules than before: the columns of
            :func:`selected`, ``outcome``, and ``after`` and ``record`` of those that stay.
    """
    now = datetime.now(UTC)
    if not moved.is_empty():
        _take(session, moved)
        stays = moved.filter(pl.col("after").is_not_null())
        placed = stays.rename({BATCH: "batch", LINE: "line"})
        session.insert(
            QUARANTINE,
            placed.select(
                "run", "source", "batch", "file", "line", pl.col("after").alias("rules"),
                "record", "at",
            ),
        )  # fmt: skip
        session.insert(
            REPLAYED,
            moved.select(
                pl.lit(run).alias("run"),
                "source",
                pl.col(BATCH).alias("batch"),
                "file",
                pl.col(LINE).alias("line"),
                pl.col("run").alias("rejected_by"),
                "outcome",
                pl.col("rules").alias("before"),
                "after",
                pl.lit(now).alias("at"),
            ),
        )
    session.insert(REPLAYS, _receipts(run, receipts, now))


def _take(session: Session, moved: pl.DataFrame) -> None:
    with session.lend(moved.select("source", *PLACE)) as lent:
        ((count,),) = session.rows(
            f"DELETE FROM {QUARANTINE.sql} USING {lent} AS mine"
            f" WHERE {QUARANTINE.sql}.source = mine.source"
            f" AND {QUARANTINE.sql}.batch = mine.{BATCH} AND {QUARANTINE.sql}.line = mine.{LINE}"
        )
    if count != moved.height:
        raise Bug(
            f"{moved.height} records were to leave the quarantine, and {count} did.",
            where=str(QUARANTINE),
        )


def _receipts(run: str, receipts: Sequence[Receipt], at: datetime) -> pl.DataFrame:
    counts = ("rows_in", "published", "quarantined", "deduplicated")
    return pl.DataFrame(
        [
            {
                "run": run,
                "source": receipt.source,
                "batch": receipt.batch,
                "file": receipt.name,
                **{count: getattr(receipt, count) for count in counts},
                "at": at,
            }
            for receipt in receipts
        ]
    )
