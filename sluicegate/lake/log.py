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

MOST_AT_ONCE = 64
"""Entries that are asked for together."""


class Log:
    """The entries below one place of a store, oldest first; numbers start at 1."""

    def __init__(self, store: Store, place: str) -> None:
        self._store = store
        self.place = place
        self._seen = 0

    def last(self) -> int:
        """Number of the newest entry; 0 for an empty log."""
        # Nothing is ever removed, so who has seen an entry need not look at those before it.
        after = self._name(self._seen) if self._seen else ""
        self._seen = max([self._seen, *self._numbers(after)])
        return self._seen

    def read(self, number: int) -> dict[str, Any]:
        """Content of one entry."""
        content: dict[str, Any] = json.loads(self._store.read(self._key(number)))
        return content

    def entries(self, *, newest_first: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every entry with its number."""
        numbers, few = sorted(self._numbers(), reverse=newest_first), 1
        while numbers:
            # Who looks for one entry finds it among the first, as a rule; who reads all shall not
            # wait for each.
            some, numbers = numbers[:few], numbers[few:]
            contents = self._store.read_all([self._key(number) for number in some])
            yield from ((n, json.loads(raw)) for n, raw in zip(some, contents, strict=True))
            few = min(few * 2, MOST_AT_ONCE)

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
        return f"{self.place}/{self._name(number)}"

    @staticmethod
    def _name(number: int) -> str:
        return f"{number:08d}{SUFFIX}"

    def _numbers(self, after: str = "") -> list[int]:
        names = self._store.names(f"{self.place}/", after)
        stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
        return [int(stem) for stem in stems if stem.isdigit()]
