"""How far a stage is, as a progress artifact in Prefect.

The library tells more often than anybody can read, and from threads that must not wait: dbt's, for
one. So telling only leaves a note. A thread of the watch's own looks at the note about once a
second and sends it to the server; how long that takes, and whether it works, does not touch the
stage. Most stages are over before there is anything to show.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from sluicegate.progress import Progress

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a stage may take without being watched."""

PACE = 1.0
"""Seconds between two updates."""

PARTING = 2.0
"""Seconds that the end of a stage waits at most for its last update."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sight:
    """How far a stage is."""

    percent: float
    what: str


class Throttle:
    """Takes every note, and says which are worth showing, and when."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._next = clock() + PATIENCE
        self._note = Sight(0.0, "")
        self._shown: Sight | None = None

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note; this is what the library calls."""
        # Everything is done when the stage has ended, and not a moment before.
        percent = min(99.0, max(0.0, 100.0 * done / total)) if total else 0.0
        self._note = Sight(round(percent, 1), what)

    @property
    def wait(self) -> float:
        """Seconds until something may be shown."""
        return max(0.0, self._next - self._clock())

    @property
    def last(self) -> Sight:
        """The newest note."""
        return self._note

    def due(self) -> Sight | None:
        """What is to be shown now; None if it is too early, or shown already."""
        if self.wait > 0:
            return None
        self._next = self._clock() + PACE
        if self._note == self._shown:
            return None
        self._shown = self._note
        return self._shown


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, sight: Sight) -> None:
        """Show it, in place of what was shown before."""


class Watch:
    """Shows a stage for as long as it lasts, from a thread of its own."""

    def __init__(self, screen: Screen, clock: Clock = time.monotonic) -> None:
        self.throttle = Throttle(clock)
        self._screen: Screen | None = screen
        self._visible = False
        self._over = Event()
        context = copy_context()  # It names the run that the artifact belongs to.
        # A daemon: a server that does not answer must not keep the process from ending.
        self._thread = Thread(target=context.run, args=(self._watch,), name="progress", daemon=True)
        self._last: Sight | None = None
        self._thread.start()

    def end(self, last: Sight) -> None:
        """Show the end, if anything was shown before it."""
        self._last = last
        self._over.set()
        self._thread.join(PARTING)

    def _watch(self) -> None:
        while not self._over.wait(self.throttle.wait):
            if sight := self.throttle.due():
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
            log.warning("progress is not shown any more in Prefect", exc_info=True)
            self._screen = None


class ArtifactScreen:
    """A progress artifact, made when there is something to show."""

    def __init__(self, key: str, title: str) -> None:
        self._key = key
        self._title = title
        self._artifact: UUID | None = None

    def show(self, sight: Sight) -> None:
        """Make the artifact, or bring it up to date."""
        about = f"{self._title}: {sight.what}" if sight.what else self._title
        if self._artifact is None:
            made = create_progress_artifact(sight.percent, self._key, about)
            self._artifact = cast("UUID", made)  # A coroutine it is in asynchronous code only.
        else:
            update_progress_artifact(self._artifact, sight.percent, about)


@contextmanager
def watched(stage: str, env: str, title: str) -> Iterator[Progress]:
    """Show how far a stage is, under the key ``progress-<stage>-<env>``, if it takes a while.

    Yields:
        what the stage tells its progress to.
    """
    key = f"progress-{stage}-{env}".replace("_", "-")
    watch = Watch(ArtifactScreen(key, title))
    began = time.monotonic()
    try:
        yield watch.throttle
    except BaseException:
        watch.end(Sight(watch.throttle.last.percent, "it failed here"))
        raise
    else:
        watch.end(Sight(100.0, f"done in {time.monotonic() - began:.1f} s"))
