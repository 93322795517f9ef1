"""The archive: raw bytes of every ingested batch, named after their content, packed if that helps.

What is read is what was archived, so a file that changes or vanishes later changes nothing, and a
replay or a rollback never depends on a source that still has it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.store import Store
from sluicegate.packing import KEPT, Stream, kept, packing, worth_packing, zstd

ID_DIGITS = 16
"""Digits of the SHA-256 that name a batch: 64 bits, enough for 10⁸ batches."""

_PIECE = 1 << 20


class _Unread(Exception):
    """What is to be kept cannot be read: no fault of the disk that it is written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Archive:
    """Raw bytes below ``archive/``: ``<first two digits>/<SHA-256>``.

    The name is that of the raw bytes, also where they are packed; then it ends in ``.raw.zst``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep_stream(self, content: Stream) -> tuple[str, Path, int]:
        """Keep bytes piece by piece; returns the batch id, a file to read them from, and the size.

        Raises:
            OSError: they cannot be read. Nothing was kept.
            EnvironmentFailed: they cannot be written.
        """
        try:
            pieces = _pieces(content)
            first = next(pieces, b"")
            with self._draft() as draft:
                pack = worth_packing(first)
                digest, size = _write(chain([first], pieces), draft, pack=pack)
                place = self._settle(draft, digest, KEPT if pack else "")
            return digest[:ID_DIGITS], place, size
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
                hint="bring its bytes back from a backup; [archive] of the settings says how long"
                " raw files are kept",
            )
        file = self._store.local(folder + name)
        if digest_of(file, packed=name.endswith(KEPT)) != name.removesuffix(KEPT):
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

    def _settle(self, draft: Path, digest: str, ending: str) -> Path:
        key = f"archive/{digest[:2]}/{digest}"
        # An earlier version packed nothing.
        for known in dict.fromkeys([key + ending, key]):
            if self._store.exists(known):
                return self._store.local(known)
        self._store.settle(draft, key + ending)
        return self._store.local(key + ending)


def digest_of(file: Path, *, packed: bool) -> str | None:
    """SHA-256 of the raw bytes of a file of the archive; None if it is damaged."""
    digest = hashlib.sha256()
    try:
        with kept(file, packed=packed) as content:
            while piece := content.read(_PIECE):
                digest.update(piece)
    except (EOFError, zstd.ZstdError):
        return None
    return digest.hexdigest()


def _pieces(content: Stream) -> Iterator[bytes]:
    try:
        while piece := content.read(_PIECE):
            yield piece
    except OSError as error:
        raise _Unread(error) from error


def _write(pieces: Iterable[bytes], draft: Path, *, pack: bool) -> tuple[str, int]:
    """Write pieces, packed or not; returns the SHA-256 and the size of what they are unpacked."""
    digest, size = hashlib.sha256(), 0
    with draft.open("wb") as file, packing(file, pack=pack) as target:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            target.write(piece)
    return digest.hexdigest(), size
