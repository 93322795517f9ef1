"""A numbered, append-only log: the one primitive behind refs and ledger.

Entry *n* is the object ``<place>/<n>.json``, created exclusively. Whoever creates the next number
wins; everybody else learns that they lost. Nothing is ever rewritten, so there is nothing to tear.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sluicegate.lake.store import Store

SUFFIX = ".json"


class Log:
    """The entries below one place of a store, oldest first; numbers start at 1."""

    def __init__(self, store: Store, place: str) -> None:
        self._store = store
        self.place = place

    def last(self) -> int:
        """Number of the newest entry; 0 for an empty log."""
        return max(self._numbers(), default=0)

    def read(self, number: int) -> dict[str, Any]:
        """Content of one entry."""
        content: dict[str, Any] = json.loads(self._store.read(self._key(number)))
        return content

    def entries(self, *, newest_first: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every entry with its number."""
        for number in sorted(self._numbers(), reverse=newest_first):
            yield number, self.read(number)

    def append_after(self, number: int, entry: Mapping[str, Any]) -> bool:
        """Append as entry ``number + 1``; false if somebody else did so first."""
        content = json.dumps(entry, indent=1, sort_keys=True).encode()
        return self._store.create(self._key(number + 1), content)

    def append(self, entry: Mapping[str, Any]) -> int:
        """Append after whatever is newest, and return the entry's number."""
        while True:
            number = self.last()
            if self.append_after(number, entry):
                return number + 1

    def _key(self, number: int) -> str:
        return f"{self.place}/{number:08d}{SUFFIX}"

    def _numbers(self) -> list[int]:
        names = self._store.names(f"{self.place}/")
        stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
        return [int(stem) for stem in stems if stem.isdigit()]
