"""The state of an environment: what readers see, how the last run ended, where every row went."""

from __future__ import annotations

from typing import Any

from sluicegate.ingestion import accounts
from sluicegate.lake import Lake
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED, STARTED
from sluicegate.settings import Settings


def status_of(settings: Settings) -> dict[str, Any]:
    """Generation, last run, and per source the account of the last run that brought rows."""
    lake = Lake.of(settings)
    ledger = Ledger(lake.store, settings.ref)
    head = lake.refs.head(settings.ref)
    return {
        "env": settings.ref,
        "generation": head.generation if head else None,
        "moved": {"action": head.action, "at": head.at.isoformat()} if head else None,
        "last_run": _last_run(ledger, head.run if head else None),
        "sources": _sources(lake, ledger, head.generation if head else None),
    }


def _last_run(ledger: Ledger, published: str | None) -> dict[str, Any] | None:
    """The newest run on record; one that never ended was killed, or is at work."""
    started = ledger.last(STARTED)
    if started is None:
        return None
    finished = ledger.last(FINISHED, run=started["run"])
    if finished is None:
        # Killed after its publish, before its last line: what it published stands.
        status = "published" if published == started["run"] else "interrupted, or still at work"
        return {"run": started["run"], "at": started["at"], "status": status}
    return {key: finished[key] for key in ("run", "at", "status", "error", "evidence", "ui")}


def _sources(lake: Lake, ledger: Ledger, generation: str | None) -> dict[str, dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    if generation is not None:
        with lake.read(generation) as session:
            newest = accounts.last_runs(session)
    for entry in ledger.entries():
        if entry["event"] != FINISHED:
            continue
        for source, account in entry["sources"].items():
            # Runs are named by time: the greater name is the later run.
            if source not in newest or newest[source]["run"] < entry["run"]:
                newest[source] = {"run": entry["run"], **account}
    return dict(sorted(newest.items()))
