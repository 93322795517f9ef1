"""A numbered, append-only log: the one primitive behind refs and ledger.

Entry *n* is the file ``<folder>/<n>.json``, created exclusively. Whoever creates the next number
wins; everybody else learns that they lost. Nothing is ever rewritten, so there is nothing to tear.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sluicegate.lake import durable

SUFFIX = ".json"


class Log:
    """The entries of one folder, oldest first; numbers start at 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def last(self) -> int:
        """Number of the newest entry; 0 for an empty log."""
        return max(self._numbers(), default=0)

    def read(self, number: int) -> dict[str, Any]:
        """Content of one entry."""
        content: dict[str, Any] = json.loads(self._file(number).read_bytes())
        return content

    def entries(self, *, newest_first: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every entry with its number."""
        for number in sorted(self._numbers(), reverse=newest_first):
            yield number, self.read(number)

    def append_after(self, number: int, entry: Mapping[str, Any]) -> bool:
        """Append as entry ``number + 1``; false if somebody else did so first."""
        content = json.dumps(entry, indent=1, sort_keys=True).encode()
        return durable.create(self._file(number + 1), content)

    def append(self, entry: Mapping[str, Any]) -> int:
        """Append after whatever is newest, and return the entry's number."""
        while True:
            number = self.last()
            if self.append_after(number, entry):
                return number + 1

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:08d}{SUFFIX}"

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        stems = (file.stem for file in self.folder.iterdir() if file.suffix == SUFFIX)
        return [int(stem) for stem in stems if stem.isdigit()]
