"""The ledger: an append-only record of every run of an environment, refused ones included.

It stands outside any branch, so that a refusal leaves no trace in the lake and is never forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sluicegate.lake.denylist import rulings_in
from sluicegate.lake.log import Log, moment
from sluicegate.lake.store import Store

STARTED = "run started"
FINISHED = "run finished"

RULED = "batch ruled"
"""A batch was condemned or released."""

PUBLISHED = "published"
"""What an entry of the end of a run has as its status, if readers saw what it brought."""


class Ledger:
    """The ledger of one environment."""

    def __init__(self, store: Store, env: str) -> None:
        self._log = Log(store, f"ledger/{env}")

    def record(self, event: str, run: str, **facts: Any) -> int:
        """Append a fact; returns its number."""
        return self._log.append(
            {"event": event, "run": run, "at": datetime.now(UTC).isoformat(), **facts}
        )

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """Everything on record, newest first."""
        for _, entry in self._log.entries(newest_first=True):
            yield entry

    def last(self, event: str, **having: Any) -> Mapping[str, Any] | None:
        """The newest entry of a kind with these facts."""
        for entry in self.entries():
            if entry.get("event") == event and all(entry.get(k) == v for k, v in having.items()):
                return entry
        return None

    def rulings(self) -> int:
        """How many rulings on batches the last run has seen, or whoever ruled since."""
        most = 0
        for entry in self.entries():
            most = max(most, rulings_in(entry))
            if entry.get("event") == STARTED:
                break
        return most


def published(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """What an entry has on record as published, run and generation; None if it is of no publish.

    Raises:
        KeyError, ValueError: it is no entry of a ledger.
    """
    facts = (entry["event"], entry["run"], entry["at"])
    if not all(isinstance(fact, str) for fact in facts):
        raise ValueError("no facts")
    moment(entry["at"])
    if entry["event"] != FINISHED or entry["status"] != PUBLISHED:
        return None
    return str(entry["run"]), str(entry["generation"])
