"""A case: commands that do the same work, or the same part of it, and what to say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Spent


class SkippedError(Exception):
    """A case that lacks something; the message says what it takes."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of those that are compared.

    Attributes:
        name: heads its column.
        run: runs it once, from the same start every time, and measures it.
    """

    name: str
    run: Callable[[], Spent]


@dataclass(frozen=True, slots=True)
class Case:
    """A subject and what stands beside it, ready to run.

    Attributes:
        name: what ``CASE=`` calls it.
        about: a sentence or two on what is compared.
        subject: what is ours.
        baselines: what it is compared with, each with a ratio of its own.
        check: looked at once after the last turn: whether all sides really did the work. It
            returns what it found out, and raises if they did not.
        core: name of the part that all sides tell the CPU seconds of; "" if they do not.
        size: of what is compared, where it is not the number of payments that was asked for.
    """

    name: str
    about: str
    subject: Side
    baselines: Sequence[Side]
    check: Callable[[], str]
    core: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a measure of the subject and of each baseline."""

    measure: str
    subject: Sequence[float]
    baselines: Sequence[Sequence[float]]

    def ratio(self, baseline: Sequence[float]) -> float | None:
        """The median of the ratios of the pairs; None where a baseline has nothing of it."""
        pairs = [ours / its for ours, its in zip(self.subject, baseline, strict=True) if its]
        return median(pairs) if pairs else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to: what each turn cost the subject, and each baseline."""

    case: Case
    subject: Sequence[Spent]
    baselines: Sequence[Sequence[Spent]]
    found: str

    def rows(self) -> list[Row]:
        """The lines of the table."""
        lines = [
            self._row("wall time, s", lambda spent: spent.wall),
            self._row("CPU, s", lambda spent: spent.cpu),
        ]
        if self.case.core:
            lines.append(self._row(f"CPU of {self.case.core}, s", lambda spent: spent.core or 0.0))
        if any(spent.server for side in self._sides() for spent in side):
            lines += [
                self._row("CPU of Prefect's server, s", lambda spent: spent.server),
                self._row("CPU with the server, s", lambda spent: spent.cpu + spent.server),
            ]
        lines.append(
            self._row("peak memory of the largest process, MB", lambda spent: spent.peak / 1e6)
        )
        return lines

    def _row(self, measure: str, value: Callable[[Spent], float]) -> Row:
        subject, *baselines = ([value(spent) for spent in side] for side in self._sides())
        return Row(measure, subject, baselines)

    def _sides(self) -> Sequence[Sequence[Spent]]:
        return (self.subject, *self.baselines)


def compare(case: Case, runs: int, tell: Callable[[str], object]) -> Outcome:
    """Run all sides in turns, so that whatever else the machine does hits each."""
    sides = (case.subject, *case.baselines)
    spent: list[list[Spent]] = [[] for _ in sides]
    for turn in range(1, runs + 1):
        for side, mine in zip(sides, spent, strict=True):
            mine.append(side.run())
            tell(_told(side, mine[-1], turn))
    return Outcome(case, spent[0], spent[1:], case.check())


def _told(side: Side, spent: Spent, turn: int) -> str:
    server = f", server {spent.server:.1f} s" if spent.server else ""
    return (
        f"  {turn}. {side.name}: {spent.wall:.1f} s, CPU {spent.cpu:.1f} s{server},"
        f" {spent.peak / 1e6:,.0f} MB"
    )
