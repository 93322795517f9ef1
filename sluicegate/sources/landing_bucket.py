"""A landing folder on S3-compatible object storage, which is only listed and read.

Imported only where files land there. An object appears as a whole, or not at all; how long it has
rested is told by when it was last modified, as in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sluicegate.lake.access import Access
from sluicegate.lake.bucket import Bucket
from sluicegate.lake.store import Stored
from sluicegate.packing import Stream
from sluicegate.settings import Address, Settings
from sluicegate.sources.landing import DONE, Landed, Listing, Pattern, shown


class LandingBucket:
    """Objects below an address that a pattern matches."""

    def __init__(self, bucket: Bucket, pattern: Pattern) -> None:
        self._bucket = bucket
        self._pattern = pattern

    @classmethod
    def of(cls, settings: Settings, place: Address, pattern: Pattern) -> LandingBucket:
        """The place that the settings name.

        Raises:
            ConfigurationError: there are no credentials.
        """
        access = Access.of(settings.landing, setting="landing")
        workspace = settings.state / "landing"
        return cls(Bucket(place, access, workspace, "landing"), pattern)

    def listing(self) -> Listing:
        """What is there now.

        Raises:
            EnvironmentFailed: the storage does not answer, or refuses our credentials.
        """
        prefix = "".join(f"{part}/" for part in self._pattern.fixed)
        objects = {stored.key: stored for stored in self._bucket.list(prefix)}
        found = Listing()
        for key, stored in objects.items():
            path = tuple(key.removeprefix(prefix).split("/"))
            if self._pattern.matches(path) and not key.endswith(DONE):
                marked = key + DONE in objects
                found.files.append(
                    Landed(shown(path), *_state(stored), marked, parts=(key,), path=(key,))
                )
        return found

    def again(self, file: Landed) -> tuple[int, int] | None:
        """Size and moment of an object now; None if it is gone."""
        try:
            return _state(self._bucket.stored(*file.path))
        except FileNotFoundError:
            return None

    @contextmanager
    def opened(self, file: Landed) -> Iterator[Stream]:
        """Open an object for reading; it is fetched piece by piece.

        Raises:
            FileNotFoundError: it is gone.
        """
        yield _Pieces(self._bucket.stream(*file.path))


class _Pieces:
    """Pieces of any size as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _state(stored: Stored) -> tuple[int, int]:
    return stored.size, int(stored.modified.timestamp() * 1_000_000) * 1_000
