"""How far a piece of work is: who works tells it, who wants to show it watches.

Work tells more often than anybody can read, and from threads that must not wait: dbt's, for one.
So telling only leaves a note. A thread of the watch's own looks at the note about once a second
and shows it; how long that takes, and whether it works, does not touch the work. Most work is over
before there is anything to show.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that work may take without being shown."""

PACE = 1.0
"""Seconds from one showing to the next."""

PARTING = 2.0
"""Seconds that the end of work waits at most for its last showing."""


class Progress(Protocol):
    """Is told how far a piece of work is. It must be quick, and must not raise."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note.

        Args:
            done: how much is done, in a unit of the work's own: bytes, tables, models.
            total: how much there is to do in all.
            what: what is being worked on now, for people; never a value of a row.
        """


def untold(done: int, total: int, what: str) -> None:
    """Nobody listens."""
    del done, total, what


@dataclass(frozen=True, slots=True)
class Sight:
    """How far a piece of work is, for people."""

    percent: float
    what: str


class Throttle:
    """Takes every note, and says which are worth showing, and when."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        patience: float = PATIENCE,
        pace: float = PACE,
    ) -> None:
        self._clock = clock
        self._pace = pace
        self._next = clock() + patience
        self._shown: Sight | None = None
        self.last = Sight(0.0, "")

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note."""
        # Work is done when it has ended, and not a moment before.
        percent = min(99.0, max(0.0, 100.0 * done / total)) if total else 0.0
        self.last = Sight(round(percent, 1), what)

    @property
    def wait(self) -> float:
        """Seconds until something may be shown."""
        return max(0.0, self._next - self._clock())

    def due(self) -> Sight | None:
        """What is to be shown now; None if it is too early, or shown already."""
        if self.wait > 0:
            return None
        self._next = self._clock() + self._pace
        if self.last == self._shown:
            return None
        self._shown = self.last
        return self._shown


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, sight: Sight) -> None:
        """Show it, in place of what was shown before."""


class Watch:
    """Shows a piece of work for as long as it lasts, from a thread of its own."""

    def __init__(self, screen: Screen, throttle: Throttle | None = None) -> None:
        self.progress = throttle or Throttle()
        self._screen: Screen | None = screen
        self._visible = False
        self._last: Sight | None = None
        self._over = Event()
        context = copy_context()  # It names the run that the work belongs to.
        # A daemon: a server that does not answer must not keep the process from ending.
        self._thread = Thread(target=context.run, args=(self._watch,), name="progress", daemon=True)
        self._thread.start()

    def end(self, last: Sight) -> None:
        """Show the end, if anything was shown before it."""
        self._last = last
        self._over.set()
        self._thread.join(PARTING)

    def _watch(self) -> None:
        while not self._over.wait(self.progress.wait):
            if sight := self.progress.due():
                self._show(sight)
        if self._visible and self._last:
            self._show(self._last)

    def _show(self, sight: Sight) -> None:
        if self._screen is None:
            return
        try:
            self._screen.show(sight)
            self._visible = True
        except Exception:
            log.warning("progress cannot be shown; the work goes on", exc_info=True)
            self._screen = None
