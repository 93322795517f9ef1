"""Crash points: the moments at which a process may die and the lake must be whole, by name.

A point is where the disk has changed and the next step is not done. Nothing happens there; tests
put a :data:`hook` in, end the process at each of them, and look at what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sluicegate.errors import Bug

POINTS: Final = frozenset(
    {
        # A branch, from its making to its end.
        "branch made",
        "branch copied",
        "file written",
        "data written",
        "catalog closed",
        "branch set aside",
        "branch let go",
        # Publishing it.
        "compaction begun",
        "compaction ended",
        "data synced",
        "catalog finished",
        "catalog settled",
        # Refs.
        "ref moved",
        "rollback chosen",
        "ref about to be made",
        "ref deleted",
        # Files that appear whole or not at all.
        "entry written",
        "entry linked",
        "draft synced",
        "draft renamed",
        # Collecting.
        "catalog condemned",
        "removal on record",
        "catalog removed",
        "removal durable",
        "file removed",
        # Backup and restore.
        "backup begun",
        "object copied",
        "object backed up",
        "backup listed",
        "restore begun",
        "object restored",
        "restore before logs",
        "entry restored",
        "restore ended",
    }
)
"""All points that there are."""


def _go_on(point: str) -> None:
    """What happens at a point: nothing."""


hook: Callable[[str], None] = _go_on
"""Called at every point with its name."""


def reached(point: str) -> None:
    """Say that a point was reached.

    Raises:
        Bug: there is no such point.
    """
    if point not in POINTS:
        raise Bug(f"There is no crash point called {point!r}.", where="sluicegate/lake/points.py")
    hook(point)
