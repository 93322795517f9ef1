"""The state of an environment: what readers see, how the last run ended, where every row went."""

from __future__ import annotations

from typing import Any

from sluicegate.ingestion import accounts
from sluicegate.lake import Lake, Move
from sluicegate.pipeline.report import Kind
from sluicegate.quality.trend import newest
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED, PUBLISHED, STARTED
from sluicegate.settings import Settings

UNDONE = "no longer shown, published"
"""State of a run whose release a rollback took back."""


def status_of(settings: Settings) -> dict[str, Any]:
    """Generation, last run, and per source the account of the last run that brought rows."""
    lake = Lake.of(settings)
    ledger = Ledger(lake.store, settings.ref)
    head = lake.refs.head(settings.ref)
    return {
        "env": settings.ref,
        "generation": head.generation if head else None,
        "moved": {"action": head.action, "at": head.at.isoformat()} if head else None,
        "last_run": _last_run(lake, ledger, head),
        "sources": _sources(lake, ledger, head.generation if head else None),
        "quality": _quality(lake, head.generation if head else None),
    }


def _quality(lake: Lake, generation: str | None) -> list[dict[str, Any]]:
    """The newest measure of every dataset and dimension that readers see."""
    if generation is None:
        return []
    with lake.read(generation) as session:
        return [each.to_dict() for each in newest(session)]


def _last_run(lake: Lake, ledger: Ledger, head: Move | None) -> dict[str, Any] | None:
    """The newest run on record; one that never ended was killed, or is at work."""
    started = ledger.last(STARTED)
    if started is None:
        return None
    finished = ledger.last(FINISHED, run=started["run"])
    if finished is None:
        # Killed after its publish, before its last line: what it published stands.
        published = head is not None and head.run == started["run"]
        status = "published" if published else "interrupted, or still at work"
        return {"run": started["run"], "at": started["at"], "status": status}
    told = {key: finished[key] for key in ("run", "at", "status", "error", "evidence", "ui")}
    if told["status"] == PUBLISHED and not _is_shown(lake, head, told["run"]):
        told["status"] = UNDONE
    return told


def _is_shown(lake: Lake, head: Move | None, run: str) -> bool:
    """Whether readers see what a run published, or something on top of it."""
    if head is None:
        return False
    before: str | None = head.generation
    # Newest first: what is shown, what that was published on top of, and so on.
    for move in lake.refs.log(head.ref):
        if move.generation == before and move.action == "publish":
            if move.run == run:
                return True
            before = move.previous
        if move.run == run:
            # Everything before it is of earlier runs.
            return False
    # Who does not find it cannot say that it was undone.
    return True


def _sources(lake: Lake, ledger: Ledger, generation: str | None) -> dict[str, dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    if generation is not None:
        with lake.read(generation) as session:
            newest = accounts.last_runs(session)
    for entry in ledger.entries():
        if entry.get("event") != FINISHED or entry.get("kind") == Kind.REPLAY:
            continue
        # What a run published is told by what readers see, or it was undone.
        if entry["status"] == PUBLISHED:
            continue
        for source, account in entry["sources"].items():
            # Runs are named by time: the greater name is the later run.
            if source not in newest or newest[source]["run"] < entry["run"]:
                newest[source] = {"run": entry["run"], **account}
    return dict(sorted(newest.items()))
