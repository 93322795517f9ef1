"""Refs: names that point at generations, moved by compare-and-swap, their log kept.

A ref *is* its log: it points where the newest entry says. Moving it appends the entry after the
one that the mover saw; if that place is taken, somebody else moved the ref first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluicegate.errors import ConfigurationError, RefMoved, UnknownName
from sluicegate.lake.log import Log

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*\Z")


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of a ref's log: where the ref was pointed, from where, by whom, why."""

    ref: str
    number: int
    generation: str
    previous: str | None
    action: str
    """``publish`` or ``rollback``."""
    run: str | None
    at: datetime


class Refs:
    """All refs of one lake."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Every ref that was ever pointed at a generation."""
        if not self._folder.is_dir():
            return []
        first = self._folder.rglob("00000001.json")
        return sorted(str(entry.parent.relative_to(self._folder)) for entry in first)

    def head(self, ref: str) -> Move | None:
        """Where a ref points now; None if it was never pointed anywhere."""
        log = self._log(ref)
        number = log.last()
        return _move(ref, number, log.read(number)) if number else None

    def require(self, ref: str) -> Move:
        """Where a ref points now.

        Raises:
            UnknownName: it was never pointed anywhere.
        """
        head = self.head(ref)
        if head is None:
            raise UnknownName.of("ref", ref, self.names(), where=str(self._folder))
        return head

    def log(self, ref: str) -> Iterator[Move]:
        """Every move of a ref, newest first."""
        for number, entry in self._log(ref).entries(newest_first=True):
            yield _move(ref, number, entry)

    def move(
        self, ref: str, seen: Move | None, generation: str, *, action: str, run: str | None = None
    ) -> Move:
        """Point a ref at a generation, if it still points where the caller last saw it.

        Args:
            seen: the head that the caller's work is based on; None for a new ref.

        Raises:
            RefMoved: it points elsewhere by now. Nothing was changed.
        """
        entry = {
            "generation": generation,
            "previous": seen.generation if seen else None,
            "action": action,
            "run": run,
            "at": datetime.now(UTC).isoformat(),
        }
        number = seen.number if seen else 0
        if not self._log(ref).append_after(number, entry):
            raise RefMoved(
                f"The ref {ref!r} was moved by somebody else meanwhile.",
                where=f"{ref} is at entry {self._log(ref).last()}, this work started at {number}",
                hint="run again: the work is repeated on top of what was published",
            )
        return _move(ref, number + 1, entry)

    def _log(self, ref: str) -> Log:
        if not _NAME.match(ref):
            raise ConfigurationError(
                f"{ref!r} cannot be the name of a ref.",
                hint="use lower-case letters, digits, '.', '_' and '-', in parts joined by '/'",
            )
        return Log(self._folder / ref)


def _move(ref: str, number: int, entry: dict[str, str | None]) -> Move:
    return Move(
        ref=ref,
        number=number,
        generation=str(entry["generation"]),
        previous=entry["previous"],
        action=str(entry["action"]),
        run=entry["run"],
        at=datetime.fromisoformat(str(entry["at"])),
    )
