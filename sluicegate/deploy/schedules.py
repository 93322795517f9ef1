"""Schedules, by Prefect's own reckoning: whether it understands one, and when it would run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import cache
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
