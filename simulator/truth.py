"""What is known about the drops because we made them: every dirty record, and the totals.

Each call that generates drops leaves two files in the truth folder, named after the days:
``payments_2026-10-01_30d.ndjson``, one dirty record a line, and ``payments_2026-10-01_30d.json``,
the summary. Calls for other days add to the folder. A call that makes a day again withdraws the
whole truth of the older call, since repeated records tie the days of one call together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
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


@dataclass(frozen=True, slots=True)
class Truth:
    """One dirty record, and what must become of it.

    Attributes:
        file: name of the drop.
        line: physical line on which the record starts; the header is line 1.
        kind: a key of ``simulator.dirt.DIRT``.
        outcome: quarantined, deduplicated or unconverted.
        rules: every rule that the record breaks.
    """

    file: str
    line: int
    kind: str
    outcome: str
    rules: tuple[str, ...]


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
            unconverted is the part of published that has no amount in euro.
        orphans: files of an older call that overlaps this one; their truth was withdrawn.
    """

    seed: int
    start: date
    days: int
    rows: int
    drops: tuple[Drop, ...]
    kinds: dict[str, int]
    outcomes: dict[str, int]
    orphans: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Name of the call's truth files, without extension."""
        return f"payments_{self.start.isoformat()}_{self.days}d"

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(drop.bytes for drop in self.drops)


def write_truth(folder: Path, truths: Iterable[Truth], summary: Summary) -> None:
    """Write the truth of one call."""
    lines = (json.dumps(asdict(truth), ensure_ascii=False) + "\n" for truth in truths)
    write_atomically(folder / f"{summary.stem}.ndjson", "".join(lines).encode())
    content = json.dumps(asdict(summary), indent=1, default=str) + "\n"
    write_atomically(folder / f"{summary.stem}.json", content.encode())


def read_truth(folder: Path) -> pl.DataFrame:
    """Read the dirty records of all calls. Returns ``TRUTH_SCHEMA``, by file and line."""
    files = sorted(folder.glob("payments_*d.ndjson"))
    frames = [pl.read_ndjson(file, schema=TRUTH_SCHEMA) for file in files if file.stat().st_size]
    empty = pl.DataFrame(schema=TRUTH_SCHEMA)
    return pl.concat([empty, *frames]).sort("file", "line")


def read_summaries(folder: Path) -> list[Summary]:
    """Read the summaries of all calls, by their first day."""
    return sorted(map(_summary, folder.glob("payments_*d.json")), key=lambda each: each.start)


def withdraw_overlapping(folder: Path, files: set[str]) -> tuple[str, ...]:
    """Withdraw the truth of every call that made one of these files.

    Returns:
        The other files of those calls: still where they are, but without truth.
    """
    orphans: set[str] = set()
    for summary in read_summaries(folder):
        made = {drop.file for drop in summary.drops}
        if made & files:
            orphans |= made - files
            for extension in ("ndjson", "json"):
                (folder / f"{summary.stem}.{extension}").unlink(missing_ok=True)
    return tuple(sorted(orphans))


def _summary(file: Path) -> Summary:
    stored = json.loads(file.read_text(encoding="utf-8"))
    return Summary(
        **{
            **stored,
            "start": date.fromisoformat(stored["start"]),
            "drops": tuple(Drop(**drop) for drop in stored["drops"]),
            "orphans": tuple(stored["orphans"]),
        }
    )
