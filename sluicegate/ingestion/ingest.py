"""Ingesting a source into a branch: batches → records → sifted rows → lake and quarantine."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sluicegate.errors import BatchRefused
from sluicegate.ingestion.load import load
from sluicegate.ingestion.meter import Meter
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.sift import Unsifted, shape, sift
from sluicegate.lake import Session
from sluicegate.progress import Progress, untold
from sluicegate.sources import Batch, Load, Source

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 250_000
"""Rows that are validated and written together: what bounds memory, whatever the volume."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A batch that cannot be taken in, and why."""

    source: str
    name: str
    error: BatchRefused


@dataclass(slots=True)
class Intake:
    """What one source brought in a run.

    Attributes:
        receipts: one a batch that was looked at.
        refusals: batches that were refused; if there is one, the run publishes nothing.
        superseded: published rows that corrections replaced, or that left with their source.
        replayed: whether the rows came out of quarantine, and not from the source.
        left: batches of a replay that could not be read again, with the reason.
        moved: records of a replay that left the quarantine, or break other rules than before.
    """

    source: str
    receipts: list[Receipt] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    superseded: int = 0
    replayed: bool = False
    left: dict[str, str] = field(default_factory=dict)
    moved: int = 0

    @property
    def taken(self) -> int:
        """Rows that were taken out of quarantine to be judged again."""
        return sum(receipt.rows_in for receipt in self.receipts) if self.replayed else 0


def ingest(
    source: Source,
    batches: Sequence[Batch],
    session: Session,
    run: str,
    progress: Progress = untold,
) -> Intake:
    """Take new batches of a source into the branch that the session writes.

    A refused batch does not stop the others: all refusals of a run are reported together.
    """
    intake, meter = Intake(source.name), Meter(batches, progress)
    for group in _groups(source, batches, intake, meter):
        try:
            loaded = load(source, sift(source, group), session, run)
        except BatchRefused as error:
            # Only a batch that replaces everything can be refused here, and it comes alone.
            (unsifted,) = group
            intake.receipts.append(_held(source, unsifted.batch, unsifted.rows_in))
            intake.refusals.append(Refusal(source.name, unsifted.batch.name, error))
            continue
        finally:
            meter.loaded(unsifted.batch for unsifted in group)
        intake.superseded += loaded.superseded
        for receipt in loaded.receipts:
            intake.receipts.append(receipt)
            if excess := _over_tolerance(source, receipt):
                intake.refusals.append(Refusal(source.name, receipt.name, excess))
    return intake


def _groups(
    source: Source, batches: Sequence[Batch], intake: Intake, meter: Meter
) -> Iterator[list[Unsifted]]:
    """Read batches and gather them until there are enough rows to be worth a commit."""
    # A correction must find the rows of the batch before it in the lake.
    most = ROWS_AT_ONCE if source.load is Load.APPEND else 1
    group: list[Unsifted] = []
    gathered = 0
    for batch in batches:
        meter.begins(batch)
        try:
            unsifted = _read(source, batch, intake)
        except BatchRefused as error:
            intake.refusals.append(Refusal(source.name, batch.name, error))
            meter.refused(batch)
            continue
        meter.read(batch)
        group.append(unsifted)
        gathered += unsifted.rows_in
        if gathered >= most:
            yield group
            group, gathered = [], 0
    if group:
        yield group


def _read(source: Source, batch: Batch, intake: Intake) -> Unsifted:
    rows = None
    try:
        records = source.read(batch)
        rows = records.count
        log.info("%s: %s, %s rows", source.name, batch.name, f"{rows:,}")
        return shape(source, batch, records)
    except BatchRefused:
        # Refused as a whole: none of its rows was looked at, all of them are accounted for.
        rows = source.format.count(batch.content) if rows is None else rows
        intake.receipts.append(_held(source, batch, rows))
        raise


def _held(source: Source, batch: Batch, rows: int) -> Receipt:
    return Receipt(source.name, batch.id, batch.name, rows_in=rows, held=rows).closed()


def _over_tolerance(source: Source, receipt: Receipt) -> BatchRefused | None:
    if receipt.quarantined <= source.tolerate * receipt.rows_in:
        return None
    worst = sorted(receipt.rejections.items(), key=lambda rule: -rule[1])
    listed = ", ".join(f"{rule} {count:,}" for rule, count in worst[:3])
    listed += f" and {len(worst) - 3} more rules" if len(worst) > 3 else ""
    return BatchRefused(
        f"{receipt.quarantined:,} of {receipt.rows_in:,} rows were rejected "
        f"({receipt.quarantined / receipt.rows_in:.1%}), tolerated are {source.tolerate:.1%}: "
        f"{listed}.",
        where=receipt.name,
        hint="have the provider send it again, or correct the contract",
    )
