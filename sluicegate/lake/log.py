"""A numbered, append-only log: the one primitive behind refs and ledger.

Entry *n* is the object ``<place>/<n>.json``, created exclusively. Whoever creates the next number
wins; everybody else learns that they lost. Nothing is ever rewritten, so there is nothing to tear.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.store import Store

SUFFIX = ".json"

HINT = "restore it from a backup; sluicegate lake verify names all damage"
"""What to do about an entry that is damaged."""

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
        after = _name(self._seen) if self._seen else ""
        self._seen = max([self._seen, *self._numbers(after)])
        return self._seen

    def read(self, number: int) -> dict[str, Any]:
        """Content of one entry.

        Raises:
            EnvironmentFailed: it is damaged, or gone: nothing ever removes one.
        """
        try:
            return self._parsed(number, self._store.read(self._key(number)))
        except FileNotFoundError as error:
            raise self.damaged(number, "is missing") from error

    def entries(self, *, newest_first: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every entry with its number.

        Raises:
            EnvironmentFailed: one is damaged.
        """
        numbers, few = sorted(self._numbers(), reverse=newest_first), 1
        while numbers:
            # Who looks for one entry finds it among the first, as a rule; who reads all shall not
            # wait for each.
            some, numbers = numbers[:few], numbers[few:]
            contents = self._store.read_all([self._key(number) for number in some])
            yield from ((n, self._parsed(n, raw)) for n, raw in zip(some, contents, strict=True))
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

    def damaged(self, number: int, what: str = "cannot be read") -> EnvironmentFailed:
        """What to tell of an entry that is not what it should be."""
        return EnvironmentFailed(
            f"Entry {number} of {self.place} {what}.",
            where=self._store.where(self._key(number)),
            hint=HINT,
        )

    def _parsed(self, number: int, raw: bytes) -> dict[str, Any]:
        try:
            return parsed(raw)
        except ValueError as error:
            raise self.damaged(number) from error

    def _key(self, number: int) -> str:
        return f"{self.place}/{_name(number)}"

    def _numbers(self, after: str = "") -> list[int]:
        names = self._store.names(f"{self.place}/", after)
        return [number for name in names if (number := number_of(name)) is not None]


def number_of(name: str) -> int | None:
    """Number of the entry that an object is by its name; None if it is none."""
    stem = name.removesuffix(SUFFIX)
    # Of what Python takes for digits, ² is no number, and ٣ is one that we never write.
    if not (stem.isascii() and stem.isdigit()):
        return None
    return int(stem) if name == _name(int(stem)) and int(stem) else None


def parsed(raw: bytes) -> dict[str, Any]:
    """Content of an entry.

    Raises:
        ValueError: it is none.
    """
    try:
        match json.loads(raw):
            case dict() as content:
                return content
    except RecursionError:
        raise ValueError("nested too deeply") from None
    raise ValueError("no entry")


def text(value: object) -> str:
    """The text that an entry tells.

    Raises:
        ValueError: it is none.
    """
    match value:
        case str():
            return value
    raise ValueError("no text")


def moment(value: object) -> datetime:
    """The moment that an entry tells.

    Raises:
        ValueError: it is none, or of no time zone.
    """
    at = datetime.fromisoformat(text(value))
    if at.tzinfo is None:
        raise ValueError("no moment")
    return at


def _name(number: int) -> str:
    return f"{number:08d}{SUFFIX}"
