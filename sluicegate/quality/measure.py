"""Dimensions of quality, measured: exact counts of one dataset in one run, and what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from sluicegate.contracts import Contract, Dimension, promises_of
from sluicegate.ingestion.tally import Tally

NOTHING = "–"  # noqa: RUF001 - a dash, as in tables
"""What is shown where nothing was looked at: never a share."""
_BARS = "▁▂▃▄▅▆▇█"
_WORST = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """One dimension of one dataset in one run.

    Attributes:
        dataset: a source by its name, or a model by its table.
        broken: rule of the dimension → rows that break it, where any does.
        before: the same of earlier runs that were published, oldest first.
    """

    dataset: str
    dimension: Dimension
    tally: Tally
    broken: Mapping[str, int]
    before: tuple[Tally, ...] = ()

    @property
    def value(self) -> Fraction | None:
        """The share that is right; None if nothing was looked at."""
        return share_of(self.tally)

    @property
    def change(self) -> Fraction | None:
        """The difference to the run before; None if there is none to compare with."""
        earlier = share_of(self.before[-1]) if self.before else None
        return None if self.value is None or earlier is None else self.value - earlier

    @property
    def worst(self) -> str:
        """The rules that most rows break, for people."""
        ordered = sorted(self.broken.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{rule} {count:,}" for rule, count in ordered[:_WORST])
        return told + (f" and {len(ordered) - _WORST} more rules" if ordered[_WORST:] else "")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "dataset": self.dataset,
            "dimension": self.dimension.value,
            **self.tally.to_dict(),
            "right": shown(self.value),
            "change": change_shown(self.change),
            "trend": trend_shown(self),
        }


def share_of(tally: Tally) -> Fraction | None:
    """The share of what was looked at that did not fail; None if nothing was."""
    right = tally.looked_at - tally.failed
    return Fraction(right, tally.looked_at) if tally.looked_at else None


def measures_of(
    dataset: str,
    contract: type[Contract],
    tallies: Mapping[Dimension, Tally],
    counts: Mapping[str, int],
) -> list[Measure]:
    """The dimensions that something was looked at for.

    Args:
        counts: rule → rows that break it.
    """
    promises = promises_of(contract)
    return [
        Measure(
            dataset,
            dimension,
            tallies[dimension],
            {
                rule: count
                for rule, count in counts.items()
                if count and promises[rule].dimension is dimension
            },
        )
        for dimension in Dimension
        if dimension in tallies and tallies[dimension].looked_at
    ]


def shown(value: Fraction | None) -> str:
    """A share as people read it: rounded down, so that what is not whole is never 100 %.

    >>> shown(Fraction(199_999, 200_000))
    '99.99 %'
    """
    if value is None:
        return NOTHING
    return "100 %" if value == 1 else f"{floor(value * 10_000) / 100:.2f} %"


def change_shown(change: Fraction | None) -> str:
    """A difference of two shares, in percentage points; empty if there is none.

    >>> change_shown(Fraction(-1, 200)), change_shown(Fraction(1, 100_000))
    ('-0.50', '±0.00')
    """
    if not change:
        return ""
    points = round(change * 100, 2)
    return f"{float(points):+.2f}" if points else "±0.00"


def trend_shown(measure: Measure) -> str:
    """The shares of the last runs as bars, this one last, between the least and the most of them.

    Empty where there is only this one; where they are all equal, the bars are, too.
    """
    shares = [share_of(tally) for tally in (*measure.before, measure.tally)]
    known = [share for share in shares if share is not None]
    if len(known) < 2:
        return ""
    least, most = min(known), max(known)
    if least == most:
        return _BARS[-1] * len(known)
    steps = len(_BARS) - 1
    return "".join(_BARS[floor((share - least) / (most - least) * steps)] for share in known)
