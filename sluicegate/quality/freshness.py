"""Freshness: whether every source has delivered what was expected by now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sluicegate.sources import Source


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one source is.

    Attributes:
        source: its name.
        expectation: what is expected of it, for people.
        last: when its newest batch arrived; None if there never was one.
        due: moment after which a batch should have arrived; None where nothing is expected.
        stale: whether none has.
        lag: how long ago the newest batch arrived.
    """

    source: str
    expectation: str
    last: datetime | None
    due: datetime | None
    stale: bool
    lag: timedelta | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": self.source,
            "expectation": self.expectation,
            "last": self.last.isoformat() if self.last else None,
            "due": self.due.isoformat() if self.due else None,
            "stale": self.stale,
            "lag_seconds": None if self.lag is None else round(self.lag.total_seconds()),
        }


def freshness_of(source: Source, arrivals: Iterable[datetime], now: datetime) -> Freshness:
    """Judge a source by when its batches arrived."""
    last = max(arrivals, default=None)
    lag = None if last is None else now - last
    if source.fresh is None:
        return Freshness(source.name, "nothing expected", last, None, stale=False, lag=lag)
    due = source.fresh.since(now)
    stale = last is None or last <= due
    return Freshness(source.name, str(source.fresh), last, due, stale=stale, lag=lag)
