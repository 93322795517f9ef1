"""How much of a source's new batches is done, in bytes and in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sluicegate.progress import Progress
from sluicegate.sources import Batch

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


class Meter:
    """Counts the bytes of batches as they are read and as they are loaded.

    A large batch is read and loaded part by part; small ones are read one by one and loaded
    together. So every byte counts half when it is read and half when it is in the branch; or in
    thirds, where batches are looked through before. What parts say of themselves is rounded, and
    never more than the whole: it is made up for when the batch has ended.

    Args:
        looks: whether batches are looked through before they are read.
    """

    def __init__(
        self, batches: Sequence[Batch], progress: Progress, *, looks: bool = False
    ) -> None:
        self._progress = progress
        self._batches = len(batches)
        self._steps = 3 if looks else 2
        self._total = self._steps * sum(batch.size for batch in batches)
        self._done = self._ended = 0
        self._looked: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._loaded: dict[str, int] = {}

    def begins(self, batch: Batch) -> None:
        """A batch is about to be read."""
        self._tell(batch.name)

    def looked(self, batch: Batch, share: float) -> None:
        """A share of a batch was looked through."""
        self._count(self._looked, batch, share)
        self._tell(batch.name)

    def read(self, batch: Batch, share: float) -> None:
        """A share of a batch was read."""
        self._count(self._read, batch, share)
        self._tell(batch.name)

    def loaded(self, batch: Batch, share: float) -> None:
        """A share of a batch is in the branch."""
        self._count(self._loaded, batch, share)
        self._tell(batch.name)

    def ended(self, batches: Iterable[Batch]) -> None:
        """There is nothing left to do for batches, whether they are in the branch or refused."""
        name = ""
        for batch in batches:
            for counted in (self._loaded, self._read, self._looked)[: self._steps]:
                self._count(counted, batch, 1.0)
                del counted[batch.id]
            self._ended += 1
            name = batch.name
        self._tell(name)

    def _count(self, counted: dict[str, int], batch: Batch, share: float) -> None:
        before = counted.get(batch.id, 0)
        counted[batch.id] = min(batch.size, before + int(share * batch.size))
        self._done += counted[batch.id] - before

    def _tell(self, name: str) -> None:
        size = _of(self._done // self._steps, self._total // self._steps)
        done = f"{self._ended:,} of {self._batches:,} files, {size}"
        self._progress(self._done, self._total, f"{done}: {name}" if name else done)


def _of(done: int, whole: int) -> str:
    """Bytes of bytes, both in the unit that the whole is told in."""
    for size, unit in _UNITS:
        if whole >= size:
            return f"{done / size:,.1f} of {whole / size:,.1f} {unit}"
    return f"{done:,} of {whole:,} bytes"
