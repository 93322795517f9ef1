"""Freshness: by when something new is expected, and what is stale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sluicegate.errors import ContractError
from sluicegate.quality.freshness import freshness_of
from sluicegate.sources import Expectation, daily, within
from tests.unit.kit import source

BERLIN = daily(by="06:00", tz="Europe/Berlin")


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expected", "now", "since"),
    [
        (within("36 h"), "2026-11-24 12:00", "2026-11-23 00:00"),
        (within("5 days"), "2026-11-24 12:00", "2026-11-19 12:00"),
        (BERLIN, "2026-11-24 12:00", "2026-11-23 05:00"),
        (BERLIN, "2026-11-24 05:00", "2026-11-23 05:00"),
        (BERLIN, "2026-11-24 04:59", "2026-11-22 05:00"),
        # The night of 25 October has 25 hours, that of 28 March 23.
        (BERLIN, "2026-10-25 12:00", "2026-10-24 04:00"),
        (BERLIN, "2026-10-26 12:00", "2026-10-25 05:00"),
        (BERLIN, "2026-03-29 12:00", "2026-03-28 05:00"),
    ],
)
def test_since_when_something_must_have_come(expected: Expectation, now: str, since: str) -> None:
    """A span before now, or the deadline before the newest one that has passed, in local time."""
    assert expected.since(at(now)).astimezone(UTC) == at(since)


@pytest.mark.parametrize(
    ("last", "stale"),
    [(None, True), ("2026-11-23 05:00", True), ("2026-11-23 05:01", False)],
)
def test_stale_is_what_missed_its_deadline(last: str | None, stale: bool) -> None:
    """Nothing since the deadline before is stale; nothing at all is too."""
    arrivals = [at("2026-01-01 00:00"), at(last)] if last else []
    found = freshness_of(source(fresh=BERLIN), arrivals, at("2026-11-24 12:00"))
    assert (found.stale, found.expectation) == (stale, "daily by 06:00 Europe/Berlin")
    assert found.last == (at(last) if last else None)


def test_nothing_expected_is_never_stale() -> None:
    """A source without an expectation is reported, and never late."""
    found = freshness_of(source(), [], at("2026-11-24 12:00"))
    assert (found.stale, found.due) == (False, None)


@pytest.mark.parametrize("span", ["", "soon", "0 h", "-1 h", "3 weeks", "1.5 h"])
def test_a_span_that_is_none_is_refused(span: str) -> None:
    """The contract is refused when it is loaded, with the spelling that works."""
    with pytest.raises(ContractError, match="no span") as caught:
        within(span)
    assert "36 h" in str(caught.value.hint)


@pytest.mark.parametrize(("by", "tz"), [("25:00", "Europe/Berlin"), ("06:00", "Berlin"), ("", "")])
def test_a_deadline_that_is_none_is_refused(by: str, tz: str) -> None:
    """The same for a time or a place that does not exist."""
    with pytest.raises(ContractError, match="no time of a place"):
        daily(by=by, tz=tz)
