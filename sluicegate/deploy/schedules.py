"""Schedules, by Prefect's own reckoning: whether it understands one, and when it would run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sluicegate.deploy.problems import nearest


def objection(cron: str, timezone: str) -> tuple[str, str] | None:
    """What is wrong with a schedule: the key, and why; None if Prefect can follow it."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    if timezone not in (zones := _zones()):
        known = nearest(timezone, sorted(zones)) if "/" in timezone else "for example Europe/Berlin"
        return "timezone", f"there is no time zone {timezone!r}; {known}"
    if len(cron.split()) != 5:
        # Prefect accepts a sixth field, seconds, and @daily, which means UTC to many readers.
        return "cron", f"{cron!r} does not have the five fields minute hour day month weekday"
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError:
        return "cron", f"{cron!r} is no cron expression"
    return None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def upcoming(
    schedule: Mapping[str, Any], count: int, start: datetime | None = None
) -> list[datetime]:
    """The next moments at which Prefect would start a run, in the schedule's time zone.

    Args:
        schedule: ``cron``, ``timezone`` and ``day_or``, as a deployment's state has them.
        count: how many.
        start: moment from which to look; now by default.
    """
    from prefect.server.schemas.schedules import CronSchedule

    zone = ZoneInfo(schedule["timezone"])
    planned = asyncio.run(CronSchedule(**schedule).get_dates(count, start=start))
    return [datetime.fromtimestamp(moment.timestamp(), zone) for moment in planned]


def longest_gap(timings: Iterable[Mapping[str, Any]]) -> timedelta:
    """The longest time between two runs, if all these schedules start the same flow.

    Counted over a year that does not move, so that the same schedules always give the same time:
    weekends and changes of the clock are in it.
    """
    from prefect.server.schemas.schedules import CronSchedule

    begin = datetime(2026, 1, 1, tzinfo=UTC)
    end = begin + timedelta(days=366)
    moments = {begin}
    for timing in timings:
        # Prefect stops counting after a thousand; a schedule so dense shows its gaps by then.
        planned = asyncio.run(CronSchedule(**timing).get_dates(1000, start=begin, end=end))
        found = [datetime.fromtimestamp(moment.timestamp(), UTC) for moment in planned]
        if len(found) == 1000:
            end = min(end, found[-1])
        moments.update(found)
    within = sorted(moment for moment in moments if moment <= end)
    return max(later - earlier for earlier, later in pairwise([*within, end]))
