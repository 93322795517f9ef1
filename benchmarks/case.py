"""A case: two commands that do the same work, or the same part of it, and what to say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import Spent


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two.

    Attributes:
        name: heads its column.
        run: runs it once, from the same start every time, and measures it.
    """

    name: str
    run: Callable[[], Spent]


@dataclass(frozen=True, slots=True)
class Case:
    """Two sides, ready to run.

    Attributes:
        name: what ``CASE=`` calls it.
        about: a sentence or two on what is compared.
        check: looked at once after the last pair: whether both sides really did the work. It
            returns what it found out, and raises if they did not.
        core: name of the part that both sides tell the CPU seconds of; "" if they do not.
        size: of what is compared, where it is not the number of payments that was asked for.
    """

    name: str
    about: str
    subject: Side
    baseline: Side
    check: Callable[[], str]
    core: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a measure of both sides, and their ratio, pair by pair."""

    measure: str
    subject: Sequence[float]
    baseline: Sequence[float]
    ratio: float | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to."""

    case: Case
    subject: Sequence[Spent]
    baseline: Sequence[Spent]
    found: str

    def rows(self) -> list[Row]:
        """The lines of the table."""
        lines = [
            _row("wall time, s", self, lambda spent: spent.wall),
            _row("CPU, s", self, lambda spent: spent.cpu),
        ]
        if self.case.core:
            lines.append(_row(f"CPU of {self.case.core}, s", self, lambda spent: spent.core or 0.0))
        if any(spent.server for spent in (*self.subject, *self.baseline)):
            lines += [
                _row("CPU of Prefect's server, s", self, lambda spent: spent.server),
                _row("CPU with the server, s", self, lambda spent: spent.cpu + spent.server),
            ]
        lines.append(_row("peak memory of the largest process, MB", self, lambda s: s.peak / 1e6))
        return lines


def compare(case: Case, runs: int, tell: Callable[[str], object]) -> Outcome:
    """Run both sides in turns, so that whatever else the machine does hits both."""
    subject, baseline = [], []
    for turn in range(1, runs + 1):
        subject.append(case.subject.run())
        tell(_told(case.subject, subject[-1], turn))
        baseline.append(case.baseline.run())
        tell(_told(case.baseline, baseline[-1], turn))
    return Outcome(case, subject, baseline, case.check())


def _told(side: Side, spent: Spent, turn: int) -> str:
    server = f", server {spent.server:.1f} s" if spent.server else ""
    return (
        f"  {turn}. {side.name}: {spent.wall:.1f} s, CPU {spent.cpu:.1f} s{server},"
        f" {spent.peak / 1e6:,.0f} MB"
    )


def _row(measure: str, outcome: Outcome, value: Callable[[Spent], float]) -> Row:
    subject, baseline = list(map(value, outcome.subject)), list(map(value, outcome.baseline))
    pairs = [mine / theirs for mine, theirs in zip(subject, baseline, strict=True) if theirs]
    return Row(measure, subject, baseline, median(pairs) if pairs else None)
