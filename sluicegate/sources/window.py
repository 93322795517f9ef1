"""A window: the days that somebody wants again, or at last, whatever a source's cursor says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sluicegate.errors import ConfigurationError

_DAY = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """Days from the first to the last, both included; one that is None is open.

    Raises:
        ConfigurationError: it begins after it ends.
    """

    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise ConfigurationError(
                f"The days from {self.since} to {self.until} are none.",
                hint="say the earlier one first",
            )

    @property
    def open(self) -> bool:
        """Whether it leaves nothing out."""
        return self.since is None and self.until is None

    def has(self, day: date) -> bool:
        """Whether a day is within."""
        return (self.since or day) <= day <= (self.until or day)

    def __str__(self) -> str:
        if self.open:
            return "all days"
        since = f"from {self.since}" if self.since else ""
        until = f"to {self.until}" if self.until else ""
        return f"{since} {until}".strip()


ALWAYS = Window()
"""All days."""


def day_of(name: str, modified_ns: int) -> date:
    """The day that a file is about: the last date in its path, else that of its last change.

    Dates are written ``2026-10-31``, ``2026_10_31``, ``2026.10.31`` or ``20261031``.
    """
    for year, month, day in reversed(_DAY.findall(name)):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return datetime.fromtimestamp(modified_ns / 1e9, tz=UTC).date()
