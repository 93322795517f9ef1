"""Values of cells as the texts that a contract reads.

A number in a workbook is a double, of which a spreadsheet shows 15 digits: of 0.1 + 0.2 it says
0.3, and so do we.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

_EXACT = 1 << 53
"""Up to here, every whole number is a double."""


class NoNumber(Exception):
    """A number that is none (NaN), or none that could be written down."""


def texts_of(cells: Sequence[Any], zone: ZoneInfo | None = None) -> list[str | None]:
    """The texts of some cells; none of what is empty.

    Args:
        zone: whose clock showed the date and time; without one they are texts without an offset.

    Raises:
        NoNumber: one of them is no number.
    """
    kinds = _KINDS if zone is None else _KINDS | dict.fromkeys((date, datetime), _moment_of(zone))
    return [kinds[type(cell)](cell) for cell in cells]


def is_no_number(cell: object) -> bool:
    """Whether a cell holds a number that is none."""
    return isinstance(cell, float) and not isfinite(cell)


def _number(number: float) -> str:
    if is_no_number(number):
        raise NoNumber
    if number.is_integer():
        whole = abs(number) < _EXACT
        return str(int(number)) if whole else format(Decimal(repr(number)), "f")
    text = format(number, ".15g")
    return format(Decimal(text), "f") if "e" in text else text


def _moment_of(zone: ZoneInfo) -> Callable[[date], str]:
    def moment(shown: date) -> str:
        """A clock reading with its offset; without one, if it names two moments or none."""
        local = shown if isinstance(shown, datetime) else datetime.combine(shown, time())
        first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        return (first if first.utcoffset() == second.utcoffset() else local).isoformat()

    return moment


def _duration(span: timedelta) -> str:
    """Hours, minutes and seconds; there may be more than 24 hours."""
    sign = "-" if span < timedelta() else ""
    minutes, seconds = divmod(abs(span), timedelta(minutes=1))
    parts = f"{minutes // 60:02}:{minutes % 60:02}:{seconds.seconds:02}"
    return f"{sign}{parts}.{seconds.microseconds:06}" if seconds.microseconds else f"{sign}{parts}"


_KINDS: dict[type, Callable[[Any], str | None]] = {
    str: lambda text: text or None,
    bool: lambda truth: "true" if truth else "false",
    int: str,
    float: _number,
    date: date.isoformat,
    datetime: datetime.isoformat,
    time: time.isoformat,
    timedelta: _duration,
}
