"""Which branch dbt writes to, handed over inside the process instead of through its profile.

dbt hashes its profile to decide whether its parse cache still holds. A branch has a new path on
every run, so the profile names none: :func:`handed` sets the branch, and the plugin that dbt loads
takes it from :func:`current`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.lake.connection import Connection
    from sluicegate.lake.store import DataFiles


@dataclass(slots=True)
class Handover:
    """A branch on loan to dbt.

    Attributes:
        catalog: the branch's catalog file.
        files: where the lake's data files are.
        connection: the connection dbt writes with, once it has opened one.
    """

    catalog: Path
    files: DataFiles
    connection: Connection | None = None


# dbt keeps adapters, flags and its event manager in globals: one build at a time in a process.
_ONE_AT_A_TIME = Lock()
_current: Handover | None = None


@contextmanager
def handed(catalog: Path, files: DataFiles) -> Iterator[Handover]:
    """Lend a branch to dbt for as long as the block lasts; others wait for their turn."""
    global _current  # noqa: PLW0603 - dbt makes the plugin, in a thread of its own choice.
    with _ONE_AT_A_TIME:
        _current = Handover(catalog, files)
        try:
            yield _current
        finally:
            _current = None


def current() -> Handover | None:
    """The branch on loan right now, or None where dbt was started by hand."""
    return _current
