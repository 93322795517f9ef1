"""The archive: raw bytes of every ingested batch, named after their content.

What is read is what was archived, so a file that changes or vanishes later changes nothing, and a
replay or a rollback never depends on a source that still has it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.store import Store

ID_DIGITS = 16
"""Digits of the SHA-256 that name a batch: 64 bits, enough for 10⁸ batches."""


class Archive:
    """Raw bytes below ``archive/``: ``<first two digits>/<SHA-256>``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep_file(self, file: Path) -> tuple[str, Path, int]:
        """Keep a file's bytes; returns the batch id, a file to read them from, and the size."""
        with file.open("rb") as source, self._draft() as draft:
            with draft.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            return self._settle(draft)

    def keep_bytes(self, content: bytes) -> tuple[str, Path, int]:
        """Keep bytes; returns the batch id, a file to read them from, and the size."""
        with self._draft() as draft:
            draft.write_bytes(content)
            return self._settle(draft)

    def find(self, batch: str) -> Path:
        """A file to read the bytes of a batch from that was kept before.

        Raises:
            EnvironmentFailed: they are not there, or are not what they were.
        """
        folder = f"archive/{batch[:2]}/"
        names = self._store.names(folder, after=batch)
        name = next((name for name in names if name.startswith(batch)), None)
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
