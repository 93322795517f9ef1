"""Refunds and chargebacks of the payments of some days, as the processor's API will show them.

Written to the processor's folder as ``refunds.ndjson`` and ``chargebacks.ndjson``, one version of
a record a line. An id contains the day of its payment: making a day again replaces the records of
that day and leaves those of others alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

import polars as pl

from simulator.drops import write_atomically
from simulator.mcc import risky_merchants
from simulator.reversal_day import ID, draw, line_of
from simulator.reversal_dirt import REVERSAL_DIRT, choose, plan, soiled
from simulator.spoil import Stain
from simulator.truth import Drop, Summary, Truth, outcomes, withdraw_days, write_truth

SOURCES = tuple(ID)
_SOILED_BEFORE = 0.6
"""Dirt falls on what is booked in the first part of a day, so that it is visible that evening."""


@dataclass(slots=True)
class Reversals:
    """Collects what is given back, day by day as payments are made, and writes it at the end.

    Args:
        folder: the processor's; what is there of other days stays.
        seed: same seed and same payments, same reversals.
        start: first day.
        days: how many days.
        rows: payments of all days together.
        clean: leave all dirt out.

    Raises:
        ValueError: the folder holds something else under the names of its files.
    """

    folder: Path
    seed: int
    start: date
    days: int
    rows: int
    clean: bool = False
    _rng: Random = field(init=False)
    _plans: dict[str, list[list[str]]] = field(init=False)
    _frames: dict[str, list[pl.DataFrame]] = field(init=False)
    _others: dict[str, pl.DataFrame] = field(init=False)
    _truths: dict[str, list[Truth]] = field(init=False)

    def __post_init__(self) -> None:
        self._rng = Random(
            f"{self.seed}/reversals/{self.start.isoformat()}/{self.days}/{self.rows}"
        )
        rows = 0 if self.clean else self.rows
        self._plans = {source: plan(source, rows, self.days, self._rng) for source in SOURCES}
        self._frames = {source: [] for source in SOURCES}
        self._truths = {source: [] for source in SOURCES}
        self._others = {
            source: _others(self._file(source), source, self._dates) for source in SOURCES
        }

    def watch(self, day: date, records: pl.DataFrame, stains: Sequence[Stain]) -> None:
        """Take in one day's payments, as ``simulator.payments.generate`` shows them."""
        places = [stain.place for stain in stains]
        drawn = draw(day, records, places, self.seed, risky_merchants(self.seed))
        for source in SOURCES:
            self._frames[source].append(drawn[source])
        if not self.clean:
            early = drawn["idle"].filter(pl.col("place") < records.height * _SOILED_BEFORE)
            self._soil((day - self.start).days, early)

    def write(self, truth: Path) -> dict[str, Summary]:
        """Write the records and the truth about them. Returns a summary for each source."""
        self.folder.mkdir(parents=True, exist_ok=True)
        truth.mkdir(parents=True, exist_ok=True)
        return {source: self._write(source, truth) for source in SOURCES}

    @property
    def _dates(self) -> frozenset[date]:
        return frozenset(self.start + timedelta(days=offset) for offset in range(self.days))

    def _file(self, source: str) -> Path:
        return self.folder / f"{source}.ndjson"

    def _soil(self, day: int, idle: pl.DataFrame) -> None:
        kinds = [(source, name) for source in SOURCES for name in self._plans[source][day]]
        places = choose(idle.height, len(kinds), self._rng)
        for (source, name), place in zip(kinds, places, strict=False):
            key, tokens = soiled(source, name, idle.row(place, named=True), self._rng)
            line = line_of(source, tokens)
            version = {"id": key, "updated": tokens["updated_at"].strip('"'), "line": line}
            self._frames[source].append(pl.DataFrame(version))
            kind = REVERSAL_DIRT[source][name]
            self._truths[source].append(Truth(source, 0, name, kind.outcome, kind.rules, key))

    def _write(self, source: str, truth: Path) -> Summary:
        made = pl.concat(self._frames[source])
        # First of all: whoever stops us half way must not find an old truth about new records.
        orphans = withdraw_days(truth, self._dates, source)
        everything = pl.concat([self._others[source], made]).sort("updated", "id")
        content = "".join(f"{line}\n" for line in everything["line"]).encode()
        write_atomically(self._file(source), content)
        truths = sorted(self._truths[source], key=lambda each: each.key or "")
        kinds = Counter(each.kind for each in truths)
        rows = made["id"].n_unique()
        size = int(made["line"].str.len_bytes().sum()) + made.height
        summary = Summary(
            self.seed,
            self.start,
            self.days,
            rows,
            drops=(Drop(source, rows, size),),
            kinds={kind: kinds[kind] for kind in REVERSAL_DIRT[source]},
            outcomes=outcomes(rows, truths, "unmatched"),
            orphans=orphans,
            source=source,
        )
        write_truth(truth, truths, summary)
        return summary


def _others(file: Path, source: str, days: Iterable[date]) -> pl.DataFrame:
    """Read the versions of other days' records, if there are any."""
    remade = {day.strftime("%Y%m%d") for day in days}
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    found: list[tuple[str, str, str]] = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            record = json.loads(line)
            key, updated = str(record[ID[source]]), str(record["updated_at"])
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{file}, line {number}, is no version of a record: {error}"
            ) from error
        if key[1:9] not in remade:
            found.append((key, updated, line))
    schema = {"id": pl.String, "updated": pl.String, "line": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row")
