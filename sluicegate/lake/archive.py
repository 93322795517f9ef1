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
from uuid import uuid4

from sluicegate.lake import durable

ID_DIGITS = 16
"""Digits of the SHA-256 that name a batch: 64 bits, enough for 10⁸ batches."""


class Archive:
    """An archive in a folder: ``<first two digits>/<SHA-256>``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep_file(self, file: Path) -> tuple[str, Path, int]:
        """Keep a file's bytes; returns the batch id, the place and the size."""
        with self._draft() as draft:
            with file.open("rb") as source, draft.open("xb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            return self._settle(draft)

    def keep_bytes(self, content: bytes) -> tuple[str, Path, int]:
        """Keep bytes; returns the batch id, the place and the size."""
        with self._draft() as draft:
            draft.write_bytes(content)
            return self._settle(draft)

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        durable.make_folder(self._root)
        draft = self._root / f".{uuid4().hex}"
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _settle(self, draft: Path) -> tuple[str, Path, int]:
        # The copy is hashed, not the source: the name must fit what is kept.
        with draft.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        place = self._root / digest[:2] / digest
        size = draft.stat().st_size
        if not place.exists():
            durable.settle(draft, place)
        return digest[:ID_DIGITS], place, size
