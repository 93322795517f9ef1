"""When the records of a register changed: each at moments of its own, some deleted in the end.

What a register holds on a day depends on the seed and the day alone, never on which other days
were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import polars as pl

from simulator.chance import Chance

KNOWN_FROM = date(2024, 10, 1)
"""From this day on everybody is in the registers; they came in over the two years before."""

DELETED_FROM = date(2026, 10, 1)
"""Nobody was deleted before this day."""

CHANGED_A_DAY = 0.003
DELETED_A_DAY = 0.0002

_EXPORTED_AT = time(17)
_DAY = 86_400.0
_YEARS = 730


class TooEarlyError(ValueError):
    """A register of a day on which not everybody was in it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """State of a register on one day. Row i is record i + 1.

    Attributes:
        updated: moment of the newest change, or of the first entry (epoch, whole seconds).
        versions: what may change to how often it did; all Int64.
        deleted: whether the record is gone.
    """

    updated: pl.Series
    versions: Mapping[str, pl.Series]
    deleted: pl.Series

    @classmethod
    def of(
        cls,
        chance: Chance,
        rows: int,
        day: date,
        shares: Mapping[str, float],
        rate: float = CHANGED_A_DAY,
    ) -> Changes:
        """Let a register change until the export of a day, at 17:00 UTC.

        Args:
            chance: decides who changes when.
            rows: size of the register.
            day: the day of the export.
            shares: what may change, and how often in proportion.
            rate: share of the records that change in a day.

        Raises:
            TooEarlyError: the day is before ``KNOWN_FROM``.
        """
        check_known(day)
        export = datetime.combine(day, _EXPORTED_AT, UTC).timestamp()
        moment = _epoch(KNOWN_FROM) - chance.uniform("entered", rows) * (_YEARS * _DAY)
        updated = moment
        names = pl.Series(list(shares))
        versions = {name: pl.zeros(rows, dtype=pl.Int64, eager=True) for name in shares}
        step = 0
        while True:
            step += 1
            moment = moment + _wait(chance, f"change/{step}", rows, rate)
            happened = moment < export
            if not happened.any():
                break
            updated = moment.zip_with(happened, updated)
            what = names.gather(chance.pick(f"what/{step}", rows, list(shares.values())))
            for name in shares:
                versions[name] = versions[name] + (happened & (what == name)).cast(pl.Int64)
        gone = _epoch(DELETED_FROM) + _wait(chance, "deleted", rows, DELETED_A_DAY)
        return cls(updated.cast(pl.Int64), versions, gone < export)

    def newest(self, what: str, draw: Callable[[str], pl.Series]) -> pl.Series:
        """Take what was drawn for each record when it last changed.

        Args:
            what: what may change.
            draw: takes the name of a version and draws it for all records.
        """
        value = draw(f"{what}/0")
        for version in range(1, self.latest(what) + 1):
            value = draw(f"{what}/{version}").zip_with(self.versions[what] >= version, value)
        return value

    def level(
        self, what: str, shares: Mapping[str, float], first: pl.Series, chance: Chance
    ) -> pl.Series:
        """Choose one of some levels for each record, another one with every change.

        Args:
            what: what may change.
            shares: the levels, and how likely a change leads to each.
            first: positions of the levels at the beginning.
            chance: decides the changes.

        Returns:
            The levels' names, String.
        """
        level = first.cast(pl.Int64)
        for version in range(1, self.latest(what) + 1):
            drawn = chance.pick(f"{what}/{version}", len(first), list(shares.values()))
            drawn = drawn.cast(pl.Int64)
            other = ((level + 1) % len(shares)).zip_with(drawn == level, drawn)
            level = other.zip_with(self.versions[what] >= version, level)
        return pl.Series(list(shares)).gather(level)

    def latest(self, what: str) -> int:
        """How often it changed in the record in which it did most often."""
        return int(self.versions[what].cast(pl.Int64).max() or 0)  # type: ignore[arg-type]


def check_known(day: date) -> None:
    """Refuse a day on which the registers were not complete.

    Raises:
        TooEarlyError: says from when on they are.
    """
    if day < KNOWN_FROM:
        raise TooEarlyError(
            f"customers and merchants are known from {KNOWN_FROM} on, not on {day}: choose a "
            "later --start"
        )


def _wait(chance: Chance, name: str, rows: int, rate: float) -> pl.Series:
    return (1.0 - chance.uniform(name, rows)).log() * (-_DAY / rate)


def _epoch(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
