"""Freshness: by when a source must have delivered something new."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluicegate.errors import ContractError

_SPAN = re.compile(r"\s*(\d{1,5})\s*(h|days?)\s*\Z")


class Expectation(Protocol):
    """When there must be something new."""

    def since(self, now: datetime) -> datetime:
        """Moment after which a batch must have arrived for its source to be fresh now."""
        ...

    def __str__(self) -> str:
        """The expectation, for people."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """Something new at least this often."""

    span: timedelta

    def since(self, now: datetime) -> datetime:
        """The span before now."""
        return now - self.span

    def __str__(self) -> str:
        hours = int(self.span.total_seconds()) // 3600
        return f"every {hours // 24} days" if hours % 24 == 0 else f"every {hours} hours"


@dataclass(frozen=True, slots=True)
class Daily:
    """Something new every day by a time of a place: since the deadline of the day before."""

    by: time
    zone: ZoneInfo

    def since(self, now: datetime) -> datetime:
        """The deadline before the newest one that has passed."""
        local = now.astimezone(self.zone)
        # Clock arithmetic within the zone, so that a day with 23 or 25 hours is one day.
        deadline = datetime.combine(local.date(), self.by, self.zone)
        passed = deadline if deadline <= local else deadline - timedelta(days=1)
        return passed - timedelta(days=1)

    def __str__(self) -> str:
        return f"daily by {self.by:%H:%M} {self.zone.key}"


def within(span: str) -> Within:
    """Expect something new at least this often: ``within("36 h")``, ``within("5 days")``.

    Raises:
        ContractError: it is no span.
    """
    match = _SPAN.match(span)
    if not match or int(match[1]) == 0:
        raise ContractError(
            f"within({span!r}) is no span of time.", hint='write "36 h", or "5 days"'
        )
    count = int(match[1])
    return Within(timedelta(hours=count) if match[2] == "h" else timedelta(days=count))


def daily(*, by: str, tz: str) -> Daily:
    """Expect something new every day: ``daily(by="06:00", tz="Europe/Berlin")``.

    Raises:
        ContractError: there is no such time, or no such time zone.
    """
    try:
        return Daily(time.fromisoformat(by), ZoneInfo(tz))
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ContractError(
            f"daily(by={by!r}, tz={tz!r}) names no time of a place.",
            hint='write by="06:00", tz="Europe/Berlin"',
        ) from error
