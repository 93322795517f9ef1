"""Failures of the disk and of the process: the ref stays, or everything is there."""

from __future__ import annotations

import pytest

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import Lake
from tests.unit.disk import Disk
from tests.unit.kit import numbers, publish, write


def test_disk_that_fails_at_any_step(lake: Lake) -> None:
    """Until the ref's entry has its name readers see what they saw; the next publish works."""
    before = publish(lake, 0)
    for fail_at in range(9):
        disk = Disk(lake.root)
        disk.fail_at = fail_at
        with lake.branch("dev", "run") as branch:
            with branch.session() as session:
                write(session, 100 + fail_at)
            with disk.watched(), pytest.raises(EnvironmentFailed, match="Input/output error"):
                lake.publish(branch, run="run")
        assert disk.steps[-1][0] == "failed"
        assert lake.refs.head("dev") == before
    assert numbers(lake) == [0]
    publish(lake, 1)
    assert numbers(lake) == [0, 1]


def test_publish_that_failed_may_be_tried_again(lake: Lake) -> None:
    """The same branch is published once the disk is well again."""
    for fail_at in (0, 4, 5):
        disk = Disk(lake.root)
        disk.fail_at = fail_at
        with lake.branch("dev", f"run-{fail_at}") as branch:
            with branch.session() as session:
                write(session, fail_at)
            with disk.watched(), pytest.raises(EnvironmentFailed, match="Input/output error"):
                lake.publish(branch, run="run")
            lake.publish(branch, run="run")
    assert numbers(lake) == [0, 4, 5]


def test_disk_that_fails_after_the_ref_moved(lake: Lake) -> None:
    """Then readers see the release, the whole of it, though the writer was told of the error."""
    first = publish(lake, 1)
    disk = Disk(lake.root)
    disk.fail_at = 9
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        with disk.watched(), pytest.raises(EnvironmentFailed, match="Input/output error"):
            lake.publish(branch, run="run")
    head = lake.refs.require("dev")
    assert (head.number, head.previous) == (first.number + 1, first.generation)
    assert numbers(lake) == [1, 2]
