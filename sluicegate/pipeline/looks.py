"""What the last run that looked at a source found there and did not load: held, refused, waiting.

It is read from the ledger, for of what stays out there is no trace in the lake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sluicegate.ingestion import accounts
from sluicegate.lake import Lake
from sluicegate.pipeline.report import Kind, Status
from sluicegate.release.ledger import FINISHED
from sluicegate.sources import Known


@dataclass(frozen=True, slots=True)
class Look:
    """What a run found at a source and did not load.

    Attributes:
        at: when the run ended.
        held: files that were refused, with the reason, whether or not the run went on.
        waiting: files left for the next run, with the reason.
        left: more batches, which the run was not to take in.
        remedy: the command that lets those go on that wait behind one that is held; None if none
            does.
        batches: file → id of the batch, of what was looked into.
        rows: file → its records; a file in which none could be counted is left out.
    """

    run: str
    at: datetime
    held: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    left: int = 0
    remedy: str | None = None
    batches: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def tells(self) -> bool:
        """Whether there is anything that was not loaded."""
        return bool(self.held or self.waiting or self.left)

    def without(self, files: Iterable[str]) -> Look:
        """The same, but for files that are told otherwise by now."""
        gone = set(files)
        held = {name: why for name, why in self.held.items() if name not in gone}
        waiting = {name: why for name, why in self.waiting.items() if name not in gone}
        remedy = self.remedy if held else None
        return replace(self, held=held, waiting=waiting, remedy=remedy)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run,
            "held": dict(self.held),
            "waiting": dict(self.waiting),
            "left": self.left,
            "next": self.remedy,
        }


def last_looks(entries: Iterable[Mapping[str, Any]]) -> dict[str, Look]:
    """Per source, what the last run found that looked at all of it and came to an end with it.

    Args:
        entries: a ledger's, newest first.
    """
    found: dict[str, Look] = {}
    for entry in entries:
        if entry.get("event") != FINISHED or entry.get("kind") == Kind.REPLAY:
            continue
        # A run that failed, or was interrupted, may have come to no batch at all.
        if entry["status"] == Status.FAILED:
            continue
        # What an earlier version put on record looked at every source.
        for source in entry.get("seen", entry.get("known", ())):
            found.setdefault(source, _look(entry, source))
    return dict(sorted(found.items()))


def looks_now(lake: Lake, generation: str | None, looks: Mapping[str, Look]) -> dict[str, Look]:
    """The same, but for what came into the lake since, by a run that looked at a part only."""
    told = {name: look for name, look in looks.items() if look.tells}
    if generation is None or not told:
        return told
    with lake.read(generation) as session:
        known = {name: accounts.manifest(session, name).values() for name in told}
    return {name: look.without(_loaded_since(look, known[name])) for name, look in told.items()}


def _loaded_since(look: Look, known: Iterable[Known]) -> list[str]:
    return [each.name for each in known if each.at > look.at]


def _look(entry: Mapping[str, Any], source: str) -> Look:
    batches = [each for each in entry.get("batches", ()) if each["source"] == source]
    held = {**_of(entry, "held", source), **_of(entry, "refused", source)}
    return Look(
        entry["run"],
        datetime.fromisoformat(entry["at"]),
        held,
        _of(entry, "waiting", source),
        entry.get("left", {}).get(source, 0),
        entry.get("next", {}).get(source),
        {each["name"]: each["batch"] for each in batches},
        {each["name"]: each["rows_in"] for each in batches if each["rows_in"]},
    )


def _of(entry: Mapping[str, Any], what: str, source: str) -> dict[str, str]:
    # What an earlier version put on record has none.
    return dict(entry.get(what, {}).get(source, {}))
