"""How far a stage is: a progress artifact in Prefect, and a line for whoever looks on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from sluicegate.progress import Progress, Sight, Watch
from tasks.keys import key_of

log = logging.getLogger(__name__)
"""Heard by a terminal only: in the log of a run, a line a second would bury all others."""


class ArtifactScreen:
    """A progress artifact, made when there is something to show."""

    def __init__(self, key: str, title: str) -> None:
        self._key = key
        self._title = title
        self._artifact: UUID | None = None

    def show(self, sight: Sight) -> None:
        """Make the artifact, or bring it up to date."""
        about = f"{self._title}: {sight.what}" if sight.what else self._title
        log.info("%s, %.0f %%", about, sight.percent)
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
    key = key_of(f"progress-{stage}", env)
    watch = Watch(ArtifactScreen(key, title))
    began = time.monotonic()
    try:
        yield watch.progress
    except BaseException:
        watch.end(Sight(watch.progress.last.percent, "it ended here, without a result"))
        raise
    else:
        watch.end(Sight(100.0, f"done in {time.monotonic() - began:.1f} s"))
