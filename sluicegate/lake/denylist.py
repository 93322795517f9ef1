"""Batches that an operator keeps out: condemned until they are released.

The list stands outside any branch, so a rollback does not bring the poison back. Every environment
has one, for all refs that its runs publish to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sluicegate.errors import ConfigurationError
from sluicegate.lake.log import Log, moment, text
from sluicegate.lake.store import Store

PLACE = "denied/"


class Verdict(StrEnum):
    """What an operator says of a batch."""

    CONDEMNED = "condemned"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Ruling:
    """One entry of the list.

    Attributes:
        batch: its id.
        name: what it was called when it was condemned, for people.
        rows: records in it, counted then: nobody reads it as long as it is condemned.
        because: why it was condemned; of a release, why it had been.
        by: who said so.
    """

    verdict: Verdict
    source: str
    batch: str
    name: str
    rows: int
    because: str
    by: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.verdict} by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC: {self.because}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the entry of the log."""
        return {**asdict(self), "at": self.at.isoformat()}


class Denylist:
    """The condemned batches of one environment: the log below ``denied/<env>/``.

    Args:
        least: rulings that somebody has on record; if there are fewer, the newest are lost, which
            the log itself cannot tell.
    """

    def __init__(self, store: Store, env: str, least: int = 0) -> None:
        self._log = Log(store, f"{PLACE}{env}")
        self._least = least

    def count(self) -> int:
        """How many rulings there are, those that are known to be lost included."""
        return max(self._log.last(), self._least)

    def rulings(self) -> Iterator[Ruling]:
        """Everything that was ever said, oldest first.

        Raises:
            EnvironmentFailed: an entry is damaged or lost: nobody can tell what must stay out.
        """
        expected = 0
        for expected, (number, entry) in enumerate(self._log.entries(), start=1):
            if number != expected:
                # Whoever takes an entry away lets in what must stay out.
                raise self._log.damaged(expected, "is missing")
            try:
                yield ruling_of(entry)
            except (KeyError, ValueError) as error:
                raise self._log.damaged(number, "is no ruling on a batch") from error
        if expected < self._least:
            raise self._log.damaged(expected + 1, "is missing")

    def standing(self, source: str | None = None) -> dict[tuple[str, str], Ruling]:
        """Source and batch of what is condemned now, with the ruling; of one source, or of all."""
        newest = {(each.source, each.batch): each for each in self.rulings()}
        return {
            key: each
            for key, each in newest.items()
            if each.verdict is Verdict.CONDEMNED and source in (None, each.source)
        }

    def condemn(self, ruling: Ruling) -> None:
        """Keep a batch out from now on.

        Raises:
            ConfigurationError: it is condemned already.
        """

        def allowed(before: Ruling | None) -> None:
            if before is not None and before.verdict is Verdict.CONDEMNED:
                raise ConfigurationError(
                    f"The batch {before.batch} of {before.source!r} is {before}.",
                    where=before.name,
                    hint="it stays out already",
                )

        self._append(ruling, allowed)

    def release(self, ruling: Ruling) -> None:
        """Let a batch come in again.

        Raises:
            ConfigurationError: it is not condemned, or not any more.
        """

        def allowed(before: Ruling | None) -> None:
            if before is None or before.verdict is Verdict.RELEASED:
                raise ConfigurationError(
                    f"The batch {ruling.batch} of {ruling.source!r} is not condemned"
                    + (f": it was {before}." if before else "."),
                    where=ruling.name,
                )

        self._append(ruling, allowed)

    def _append(self, ruling: Ruling, allowed: Callable[[Ruling | None], None]) -> None:
        """Append an entry, if what was said of the batch before allows it."""
        while True:
            rulings = [*self.rulings()]
            key = (ruling.source, ruling.batch)
            allowed(next((r for r in reversed(rulings) if (r.source, r.batch) == key), None))
            if self._log.append_after(len(rulings), ruling.to_dict()):
                return


def ruling_of(entry: Mapping[str, Any]) -> Ruling:
    """An entry of the list, read.

    Raises:
        KeyError, ValueError: it is none.
    """
    texts = {name: text(entry[name]) for name in ("source", "batch", "name", "because", "by")}
    rows = entry["rows"]
    if not isinstance(rows, int) or isinstance(rows, bool):
        raise ValueError("no number")  # noqa: TRY004 - as of every entry that is none
    return Ruling(
        verdict=Verdict(text(entry["verdict"])), rows=rows, at=moment(entry["at"]), **texts
    )


def rulings_in(entry: Mapping[str, Any]) -> int:
    """How many rulings an entry of a ledger has on record; 0 if it tells of none."""
    told = entry.get("rulings")
    return told if isinstance(told, int) else 0
