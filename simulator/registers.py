"""How a register's file of one day is written, with the truth about it and its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from simulator.drops import write_atomically
from simulator.truth import Drop, Summary, Truth, outcomes, withdraw_overlapping, write_truth


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for.

    Attributes:
        source: the register.
        day: the day of the file, the last of ``days``.
        days: how many days the call is about, which the truth is named after.
        seed: same seed, same file.
    """

    source: str
    day: date
    days: int
    seed: int

    def write(
        self,
        name: str,
        content: bytes,
        rows: int,
        truths: Sequence[Truth],
        *,
        out: Path,
        truth: Path,
        kinds: Iterable[str],
        special: str | None = None,
    ) -> Summary:
        """Write the file and the truth about it, both folders made if missing.

        Args:
            name: of the file.
            content: of the file.
            rows: records in it.
            truths: the dirty ones.
            out: folder of the file.
            truth: folder of the truth.
            kinds: all kinds of dirt that there are.
            special: an outcome of published records that is counted besides.
        """
        out.mkdir(parents=True, exist_ok=True)
        truth.mkdir(parents=True, exist_ok=True)
        # First of all: whoever stops us half way must not find an old truth about a new file.
        orphans = withdraw_overlapping(truth, {name}, self.source)
        write_atomically(out / name, content)
        counted = Counter(each.kind for each in truths)
        summary = Summary(
            self.seed,
            self.day - timedelta(days=self.days - 1),
            self.days,
            rows,
            drops=(Drop(name, rows, len(content)),),
            kinds={kind: counted[kind] for kind in kinds},
            outcomes=outcomes(rows, truths, special),
            orphans=orphans,
            source=self.source,
        )
        write_truth(truth, truths, summary)
        return summary
