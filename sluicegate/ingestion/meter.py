"""How much of a source's new batches is done, in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sluicegate.progress import Progress
from sluicegate.sources import Batch


class Meter:
    """Counts the bytes of batches as they are read and as they are loaded.

    Batches are read one by one and loaded together, so a batch counts half when it is read and
    half when it is in the branch.
    """

    def __init__(self, batches: Sequence[Batch], progress: Progress) -> None:
        self._progress = progress
        self._halves = 0
        self._total = 2 * sum(batch.size for batch in batches)

    def begins(self, batch: Batch) -> None:
        """A batch is about to be read."""
        self._tell(batch.name)

    def read(self, batch: Batch) -> None:
        """A batch was read."""
        self._halves += batch.size
        self._tell(batch.name)

    def refused(self, batch: Batch) -> None:
        """A batch was refused while it was read: there is nothing left to do for it."""
        self._halves += 2 * batch.size
        self._tell(batch.name)

    def loaded(self, batches: Iterable[Batch]) -> None:
        """Batches are in the branch."""
        name = ""
        for batch in batches:
            self._halves += batch.size
            name = batch.name
        self._tell(name)

    def _tell(self, name: str) -> None:
        self._progress(self._halves, self._total, name)
