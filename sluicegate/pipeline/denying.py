"""What is condemned stays out of every run of its environment: held, with the reason, and unread.

Its rows were counted when it was condemned, so that they are accounted for all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from sluicegate.errors import EnvironmentFailed, RefMoved
from sluicegate.ingestion import Receipt, total
from sluicegate.lake.denylist import Ruling
from sluicegate.pipeline.run import Run
from sluicegate.sources import Batch, Discovery


def deny(run: Run, found: Mapping[str, Discovery]) -> None:
    """Take what is condemned away from what sources offer, and put it on record.

    Raises:
        EnvironmentFailed: the list of what is condemned is damaged.
    """
    standing = run.platform.denylist.standing()
    run.denied.clear()
    run.report.condemned.clear()
    for name, discovery in found.items():
        denied = [batch for batch in discovery.new if (name, batch.id) in standing]
        if denied:
            discovery.new = [batch for batch in discovery.new if batch not in denied]
            ruled = [(batch, standing[name, batch.id]) for batch in denied]
            run.report.condemned[name] = {batch.name: str(ruling) for batch, ruling in ruled}
            run.denied[name] = [_held(batch, ruling) for batch, ruling in ruled]
    run.report.receipts = _receipts(run)


def account_denied(run: Run) -> None:
    """Begin receipts and accounts of a run with what stays out of it."""
    run.report.receipts = _receipts(run)
    run.report.accounts = {name: total(name, each) for name, each in run.denied.items()}


def require_not_condemned(run: Run) -> None:
    """Publish nothing of a batch that was condemned while the run was at work.

    Raises:
        RefMoved: one was; the run looks again, and leaves it out.
    """
    if found := _condemned_meanwhile(run):
        raise RefMoved(f"{found} was condemned while the run was at work.")


def require_not_overtaken(run: Run) -> None:
    """Look once more, after the ref has moved: who condemns writes first, and then looks at it.

    So one of the two always notices: whoever looks last.

    Raises:
        EnvironmentFailed: a batch was condemned between the last look and the move.
    """
    if found := _condemned_meanwhile(run):
        before = run.report.previous
        raise EnvironmentFailed(
            f"{found} was condemned as this run published it: readers see its rows.",
            where=run.env,
            hint=f"take them out: .venv/bin/sluicegate lake rollback {run.env} --to {before}"
            if before
            else "there is no generation before it to roll back to",
        )


def _condemned_meanwhile(run: Run) -> str | None:
    """A batch that the run has taken in, and that is condemned by now."""
    standing = run.platform.denylist.standing()
    for name, intake in run.intakes.items():
        for receipt in intake.receipts:
            if (name, receipt.batch) in standing and not receipt.held:
                return f"{receipt.name} of {name!r}"
    return None


def _receipts(run: Run) -> list[Receipt]:
    return [receipt for receipts in run.denied.values() for receipt in receipts]


def _held(batch: Batch, ruling: Ruling) -> Receipt:
    rows, corrects = ruling.rows, batch.corrects
    return Receipt(
        ruling.source, batch.id, batch.name, rows_in=rows, held=rows, corrects=corrects
    ).closed()
