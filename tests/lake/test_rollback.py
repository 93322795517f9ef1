"""Rollback: the ref goes back, and nothing is lost."""

from __future__ import annotations

import pytest

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake import Lake
from tests.unit.kit import numbers, publish


def test_goes_back_one_release_at_a_time(lake: Lake) -> None:
    """Each rollback shows the release before the one that is shown, down to the first."""
    one, two, three = (publish(lake, n).generation for n in (1, 2, 3))
    assert [lake.rollback("dev").generation for _ in range(2)] == [two, one]
    assert numbers(lake) == [1]
    with pytest.raises(UnknownName, match="first generation"):
        lake.rollback("dev")
    actions = [(move.action, move.generation) for move in lake.refs.log("dev")]
    assert actions[:3] == [("rollback", one), ("rollback", two), ("publish", three)]


def test_rolls_forward_again(lake: Lake) -> None:
    """A rollback loses nothing: what was shown before can be named and shown again."""
    latest = [publish(lake, n).generation for n in (1, 2)][-1]
    lake.rollback("dev")
    assert lake.rollback("dev", latest).generation == latest
    assert numbers(lake) == [1, 2]


def test_publishing_goes_on_from_what_is_shown(lake: Lake) -> None:
    """After a rollback the next release is based on it, and can be rolled back to it."""
    publish(lake, 1)
    publish(lake, 2)
    lake.rollback("dev")
    publish(lake, 3)
    assert numbers(lake) == [1, 3]
    lake.rollback("dev")
    assert numbers(lake) == [1]


def test_publish_that_brought_nothing_is_not_gone_back_to(lake: Lake) -> None:
    """It shows the generation that was shown before: what is before that is meant."""
    first, second = publish(lake, 1).generation, publish(lake, 2).generation
    for run in ("idle", "idle again"):
        with lake.branch("dev", run) as branch:
            assert lake.publish(branch, run=run).generation == second
    assert lake.rollback("dev").generation == first
    assert numbers(lake) == [1]


def test_a_long_log_is_not_read_to_its_end(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of hourly publishes is 8,760 entries, each of them a request to object storage."""
    before, latest = (publish(lake, n) for n in (1, 2))
    for _ in range(100):
        head = lake.refs.require("dev")
        other = before if head.generation == latest.generation else latest
        lake.refs.move("dev", head, other.generation, action="rollback")
    publish(lake, 3)
    read = lake.store.read_all
    asked: list[str] = []
    monkeypatch.setattr(lake.store, "read_all", lambda keys: read(asked.extend(keys) or keys))
    lake.rollback("dev")
    lake.rollback("dev", latest.generation)
    assert 0 < len(asked) < 10


def test_nothing_to_go_back_to(lake: Lake) -> None:
    """Unknown refs and generations are told with near names, and the ref stays."""
    with pytest.raises(UnknownName, match="no ref called 'dev'"):
        lake.rollback("dev")
    first, second = publish(lake, 1).generation, publish(lake, 2)
    with pytest.raises(UnknownName, match="no generation called") as caught:
        lake.rollback("dev", first[:-1])
    assert first in str(caught.value.hint)
    elsewhere = publish(lake, 1, ref="prod").generation
    # An empty one is what a shell makes of a variable that is not set.
    for no in (elsewhere, ""):
        with pytest.raises(UnknownName, match="no generation called"):
            lake.rollback("dev", no)
    assert lake.refs.head("dev") == second


def test_lost_generation_is_not_shown(lake: Lake) -> None:
    """A ref is never pointed at a catalog that is gone."""
    lost, second = publish(lake, 1), publish(lake, 2)
    lake.catalog(lost.generation).unlink()
    with pytest.raises(EnvironmentFailed, match="is missing"):
        lake.rollback("dev")
    assert lake.refs.head("dev") == second


def test_a_generation_that_never_was(lake: Lake) -> None:
    """The names of others help; of the first release there is no earlier one."""
    publish(lake, 1)
    with pytest.raises(UnknownName, match="no earlier generation called 'gone'") as caught:
        lake.rollback("dev", "gone")
    assert caught.value.hint == "there is no earlier generation yet"
    first = lake.refs.require("dev").generation
    publish(lake, 2)
    with pytest.raises(UnknownName, match="no generation called 'gone'") as caught:
        lake.rollback("dev", "gone")
    assert first in str(caught.value.hint)
