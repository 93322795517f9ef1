"""Refs: names that point at generations, moved by compare-and-swap, their log kept.

A ref *is* its log: it points where the newest entry says. Moving it appends the entry after the
one that the mover saw; if that place is taken, somebody else moved the ref first. Deleting a ref is
an entry too: its log stays, and a writer that still sees the ref loses against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sluicegate.errors import ConfigurationError, EnvironmentFailed, RefMoved, UnknownName
from sluicegate.lake.log import SUFFIX, Log
from sluicegate.lake.points import reached
from sluicegate.lake.restoring import require_restored
from sluicegate.lake.store import Store
from sluicegate.refnames import is_name, objection

DELETE = "delete"
_ENTRY = re.compile(rf"refs/(?P<ref>.+)/[0-9]{{8}}{re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of a ref's log: where the ref was pointed, from where, by whom, why."""

    ref: str
    number: int
    generation: str
    previous: str | None
    action: str
    """``publish``, ``rollback``, ``branch`` (the ref was made) or ``delete``."""
    run: str | None
    at: datetime


class Refs:
    """All refs of one lake: the logs below ``refs/``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._logs: dict[str, Log] = {}

    def names(self) -> list[str]:
        """Every ref that points at a generation."""
        return [name for name in self.all_names() if self.head(name) is not None]

    def all_names(self) -> list[str]:
        """Every ref that there is or was, deleted ones included."""
        require_restored(self._store)
        # By any entry: a log that lacks its first one is damaged, and is there all the same.
        found = (_ENTRY.fullmatch(stored.key) for stored in self._store.list("refs/"))
        return sorted({entry["ref"] for entry in found if entry})

    def require_name(self, ref: str) -> None:
        """Be sure that a new ref could be called this.

        Raises:
            ConfigurationError: it cannot.
        """
        if objection(ref):
            raise _no_name(ref)

    def head(self, ref: str) -> Move | None:
        """Where a ref points now; None if it was never pointed anywhere, or is deleted."""
        require_restored(self._store)
        newest = self._newest(ref)
        return None if newest is None or newest.action == DELETE else newest

    def require(self, ref: str) -> Move:
        """Where a ref points now.

        Raises:
            UnknownName: it was never pointed anywhere.
        """
        head = self.head(ref)
        if head is None:
            raise UnknownName.of("ref", ref, self.names(), where=self._store.where("refs"))
        return head

    def log(self, ref: str) -> Iterator[Move]:
        """Every move of a ref, newest first."""
        require_restored(self._store)
        for number, entry in self._log(ref).entries(newest_first=True):
            yield move_of(ref, number, entry)

    def move(
        self, ref: str, seen: Move | None, generation: str, *, action: str, run: str | None = None
    ) -> Move:
        """Point a ref at a generation, if it still points where the caller last saw it.

        Args:
            seen: the head that the caller's work is based on; None for a new ref.

        Raises:
            RefMoved: it points elsewhere by now. Nothing was changed.
            ConfigurationError: a new ref cannot have this name.
        """
        if seen is None:
            self.require_name(ref)
        newest = self._newest(ref) if seen is None else None
        if newest is not None and newest.action != DELETE:
            raise self._moved(ref, 0)
        number = seen.number if seen else newest.number if newest else 0
        entry = {
            "generation": generation,
            "previous": seen.generation if seen else None,
            "action": action,
            "run": run,
            "at": datetime.now(UTC).isoformat(),
        }
        if not self._log(ref).append_after(number, entry):
            raise self._moved(ref, number)
        reached("ref moved")
        return move_of(ref, number + 1, entry)

    def delete(self, seen: Move) -> Move:
        """Let a ref point nowhere, if it still points where the caller last saw it.

        Raises:
            RefMoved: it points elsewhere by now. Nothing was changed.
        """
        return self.move(seen.ref, seen, seen.generation, action=DELETE)

    def _newest(self, ref: str) -> Move | None:
        log = self._log(ref)
        number = log.last()
        try:
            return move_of(ref, number, log.read(number)) if number else None
        except (ValueError, KeyError, TypeError) as error:
            raise EnvironmentFailed(
                f"The newest entry of the ref {ref!r} cannot be read.",
                where=self._store.where(f"refs/{ref}/{number:08d}{SUFFIX}"),
                hint="restore the entry from a backup; sluicegate lake verify names all damage",
            ) from error

    def _moved(self, ref: str, number: int) -> RefMoved:
        return RefMoved(
            f"The ref {ref!r} was moved by somebody else meanwhile.",
            where=f"{ref} is at entry {self._log(ref).last()}, this work started at {number}",
            hint="run again: the work is repeated on top of what was published",
        )

    def _log(self, ref: str) -> Log:
        if not is_name(ref):
            raise _no_name(ref)
        return self._logs.setdefault(ref, Log(self._store, f"refs/{ref}"))


def _no_name(ref: str) -> ConfigurationError:
    return ConfigurationError(f"{ref!r} cannot be the name of a ref.", hint=objection(ref))


def move_of(ref: str, number: int, entry: dict[str, str | None]) -> Move:
    """An entry of a ref's log, read.

    Raises:
        KeyError, ValueError: it is none.
    """
    return Move(
        ref=ref,
        number=number,
        generation=str(entry["generation"]),
        previous=entry["previous"],
        action=str(entry["action"]),
        run=entry["run"],
        at=datetime.fromisoformat(str(entry["at"])),
    )
