"""What is known about a source because we made it: every dirty record, and the totals.

Each call that generates a source leaves two files in the truth folder, named after the days:
``payments_2026-10-01_30d.ndjson``, one dirty record a line, and ``payments_2026-10-01_30d.json``,
the summary. Calls for other days add to the folder. A call that makes a day again withdraws the
whole truth of the older call, since repeated records tie the days of one call together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from simulator.drops import write_atomically

TRUTH_SCHEMA = pl.Schema(
    {
        "file": pl.String(),
        "line": pl.Int64(),
        "kind": pl.String(),
        "outcome": pl.String(),
        "rules": pl.List(pl.String()),
    }
)

BY_KEY = frozenset({"refunds", "chargebacks"})
"""Sources whose records have no place in a file: their truth has the column ``key`` besides."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One dirty record, and what must become of it.

    Attributes:
        file: name of the drop, or of the source if its records come from an API.
        line: physical line on which the record starts, counted from 1; in a CSV the header is
            line 1. In Parquet the number of the record, from an API 0.
        kind: a key of the source's table of dirt.
        outcome: quarantined or deduplicated; unconverted, unlisted or unmatched records are
            published.
        rules: every rule that the record breaks.
        key: the record's id, if it comes from an API.
    """

    file: str
    line: int
    kind: str
    outcome: str
    rules: tuple[str, ...]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """One file: name, records without the header, size in bytes."""

    file: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What one call generated.

    Attributes:
        seed: seed of the call.
        start: first day.
        days: how many days.
        rows: records in all files together, exactly as asked for.
        drops: the files, by day.
        kinds: dirty records by kind.
        outcomes: records by outcome: published + quarantined + deduplicated = rows, and
            unconverted, unlisted or unmatched is a part of published.
        orphans: files of an older call that overlaps this one; their truth was withdrawn.
        source: what was generated.
    """

    seed: int
    start: date
    days: int
    rows: int
    drops: tuple[Drop, ...]
    kinds: dict[str, int]
    outcomes: dict[str, int]
    orphans: tuple[str, ...] = ()
    source: str = "payments"

    @property
    def stem(self) -> str:
        """Name of the call's truth files, without extension."""
        return f"{self.source}_{self.start.isoformat()}_{self.days}d"

    @property
    def dates(self) -> frozenset[date]:
        """The days of the call."""
        return frozenset(self.start + timedelta(days=offset) for offset in range(self.days))

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(drop.bytes for drop in self.drops)


def outcomes(rows: int, truths: Sequence[Truth], special: str | None = None) -> dict[str, int]:
    """Count the records of a call by outcome.

    Args:
        rows: all records.
        truths: the dirty ones among them.
        special: an outcome of published records that is counted besides.
    """
    counted = Counter(each.outcome for each in truths)
    return {
        "published": rows - counted["quarantined"] - counted["deduplicated"],
        "quarantined": counted["quarantined"],
        "deduplicated": counted["deduplicated"],
        **({special: counted[special]} if special else {}),
    }


def write_truth(folder: Path, truths: Iterable[Truth], summary: Summary) -> None:
    """Write the truth of one call."""
    lines = (json.dumps(_without_blanks(truth), ensure_ascii=False) + "\n" for truth in truths)
    write_atomically(folder / f"{summary.stem}.ndjson", "".join(lines).encode())
    stored = asdict(summary)
    del stored["source"]  # the file's name says it
    content = json.dumps(stored, indent=1, default=str) + "\n"
    write_atomically(folder / f"{summary.stem}.json", content.encode())


def read_truth(folder: Path, source: str = "payments") -> pl.DataFrame:
    """Read the dirty records of all calls.

    Returns:
        ``TRUTH_SCHEMA``, by file and line; for a source in ``BY_KEY`` also ``key``, by key.
    """
    keyed = source in BY_KEY
    schema = pl.Schema({**TRUTH_SCHEMA, "key": pl.String()}) if keyed else TRUTH_SCHEMA
    files = sorted(folder.glob(f"{source}_*d.ndjson"))
    frames = [pl.read_ndjson(file, schema=schema) for file in files if file.stat().st_size]
    order = ["key"] if keyed else ["file", "line"]
    return pl.concat([pl.DataFrame(schema=schema), *frames]).sort(order)


def read_summaries(folder: Path, source: str = "payments") -> list[Summary]:
    """Read the summaries of all calls, by their first day."""
    summaries = [_summary(file, source) for file in folder.glob(f"{source}_*d.json")]
    return sorted(summaries, key=lambda each: each.start)


def withdraw_overlapping(
    folder: Path, files: set[str], source: str = "payments"
) -> tuple[str, ...]:
    """Withdraw the truth of every call that made one of these files.

    Returns:
        The other files of those calls: still where they are, but without truth.
    """
    withdrawn = _withdraw(folder, source, lambda each: bool(_made(each) & files))
    return tuple(sorted({file for each in withdrawn for file in _made(each)} - files))


def withdraw_days(folder: Path, days: frozenset[date], source: str) -> tuple[str, ...]:
    """Withdraw the truth of every call that made one of these days, of a source without files.

    Returns:
        The other days of those calls: their records are still there, but without truth.
    """
    withdrawn = _withdraw(folder, source, lambda each: bool(each.dates & days))
    left = {day for each in withdrawn for day in each.dates} - days
    return tuple(sorted(day.isoformat() for day in left))


def _withdraw(folder: Path, source: str, overlaps: Callable[[Summary], bool]) -> list[Summary]:
    withdrawn = [each for each in read_summaries(folder, source) if overlaps(each)]
    for summary in withdrawn:
        for extension in ("ndjson", "json"):
            (folder / f"{summary.stem}.{extension}").unlink(missing_ok=True)
    return withdrawn


def _made(summary: Summary) -> set[str]:
    return {drop.file for drop in summary.drops}


def _without_blanks(truth: Truth) -> dict[str, object]:
    return {name: value for name, value in asdict(truth).items() if value is not None}


def _summary(file: Path, source: str) -> Summary:
    stored = json.loads(file.read_text(encoding="utf-8"))
    return Summary(
        **{
            **stored,
            "start": date.fromisoformat(stored["start"]),
            "drops": tuple(Drop(**drop) for drop in stored["drops"]),
            "orphans": tuple(stored["orphans"]),
            "source": source,
        }
    )
