"""The state of an environment: what readers see, how the last run ended, where every row went.

And what stays out, by file: held, waiting or condemned.
"""

from __future__ import annotations

from typing import Any

from sluicegate.ingestion import accounts
from sluicegate.lake import Lake, Move
from sluicegate.lake.denylist import Denylist, Ruling
from sluicegate.pipeline.looks import last_looks, looks_now
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
    generation = head.generation if head else None
    return {
        "env": settings.ref,
        "generation": generation,
        "moved": {"action": head.action, "at": head.at.isoformat()} if head else None,
        "last_run": _last_run(lake, ledger, head),
        "sources": _sources(lake, ledger, generation),
        **_out(settings, lake, ledger, generation),
        "quality": _quality(lake, generation),
    }


def _out(
    settings: Settings, lake: Lake, ledger: Ledger, generation: str | None
) -> dict[str, dict[str, Any]]:
    """What stays out, source → batches: as the last run found it, and as operators rule now."""
    condemned: dict[str, list[Ruling]] = {}
    for (source, _), ruling in Denylist(lake.store, settings.env).standing().items():
        condemned.setdefault(source, []).append(ruling)
    looks = looks_now(lake, generation, last_looks(ledger.entries()))
    for source, look in looks.items():
        ruled = {each.batch for each in condemned.get(source, ())}
        looks[source] = look.without(name for name, batch in look.batches.items() if batch in ruled)
    return {
        "out": {name: look.to_dict() for name, look in looks.items() if look.tells},
        "condemned": {name: [each.to_dict() for each in of] for name, of in condemned.items()},
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
    """Per source, all that the last run did which brought rows, also those that it held.

    The lake has no trace of rows that were held, so the ledger tells of a run, if it has it.
    """
    newest: dict[str, dict[str, Any]] = {}
    shown: set[str] = set()
    if generation is not None:
        with lake.read(generation) as session:
            newest, shown = accounts.last_runs(session), accounts.runs(session)
    for entry in ledger.entries():
        if entry.get("event") != FINISHED or entry.get("kind") == Kind.REPLAY:
            continue
        # What a run published is told if readers see it; else it was undone.
        if entry["status"] == PUBLISHED and entry["run"] not in shown:
            continue
        for source, account in entry["sources"].items():
            # Runs are named by time: the greater name is the later run.
            if source not in newest or newest[source]["run"] <= entry["run"]:
                newest[source] = {"run": entry["run"], **account}
    return dict(sorted(newest.items()))
