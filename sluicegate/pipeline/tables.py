"""Tables of a report, for whoever shows tables: receipts, quarantine, models, freshness.

They tell places, rules and counts, never a value of a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sluicegate.ingestion import Fate, Receipt
from sluicegate.pipeline.report import Kind, Report
from sluicegate.quality.check import Outcome
from sluicegate.quality.measure import change_shown, shown, trend_shown

MOST = 500
"""Rows of a table: what a page can show. What is left out is counted in its last row."""

_OUTCOMES = {
    "passed": (Outcome.PASS,),
    "idle": (Outcome.IDLE,),
    "warned": (Outcome.WARN,),
    "failed": (Outcome.FAIL, Outcome.ERROR),
}

Cell = str | int | float | None
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A table for people.

    Attributes:
        name: what it shows, in one word.
        about: one or two sentences in Markdown, with the command to look further.
        rows: column → value.
    """

    name: str
    about: str
    rows: list[Row]


def tables(report: Report) -> Iterator[Exhibit]:
    """The tables that there is something to show in."""
    if report.receipts:
        yield _receipts(report)
        yield _quarantine(report)
        if any(account.warnings for account in report.accounts.values()):
            yield _warnings(report)
    if report.models:
        yield _models(report)
    if report.quality:
        yield _quality(report)
    if report.freshness:
        yield _freshness(report)


def _receipts(report: Report) -> Exhibit:
    # Where not all of them fit, those with rejected rows are the ones to see.
    fits = len(report.receipts) <= MOST
    batches = report.receipts if fits else sorted(report.receipts, key=lambda r: -r.quarantined)
    rows = [_counts(receipt) for receipt in batches]
    kept = "replays" if report.kind is Kind.REPLAY else "batches"
    receipts = f"FROM accounts.{kept} WHERE run = '{report.run}'"
    return Exhibit(
        "receipts",
        _about(report, f"{len(rows):,} batches", report.query(receipts)),
        _capped(rows),
    )


def _counts(receipt: Receipt) -> Row:
    fates = {fate.value: getattr(receipt, fate) for fate in Fate}
    return {
        "source": receipt.source,
        "batch": receipt.name,
        "rows in": receipt.rows_in,
        **fates,
        "removed": receipt.removed,
        "no records": ", ".join(f"{n:,} {what}" for what, n in sorted(receipt.left_out.items())),
    }


def _quarantine(report: Report) -> Exhibit:
    rows: list[Row] = []
    for source, account in report.accounts.items():
        rows += [
            {"source": source, "rule": rule, "rows": count, "example": account.examples.get(rule)}
            for rule, count in sorted(account.rejections.items(), key=lambda item: -item[1])
        ] or [{"source": source, "rule": "none was broken", "rows": 0, "example": None}]
    rejected = sum(account.quarantined for account in report.accounts.values())
    what = f"{rejected:,} rows in quarantine"
    if not rejected and any(account.rejections for account in report.accounts.values()):
        what = "Rows that would have gone into quarantine"
    return Exhibit("quarantine", _about(report, what, report.quarantine), _capped(rows))


def _warnings(report: Report) -> Exhibit:
    rows: list[Row] = [
        {"source": source, "rule": rule, "rows": count, "example": account.examples.get(rule)}
        for source, account in report.accounts.items()
        for rule, count in sorted(account.warnings.items(), key=lambda item: -item[1])
    ]
    look = report.query(f"FROM accounts.warnings WHERE run = '{report.run}'")
    return Exhibit("warnings", _about(report, "Rows that were not rejected", look), _capped(rows))


def _models(report: Report) -> Exhibit:
    counted = Counter((check.on, check.outcome) for check in report.checks)
    rows: list[Row] = []
    for model in report.models:
        table = f"{model.schema}.{model.name}"
        rows.append(
            {
                "model": table,
                "kind": model.kind,
                "status": model.status,
                "rows": model.rows,
                "seconds": round(model.seconds, 2),
                **{
                    f"checks {what}": sum(counted[table, outcome] for outcome in outcomes)
                    if report.checks
                    else None
                    for what, outcomes in _OUTCOMES.items()
                },
            }
        )
    built = sum(model.status == "built" for model in report.models)
    what = f"{built:,} of {len(rows):,} models built"
    look = report.query(f"FROM {rows[-1]['model']}")
    return Exhibit("models", _about(report, what, look), _capped(rows))


def _quality(report: Report) -> Exhibit:
    rows: list[Row] = [
        {
            "dataset": each.dataset,
            "dimension": each.dimension.value,
            "right": shown(each.value),
            "change": change_shown(each.change),
            "trend": trend_shown(each),
            "looked at": each.tally.looked_at,
            "failed": each.tally.failed,
        }
        for each in report.quality
    ]
    whole = sum(not each.tally.failed for each in report.quality)
    # They are put on record by the audit; a run that was refused before it tells them here only.
    look = report.query(f"FROM accounts.quality WHERE run = '{report.run}'")
    look = look if report.checks else None
    return Exhibit("quality", _about(report, f"{whole:,} of {len(rows):,} at 100 %", look), rows)


def _freshness(report: Report) -> Exhibit:
    rows: list[Row] = [
        {
            "source": source.source,
            "state": "stale" if source.stale else "fresh",
            "last": _clock(source.last) or "never",
            "due": _clock(source.due),
            "lag": None if source.lag is None else str(source.lag).partition(".")[0],
            "expectation": source.expectation,
        }
        for source in report.freshness
    ]
    stale = sum(source.stale for source in report.freshness)
    return Exhibit("freshness", _about(report, f"{stale:,} of {len(rows):,} stale"), _capped(rows))


def _about(report: Report, what: str, command: str | None = None) -> str:
    sentence = f"{what}. Run {report.run}: {report.status.value}."
    return f"{sentence} Look further: `{command}`" if command else sentence


def _capped(rows: Sequence[Row]) -> list[Row]:
    """As many rows as fit, and one that adds up the others, so that counts stay exact."""
    if len(rows) <= MOST:
        return list(rows)
    kept, rest = rows[: MOST - 1], rows[MOST - 1 :]
    first = next(iter(rows[0]))
    last: Row = {name: _sum(rest, name) for name in rows[0]}
    return [*kept, last | {first: f"and {len(rest):,} more"}]


def _sum(rows: Sequence[Row], name: str) -> Cell:
    numbers = [value for row in rows if isinstance(value := row[name], int | float)]
    return round(sum(numbers), 2) if numbers else None


def _clock(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else None
