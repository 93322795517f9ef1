"""The archive: raw bytes of every ingested batch, named after their content.

What is read is what was archived, so a file that changes or vanishes later changes nothing, and a
replay or a rollback never depends on a source that still has it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.store import Store

ID_DIGITS = 16
"""Digits of the SHA-256 that name a batch: 64 bits, enough for 10⁸ batches."""

_PIECE = 1 << 20


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Unread(Exception):
    """What is to be kept cannot be read: no fault of the disk that it is written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Archive:
    """Raw bytes below ``archive/``: ``<first two digits>/<SHA-256>``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep_stream(self, content: _Stream) -> tuple[str, Path, int]:
        """Keep bytes piece by piece; returns the batch id, a file to read them from, and the size.

        Raises:
            OSError: they cannot be read. Nothing was kept.
            EnvironmentFailed: they cannot be written.
        """
        try:
            with self._draft() as draft:
                with draft.open("wb") as target:
                    target.writelines(_pieces(content))
                return self._settle(draft)
        except _Unread as unread:
            raise unread.error from None

    def keep_bytes(self, content: bytes) -> tuple[str, Path, int]:
        """Keep bytes; returns the batch id, a file to read them from, and the size."""
        return self.keep_stream(io.BytesIO(content))

    def find(self, batch: str) -> Path:
        """A file to read the bytes of a batch from that was kept before.

        Raises:
            EnvironmentFailed: they are not there, or are not what they were.
        """
        folder, digits = f"archive/{batch[:2]}/", batch[:ID_DIGITS]
        names = self._store.names(folder, after=digits)
        name = next((name for name in names if name.startswith(digits)), None)
        if name is None:
            raise EnvironmentFailed(
                f"The archive does not have the batch {batch}.",
                where=self._store.where(folder),
                hint="bring its bytes back from a backup",
            )
        file = self._store.local(folder + name)
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != name:
            raise EnvironmentFailed(
                "A batch in the archive is not what was put there.",
                where=self._store.where(folder + name),
                hint="bring it back from a backup",
            )
        return file

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        folder = self._store.workspace / "archive"
        with durable.written(folder), durable.drafted(durable.make_folder(folder)) as draft:
            yield draft

    def _settle(self, draft: Path) -> tuple[str, Path, int]:
        # The copy is hashed, not the source: the name must fit what is kept.
        with draft.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        key = f"archive/{digest[:2]}/{digest}"
        size = draft.stat().st_size
        if not self._store.exists(key):
            self._store.settle(draft, key)
        return digest[:ID_DIGITS], self._store.local(key), size


def _pieces(content: _Stream) -> Iterator[bytes]:
    try:
        while piece := content.read(_PIECE):
            yield piece
    except OSError as error:
        raise _Unread(error) from error
