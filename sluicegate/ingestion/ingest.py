"""Ingesting a source into a branch: batches → records → sifted rows → lake and quarantine."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sluicegate.errors import BatchRefused
from sluicegate.ingestion import accounts
from sluicegate.ingestion.drift import drift_in
from sluicegate.ingestion.load import load
from sluicegate.ingestion.meter import Meter
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.sift import Unsifted, minds_drift, shaped, sift
from sluicegate.ingestion.tolerance import over_tolerance
from sluicegate.lake import Session
from sluicegate.progress import Progress, untold
from sluicegate.sources import ROWS_AT_ONCE, Batch, Hold, Load, Source

log = logging.getLogger(__name__)


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
        left: batches that were left for another run, with the reason: those after one that is held,
            or of a replay those that could not be read again.
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

    A refused batch does not stop the others: all refusals of a run are reported together. Where it
    alone is held and rows correct each other, those after it wait for it.
    """
    intake, meter = Intake(source.name), Meter(batches, progress, looks=minds_drift(source))
    for group in _groups(source, batches, intake, meter):
        try:
            loaded = load(source, (sift(source, part) for part in group.parts()), session, run)
        except BatchRefused as error:
            # Of several batches each was read before: only one that comes alone is refused here.
            (batch,) = group.batches
            intake.receipts.append(_held(source, batch, group.rows_in, error))
            intake.refusals.append(Refusal(source.name, batch.name, error))
            if source.in_order:
                break
            continue
        finally:
            meter.ended(group.batches)
        intake.superseded += loaded.superseded
        for receipt in loaded.receipts:
            intake.receipts.append(receipt)
            if excess := over_tolerance(source, receipt):
                intake.refusals.append(Refusal(source.name, receipt.name, excess))
    if source.in_order and intake.refusals:
        first = intake.refusals[0].name
        seen = {receipt.batch for receipt in intake.receipts}
        later = (batch.name for batch in batches if batch.id not in seen)
        intake.left |= dict.fromkeys(later, f"it comes after {first}, which is held")
    held = [receipt for receipt in intake.receipts if receipt.held]
    with session.transaction(f"{run}: {source.name}, held"):
        accounts.record_drift(session, run, held)
    return intake


@dataclass(slots=True)
class _Group:
    """Batches that are loaded in one transaction: several small ones, or one part by part.

    Attributes:
        first: what was read of them already.
        rest: what is still to be read, of the one batch.
        rows_in: records that were read; of a batch that breaks off, how many it should have had.
    """

    source: Source
    meter: Meter
    batches: list[Batch] = field(default_factory=list)
    first: list[Unsifted] = field(default_factory=list)
    rest: Iterable[Unsifted] = ()
    rows_in: int = 0

    def add(self, batch: Batch, parts: list[Unsifted]) -> None:
        """One more batch that was read as a whole."""
        self.batches.append(batch)
        self.first += parts
        self.rows_in += sum(part.rows_in for part in parts)

    def parts(self) -> Iterator[list[Unsifted]]:
        """What is sifted together."""
        if len(self.batches) > 1:
            yield self.first
            return
        for part in self.first:
            yield [part]
            self.meter.loaded(part.batch, part.share)
        (batch,) = self.batches
        try:
            for part in self.rest:
                self.rows_in += part.rows_in
                self.meter.read(batch, part.share)
                yield [part]
                self.meter.loaded(batch, part.share)
        except BatchRefused:
            self.rows_in = count_records(self.source, batch)
            raise


def _groups(
    source: Source, batches: Sequence[Batch], intake: Intake, meter: Meter
) -> Iterator[_Group]:
    """Read batches and gather them until there are enough rows to be worth a commit."""
    # A correction must find the rows of the batch before it in the lake, and one that is held must
    # leave no other behind with it.
    together = source.load is Load.APPEND and source.holds is Hold.RUN
    most = ROWS_AT_ONCE if together else 0
    group = _Group(source, meter)
    for batch in batches:
        meter.begins(batch)
        parts = shaped(source, batch, meter.looked)
        try:
            begun = [*islice(parts, 2)]
        except BatchRefused as error:
            intake.receipts.append(_held(source, batch, count_records(source, batch), error))
            intake.refusals.append(Refusal(source.name, batch.name, error))
            meter.ended([batch])
            if source.in_order:
                break
            continue
        large = len(begun) > 1
        meter.read(batch, sum(part.share for part in begun) if large else 1.0)
        if group.batches and (large or group.rows_in + begun[0].rows_in > most):
            yield group
            group = _Group(source, meter)
        log.info("%s: %s, %s rows", source.name, batch.name, _told(begun, large=large))
        group.add(batch, begun)
        if large:
            group.rest = parts
        if large or group.rows_in >= most:
            yield group
            group = _Group(source, meter)
    if group.batches:
        yield group


def _told(begun: list[Unsifted], *, large: bool) -> str:
    count = sum(part.rows_in for part in begun)
    return f"more than {count:,}" if large else f"{count:,}"


def count_records(source: Source, batch: Batch) -> int:
    """Records of a batch that is refused: none of its rows was looked at, all are accounted for."""
    try:
        return sum(records.count for records in source.read(batch))
    except BatchRefused:
        return source.count(batch)


def _held(source: Source, batch: Batch, rows: int, error: BatchRefused) -> Receipt:
    return Receipt(
        source.name,
        batch.id,
        batch.name,
        rows_in=rows,
        held=rows,
        corrects=batch.corrects,
        drift=drift_in(error),
    ).closed()
