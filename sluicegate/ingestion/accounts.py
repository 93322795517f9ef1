"""The accounts of a lake: its manifest, receipts, rejections, quarantine and runs.

They are tables of the lake itself, so they are published, branched and rolled back with the data
they describe. State and data cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from sluicegate.ingestion.receipt import Receipt
from sluicegate.lake import Session, Table
from sluicegate.sources import Batch, Known

BATCHES = Table("accounts", "batches")
REJECTIONS = Table("accounts", "rejections")
WARNINGS = Table("accounts", "warnings")
"""Published rows by rule that only warns, whether they came with their batch or by a replay."""
LEFT_OUT = Table("accounts", "left_out")
"""Lines of batches that are no records, such as preambles, footers and headers that come again."""
QUARANTINE = Table("accounts", "quarantine")
REPLAYS = Table("accounts", "replays")
"""Receipts of replays, one a batch: their rows in were taken out of quarantine."""
REPLAYED = Table("accounts", "replayed")
"""What became of each record in quarantine: released, or found to break other rules."""
QUALITY = Table("accounts", "quality")
"""What was looked at in a run, and how much of it failed, by dataset and dimension."""
DRIFT = Table("accounts", "drift")
"""How the columns of batches differ from those of their contracts, whatever became of them."""
VANISHED = Table("accounts", "vanished")
"""Batches whose source has them no more, from the run on that found out."""
RUNS = Table("accounts", "runs")
MASKED = Table("accounts", "masked")
"""Only masked branches have it: the tables that came along, with the columns that were replaced."""

_COUNT = "BIGINT NOT NULL"
_TEXT = "VARCHAR NOT NULL"
_MOMENT = "TIMESTAMPTZ NOT NULL"
_BY_RULE: Mapping[str, str] = {
    "run": _TEXT,
    "source": _TEXT,
    "batch": _TEXT,
    "rule": _TEXT,
    "row_count": _COUNT,
}
TABLES: Mapping[Table, Mapping[str, str]] = {
    BATCHES: {
        "run": _TEXT,
        "source": _TEXT,
        "batch": _TEXT,
        "name": _TEXT,
        "size": _COUNT,
        "modified_ns": "BIGINT",
        "cursor": "VARCHAR",
        "rows_in": _COUNT,
        "published": _COUNT,
        "quarantined": _COUNT,
        "deduplicated": _COUNT,
        "held": _COUNT,
        "removed": _COUNT,
        "unknown_columns": "VARCHAR[]",
        "at": _MOMENT,
    },
    REJECTIONS: _BY_RULE,
    WARNINGS: _BY_RULE,
    LEFT_OUT: {
        "run": _TEXT,
        "source": _TEXT,
        "batch": _TEXT,
        "what": _TEXT,
        "line_count": _COUNT,
    },
    QUARANTINE: {
        "run": _TEXT,
        "source": _TEXT,
        "batch": _TEXT,
        "file": _TEXT,
        "line": _COUNT,
        "rules": "VARCHAR[]",
        "record": _TEXT,
        "at": _MOMENT,
    },
    REPLAYS: {
        "run": _TEXT,
        "source": _TEXT,
        "batch": _TEXT,
        "file": _TEXT,
        "rows_in": _COUNT,
        "published": _COUNT,
        "quarantined": _COUNT,
        "deduplicated": _COUNT,
        "at": _MOMENT,
    },
    REPLAYED: {
        "run": _TEXT,
        "source": _TEXT,
        "batch": _TEXT,
        "file": _TEXT,
        "line": _COUNT,
        "rejected_by": _TEXT,
        "outcome": _TEXT,
        "before": "VARCHAR[]",
        "after": "VARCHAR[]",
        "at": _MOMENT,
    },
    QUALITY: {
        "run": _TEXT,
        "dataset": _TEXT,
        "dimension": _TEXT,
        "looked_at": _COUNT,
        "failed": _COUNT,
        "at": _MOMENT,
    },
    DRIFT: {
        "run": _TEXT,
        "source": _TEXT,
        "batch": _TEXT,
        "change": _TEXT,
        "field": _TEXT,
        "before": _TEXT,
        "after": _TEXT,
        "at": _MOMENT,
    },
    VANISHED: {"run": _TEXT, "source": _TEXT, "batch": _TEXT, "name": _TEXT, "at": _MOMENT},
    RUNS: {"run": _TEXT, "env": _TEXT, "fingerprint": _TEXT, "at": _MOMENT},
}
"""What every lake has. What may quote a record has to be named in pipeline/masking.py too."""


def open_accounts(session: Session) -> None:
    """Create the tables of the accounts that are not there yet."""
    for table, columns in TABLES.items():
        session.create(table, columns)


def manifest(session: Session, source: str) -> dict[str, Known]:
    """What the lake has taken in from a source: batch id → what is known of it, oldest first."""
    if not session.exists(BATCHES):
        return {}
    rows = session.rows(
        'SELECT batch, name, size, modified_ns, cursor, "at" FROM '
        f'{BATCHES.sql} WHERE source = ? ORDER BY "at", name',
        [source],
    )
    return {row[0]: Known(*row) for row in rows}


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that took a batch in, and what became of its rows then."""

    run: str
    rows_in: int
    published: int
    quarantined: int


def origins(session: Session, source: str) -> dict[str, Origin]:
    """What was taken in from a source: batch id → how it came in."""
    if not session.exists(BATCHES):
        return {}
    sql = f"SELECT batch, run, rows_in, published, quarantined FROM {BATCHES.sql} WHERE source = ?"
    return {batch: Origin(*facts) for batch, *facts in session.rows(sql, [source])}


def loaded(session: Session) -> list[tuple[str, str, datetime]]:
    """Source, batch and moment of everything that was taken in, oldest first."""
    if not session.exists(BATCHES):
        return []
    sql = f'SELECT source, batch, "at" FROM {BATCHES.sql} ORDER BY "at"'
    return [(source, batch, at) for source, batch, at in session.rows(sql)]


def vanished(session: Session, source: str) -> set[str]:
    """Batches of a source that are on record as vanished."""
    if not session.exists(VANISHED):
        return set()
    sql = f"SELECT batch FROM {VANISHED.sql} WHERE source = ?"
    return {batch for (batch,) in session.rows(sql, [source])}


def record_vanished(session: Session, run: str, vanished: Mapping[str, Sequence[Known]]) -> None:
    """Put on record which batches their sources have no more."""
    now = datetime.now(UTC)
    rows = [
        (run, source, known.batch, known.name, now)
        for source, batches in vanished.items()
        for known in batches
    ]
    if rows:
        session.insert(VANISHED, pl.DataFrame(rows, schema=list(TABLES[VANISHED]), orient="row"))


def fingerprint(session: Session) -> str | None:
    """Fingerprint of the code that built what is published; None if nothing was."""
    if not session.exists(RUNS):
        return None
    rows = session.rows(f'SELECT fingerprint FROM {RUNS.sql} ORDER BY "at" DESC LIMIT 1')
    return str(rows[0][0]) if rows else None


def runs(session: Session) -> set[str]:
    """The runs that made what a session sees."""
    if not session.exists(RUNS):
        return set()
    return {run for (run,) in session.rows(f"SELECT run FROM {RUNS.sql}")}


def record_run(session: Session, *, run: str, env: str, code: str) -> None:
    """Put on record which run, with which code, made the branch what it is."""
    now = datetime.now(UTC)
    row = pl.DataFrame({"run": [run], "env": [env], "fingerprint": [code], "at": [now]})
    session.insert(RUNS, row)


def record_masked(session: Session, masked: Mapping[str, Sequence[str]]) -> None:
    """Put on record that personal values were replaced: table → columns, of all that came along."""
    session.create(MASKED, {"name": _TEXT, "columns": "VARCHAR[] NOT NULL", "at": _MOMENT})
    now = datetime.now(UTC)
    rows = [(name, list(columns), now) for name, columns in masked.items()]
    types: Mapping[str, pl.DataType] = {
        "name": pl.String(),
        "columns": pl.List(pl.String),
        "at": pl.Datetime("us", "UTC"),
    }
    session.insert(MASKED, pl.DataFrame(rows, schema=types, orient="row"))


def is_masked(session: Session) -> bool:
    """Whether personal values were replaced, so that new ones must not come in."""
    return session.exists(MASKED)


def record_batches(session: Session, run: str, loaded: Sequence[tuple[Batch, Receipt]]) -> None:
    """Put loaded batches into the manifest, with their receipts."""
    now = datetime.now(UTC)
    session.insert(
        BATCHES,
        pl.DataFrame(
            [_manifest_row(run, batch, receipt, now) for batch, receipt in loaded],
            schema_overrides={
                "modified_ns": pl.Int64,
                "cursor": pl.String,
                "unknown_columns": pl.List(pl.String),
            },
            infer_schema_length=None,
        ),
    )
    receipts = [receipt for _, receipt in loaded]
    _record_counts(session, REJECTIONS, run, [(each, each.rejections) for each in receipts])
    record_warnings(session, run, receipts)
    _record_counts(session, LEFT_OUT, run, [(each, each.left_out) for each in receipts])
    record_drift(session, run, receipts)


def record_drift(session: Session, run: str, receipts: Sequence[Receipt]) -> None:
    """Put on record how batches differ from their contracts."""
    now = datetime.now(UTC)
    rows = [
        (run, each.source, each.batch, *drifted.to_dict().values(), now)
        for each in receipts
        for drifted in each.drift
    ]
    if rows:
        session.insert(DRIFT, pl.DataFrame(rows, schema=list(TABLES[DRIFT]), orient="row"))


def record_warnings(session: Session, run: str, receipts: Sequence[Receipt]) -> None:
    """Put on record how many published rows break rules that only warn."""
    _record_counts(session, WARNINGS, run, [(each, each.warnings) for each in receipts])


def _record_counts(
    session: Session, table: Table, run: str, counts: Sequence[tuple[Receipt, Mapping[str, int]]]
) -> None:
    rows = [
        (run, receipt.source, receipt.batch, counted, count)
        for receipt, found in counts
        for counted, count in found.items()
    ]
    if rows:
        session.insert(table, pl.DataFrame(rows, schema=list(TABLES[table]), orient="row"))


def _manifest_row(run: str, batch: Batch, receipt: Receipt, at: datetime) -> dict[str, Any]:
    counts = ("rows_in", "published", "quarantined", "deduplicated", "held", "removed")
    return {
        "run": run,
        "source": receipt.source,
        "batch": batch.id,
        "name": batch.name,
        "size": batch.size,
        "modified_ns": batch.modified_ns,
        "cursor": batch.cursor,
        **{count: getattr(receipt, count) for count in counts},
        "unknown_columns": list(receipt.unknown_columns),
        "at": at,
    }


def last_runs(session: Session) -> dict[str, dict[str, Any]]:
    """Per source, the account of the last run whose batches the lake has."""
    if not session.exists(BATCHES):
        return {}
    counts = ("rows_in", "published", "quarantined", "deduplicated", "held", "removed")
    sums = ", ".join(f"sum({count})::BIGINT AS {count}" for count in counts)
    frame = session.frame(
        f"SELECT source, run, {sums} FROM {BATCHES.sql} WHERE (source, run) IN"
        f" (SELECT (source, max(run)) FROM {BATCHES.sql} GROUP BY source) GROUP BY source, run"
    )
    rejections, warnings, left_out = (
        _counts(session, table) for table in (REJECTIONS, WARNINGS, LEFT_OUT)
    )
    return {
        row["source"]: {
            **row,
            "rejections": rejections.get((row["source"], row["run"]), {}),
            "warnings": warnings.get((row["source"], row["run"]), {}),
            "left_out": left_out.get((row["source"], row["run"]), {}),
        }
        for row in frame.iter_rows(named=True)
    }


def _counts(session: Session, table: Table) -> dict[tuple[str, str], dict[str, int]]:
    """Source and run → what was counted, such as a rule → how many rows or lines."""
    *_, what, count_of = TABLES[table]
    found: dict[tuple[str, str], dict[str, int]] = {}
    # A lake of an earlier version has no such table until its next run.
    if session.exists(table):
        for source, run, counted, count in session.rows(
            f"SELECT source, run, {what}, sum({count_of})::BIGINT FROM {table.sql} GROUP BY ALL"
        ):
            found.setdefault((source, run), {})[counted] = count
    return found
