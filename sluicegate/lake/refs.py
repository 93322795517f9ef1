"""Refs: names that point at generations, moved by compare-and-swap, their log kept.

A ref *is* its log: it points where the newest entry says. Moving it appends the entry after the
one that the mover saw; if that place is taken, somebody else moved the ref first. Deleting a ref is
an entry too: its log stays, and a writer that still sees the ref loses against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sluicegate.errors import ConfigurationError, RefMoved, UnknownName, nearest
from sluicegate.lake.log import Log, moment, number_of, text
from sluicegate.lake.points import reached
from sluicegate.lake.restoring import require_restored
from sluicegate.lake.store import Store
from sluicegate.refnames import is_name, objection

DELETE = "delete"


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
        found = (ref_of(stored.key) for stored in self._store.list("refs/"))
        return sorted({ref for ref in found if ref is not None})

    def strays(self) -> list[str]:
        """Where there is something among the logs that is no entry: one may have lost its name."""
        keys = sorted(stored.key for stored in self._store.list("refs/"))
        return [self._store.where(key) for key in keys if ref_of(key) is None]

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
        """Every move of a ref, newest first.

        Raises:
            EnvironmentFailed: one is damaged.
        """
        require_restored(self._store)
        log = self._log(ref)
        for number, entry in log.entries(newest_first=True):
            yield self._move(log, ref, number, entry)

    def require_shown(self, head: Move, generation: str) -> None:
        """Be sure that a ref has pointed at a generation once.

        Raises:
            UnknownName: it never did.
        """
        known = set()
        for move in self.log(head.ref):
            if move.generation == generation:
                return
            known.add(move.generation)
        earlier = known - {head.generation}
        kind = "generation" if earlier else "earlier generation"
        raise UnknownName.of(kind, generation, earlier, where=head.ref)

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
        return self._move(log, ref, number, log.read(number)) if number else None

    @staticmethod
    def _move(log: Log, ref: str, number: int, entry: Mapping[str, object]) -> Move:
        try:
            return move_of(ref, number, entry)
        except (ValueError, KeyError) as error:
            raise log.damaged(number, "is no move of a ref") from error

    def _moved(self, ref: str, number: int) -> RefMoved:
        return RefMoved(
            f"The ref {ref!r} was moved by somebody else meanwhile.",
            where=f"{ref} is at entry {self._log(ref).last()}, this work started at {number}",
            hint="run again: the work is repeated on top of what was published",
        )

    def _log(self, ref: str) -> Log:
        if not is_name(ref):
            raise _no_name(ref, self.all_names())
        return self._logs.setdefault(ref, Log(self._store, f"refs/{ref}"))


def _no_name(ref: str, known: Iterable[str] = ()) -> ConfigurationError:
    hint = objection(ref)
    if near := nearest(ref, known):
        hint = f"did you mean {' or '.join(map(repr, near))}? In a name {hint}"
    return ConfigurationError(f"{ref!r} cannot be the name of a ref.", hint=hint)


def ref_of(key: str) -> str | None:
    """The ref whose log an object is an entry of, by its key; None if it is none."""
    ref, _, name = key.removeprefix("refs/").rpartition("/")
    return ref if is_name(ref) and number_of(name) is not None else None


def move_of(ref: str, number: int, entry: Mapping[str, object]) -> Move:
    """An entry of a ref's log, read.

    Raises:
        KeyError, ValueError: it is none.
    """
    return Move(
        ref=ref,
        number=number,
        generation=text(entry["generation"]),
        previous=None if entry["previous"] is None else text(entry["previous"]),
        action=text(entry["action"]),
        run=None if entry["run"] is None else text(entry["run"]),
        at=moment(entry["at"]),
    )
