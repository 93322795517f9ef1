"""Files that vanish after they were loaded: each is told once, and nothing depends on them."""

from __future__ import annotations

from collections.abc import Mapping, Set

from sluicegate.pipeline.report import Kind, Status
from sluicegate.pipeline.run import Run
from sluicegate.release.ledger import FINISHED, PUBLISHED, Ledger
from sluicegate.sources import Discovery


def notice_vanished(
    run: Run, found: Mapping[str, Discovery], on_record: Mapping[str, Set[str]]
) -> None:
    """Tell what vanished since it was told last; the next publish puts it on record.

    Args:
        on_record: source → batches that the lake has on record as vanished.
    """
    run.vanished = {
        name: fresh
        for name, discovery in found.items()
        if (fresh := [k for k in discovery.vanished if k.batch not in on_record.get(name, ())])
    }
    told = _told(run.platform.ledger) if run.vanished else set()
    run.report.vanished = {
        name: names
        for name, batches in run.vanished.items()
        if (names := [known.name for known in batches if (name, known.name) not in told])
    }


def _told(ledger: Ledger) -> set[tuple[str, str]]:
    """Source and name of what was told by runs that had nothing to publish, since the last one."""
    told: set[tuple[str, str]] = set()
    for entry in ledger.entries():
        if entry.get("event") != FINISHED or entry.get("kind") != Kind.PIPELINE.value:
            continue
        if entry.get("status") == PUBLISHED:
            break
        if entry.get("status") == Status.NOTHING_NEW.value:
            vanished = entry.get("vanished", {})
            told |= {(source, name) for source, names in vanished.items() for name in names}
    return told
