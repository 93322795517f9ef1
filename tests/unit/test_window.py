"""Windows: which days they have, and which day a file is about."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sluicegate.errors import ConfigurationError
from sluicegate.sources.window import ALWAYS, Window, day_of

MODIFIED = int(datetime(2026, 3, 4, 23, 59, tzinfo=UTC).timestamp() * 1e9)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("payments-2026-10-31.csv", date(2026, 10, 31)),
        ("payments_20261031.csv.gz", date(2026, 10, 31)),
        ("payments.2026_10_31.csv", date(2026, 10, 31)),
        ("export-2026-01-01/part-2026-10-31.csv", date(2026, 10, 31)),
        ("payments-20269931-20261031.csv", date(2026, 10, 31)),
        ("payments-20269931.csv", date(2026, 3, 4)),
        ("payments-1202610310.csv", date(2026, 3, 4)),
        ("payments.csv", date(2026, 3, 4)),
    ],
)
def test_day_of_a_file(name: str, day: date) -> None:
    """The last date that its path names; what is no date is none; else when it changed."""
    assert day_of(name, MODIFIED) == day


def test_both_ends_are_within() -> None:
    """The days that are named belong to it, and those beside them do not."""
    window = Window(date(2026, 10, 2), date(2026, 10, 4))
    assert [window.has(date(2026, 10, day)) for day in range(1, 6)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert Window(since=date(2026, 10, 2)).has(date(2030, 1, 1))
    assert not Window(until=date(2026, 10, 2)).has(date(2026, 10, 3))
    assert ALWAYS.open
    assert not window.open


def test_window_that_ends_before_it_begins_is_refused() -> None:
    """It would take in nothing, and look as if there were nothing."""
    with pytest.raises(ConfigurationError, match="from 2026-10-02 to 2026-10-01 are none"):
        Window(date(2026, 10, 2), date(2026, 10, 1))
