"""Leftovers of dead processes in a lake's folder: unfinished files, and what DuckDB spilled."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sluicegate.lake import durable

_DRAFT = re.compile(r"\.(?:.*\.|probe-)?[0-9a-f]{32}\Z")
"""What is called so becomes something, or is removed, by the process that made it."""

_DRAFT_AGE = timedelta(hours=1)
_SPILL_AGE = timedelta(days=1)
"""Since the last write; a living process may need them, whatever the grace period is."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no process needs any more, and its size in bytes."""

    file: Path
    size: int


def find(root: Path, now: datetime) -> Iterator[Leftover]:
    """Every leftover below a lake's folder; what branches have left is swept with them."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        if here == root:
            folders[:] = [name for name in folders if name != "branches"]
        spilled = (root / "spill") in (here, *here.parents)
        for name in names:
            draft = name.startswith(".") and name.endswith(durable.DRAFT)
            if not spilled and not draft and not _DRAFT.match(name):
                continue
            with suppress(FileNotFoundError):
                stat = (here / name).stat()
                if draft:
                    if durable.abandoned(here / name):
                        yield Leftover(here / name, stat.st_size)
                    continue
                age = now.timestamp() - stat.st_mtime
                if age > (_SPILL_AGE if spilled else _DRAFT_AGE).total_seconds():
                    yield Leftover(here / name, stat.st_size)


def remove(leftovers: Iterable[Leftover]) -> None:
    """Remove them; one that is gone already is no error."""
    for leftover in leftovers:
        leftover.file.unlink(missing_ok=True)
