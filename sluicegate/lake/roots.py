"""Which catalogs are reachable, and from where: the question that collecting begins with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.branch import bases
from sluicegate.lake.leases import leased
from sluicegate.lake.refs import DELETE, Move

if TYPE_CHECKING:
    from sluicegate.lake.lake import Lake

_SKEW = timedelta(days=1)
"""How far the clocks of those who write into one log may be apart."""

_ENOUGH = 24
"""Entries in a row that are too old to matter: fewer may be of a machine whose clock is wrong."""


class _Gap(Exception):
    """The number of an entry that is missing."""


class Roots:
    """Looks for what is reachable; a second look reads only what was added to the logs since.

    Args:
        keep: how long a generation is kept after a ref moved away from it.
    """

    def __init__(self, lake: Lake, keep: timedelta) -> None:
        self._lake = lake
        self._keep = keep
        self._seen: dict[str, list[Move]] = {}

    def read_logs(self, now: datetime) -> None:
        """Read the logs, without looking further.

        Raises:
            EnvironmentFailed: one cannot be read.
        """
        if strays := self._lake.refs.strays():
            # It may be the entry that says what is shown.
            raise EnvironmentFailed(
                "Among the logs of refs is something that is no entry of one: nobody can say what"
                " is reachable.",
                where=strays[0],
                hint="give it its name back, or remove it if it never was an entry; sluicegate lake"
                " verify names all damage",
            )
        for ref in self._lake.refs.all_names():
            self._moves(ref, now - self._keep)

    def find(self, now: datetime) -> dict[str, str]:
        """Generation, or ``refused/<run>`` → why it is reachable, the strongest reason.

        For who holds the lock of the lake alone.

        Raises:
            EnvironmentFailed: a log, a pin or a lease cannot be read.
        """
        found: dict[str, str] = {}
        for name in leased(self._lake.root):
            found[name] = "read by somebody"
        for branch, base in bases(self._lake.branches).items():
            found[base] = f"base of the branch {branch}"
        since = now - self._keep
        left: dict[str, tuple[datetime, str]] = {}
        for ref in self._lake.refs.all_names():
            self._follow(ref, since, found, left)
        for generation, (at, ref) in left.items():
            found.setdefault(generation, self._was_shown(ref, at))
        for pin in self._lake.pins.list():
            found[pin.generation] = f"pinned by {pin.kind}/{pin.name}"
        return found

    def _was_shown(self, ref: str, until: datetime) -> str:
        return (
            f"was shown by {ref} until {until:%Y-%m-%d %H:%M} UTC;"
            f" kept until {until + self._keep:%Y-%m-%d %H:%M} UTC"
        )

    def _follow(
        self,
        ref: str,
        since: datetime,
        found: dict[str, str],
        left: dict[str, tuple[datetime, str]],
    ) -> None:
        """What a ref shows, and what it showed: of two that showed it, who left it later."""
        moves = self._moves(ref, since)
        # No move was made before those that it follows, whatever the clock of its machine said.
        made = list(accumulate((move.at for move in reversed(moves)), max))[::-1]
        if moves and moves[0].action != DELETE:
            found[moves[0].generation] = f"shown by {ref}"
        for move, until in zip(moves[1:], made, strict=False):
            if until >= since:
                known = left.get(move.generation, (until, ref))
                left[move.generation] = max(known, (until, ref))

    def _moves(self, ref: str, since: datetime) -> list[Move]:
        """Newest first, down to one that was made before, clocks being what they are."""
        seen = self._seen.setdefault(ref, [])
        try:
            seen[:0] = list(self._unseen(ref, seen[0].number if seen else 0, since))
        except _Gap as gap:
            raise EnvironmentFailed(
                f"The log of the ref {ref!r} has a gap: nobody can say what is reachable.",
                where=self._lake.store.where(f"refs/{ref}"),
                hint=f"entry {gap} is missing; restore it from a backup; sluicegate lake verify"
                " names all damage",
            ) from gap
        return seen

    def _unseen(self, ref: str, number: int, since: datetime) -> Iterator[Move]:
        expected, old = None, 0
        for move in self._lake.refs.log(ref):
            if expected not in (None, move.number):
                raise _Gap(expected)
            if move.number <= number:
                return
            yield move
            expected = move.number - 1
            old = old + 1 if move.at < since - _SKEW else 0
            if old >= _ENOUGH:
                return
        if expected:
            raise _Gap(expected)
