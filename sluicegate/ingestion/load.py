"""Loading sifted batches into a branch: duplicates found, rows written, receipts made.

Small batches are loaded together, so that thirty drops do not cost thirty commits; a large one part
by part, so that its size is no matter of memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import polars as pl

from sluicegate.ingestion import accounts, quarantine
from sluicegate.ingestion.departed import Whole
from sluicegate.ingestion.drift import Observed
from sluicegate.ingestion.fates import remove, require_originals, weigh
from sluicegate.ingestion.foreign_keys import set_orphans_aside
from sluicegate.ingestion.keys import Keys
from sluicegate.ingestion.receipt import Receipt, together
from sluicegate.ingestion.sift import Sifted
from sluicegate.ingestion.table import create, raw_table
from sluicegate.ingestion.tolerance import over_tolerance
from sluicegate.lake import Session
from sluicegate.sources import Batch, Hold, Load, Source


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a group of batches became.

    Attributes:
        receipts: one a batch, closed.
        superseded: published rows that corrections replaced, or that left with their source.
    """

    receipts: list[Receipt]
    superseded: int


def load(source: Source, parts: Iterable[Sifted], session: Session, run: str) -> Loaded:
    """Write sifted batches to the branch, all of them or nothing.

    Args:
        parts: several batches at once; or one, part after part. Where batches correct, all are of
            one batch.

    Raises:
        BatchRefused: a batch cannot be read to its end, or replaces everything and lacks too much;
            or too many of its rows were rejected, and it alone is held for that.
    """
    copied = None if source.load is Load.APPEND else Keys(source.contract.key())
    work = _Loading(source, session, run, copied=copied)
    with session.transaction(f"{run}: {source.name}"):
        create(source, session)
        whole = Whole(source, session) if source.load is Load.REPLACE else None
        for part in parts:
            taken = work.take(part)
            if whole is not None:
                whole.saw(taken)
        # Of a batch that is set aside, nobody knows what it lacks.
        if whole is not None and work.accepted and not work.set_aside:
            work.let_go(whole.departed(pl.concat(work.accepted)))
        if source.holds is Hold.BATCH:
            # What a run that goes on publishes has nothing of it.
            work.require_tolerable()
        work.tell_drift()
        accounts.record_batches(session, run, work.accounts())
    return Loaded([receipt for _, receipt in work.accounts()], work.superseded)


@dataclass(slots=True)
class _Loading:
    """A group of batches on their way in."""

    source: Source
    session: Session
    run: str
    superseded: int = 0
    batches: dict[str, Batch] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    observed: dict[str, Observed] = field(default_factory=dict)
    set_aside: bool = False
    copied: Keys | None = None
    """Keys of which a batch that corrects said first what is published already: once more they may
    not come with anything else. Of all other rows of a batch the table tells."""
    accepted: list[pl.DataFrame] = field(default_factory=list)
    """Keys of a batch that is the whole."""

    def take(self, sifted: Sifted) -> Sifted:
        """Weigh a part, and write what wins; returns it, without those who name nobody."""
        contract, table = self.source.contract, raw_table(self.source)
        sifted = set_orphans_aside(self.source, sifted, self.session)
        seen = None if self.copied is None else self.copied.near(sifted.accepted)
        judged = weigh(self.source, sifted.accepted, self.session, seen)
        rejected = pl.concat([sifted.rejected, judged.taken(sifted.written, contract)])
        for unsifted in sifted.batches:
            receipt = judged.account(self.source, unsifted, sifted, rejected)
            self._account(receipt, unsifted.batch)
            self.set_aside |= unsifted.set_aside
        for batch, observed in sifted.observed.items():
            self.observed[batch] = self.observed.get(batch, Observed()) + observed
        self.superseded += remove(self.session, table, judged.superseding, contract)
        self.session.insert(table, judged.winners)
        require_originals(self.session, table, judged.copies, contract)
        batches = [unsifted.batch for unsifted in sifted.batches]
        quarantine.put(self.session, self.run, self.source.name, batches, rejected)
        if self.copied is not None:
            self.copied.add(judged.copies)
        if self.source.load is Load.REPLACE:
            self.accepted.append(sifted.accepted.select(contract.key()))
        return sifted

    def require_tolerable(self) -> None:
        """Hold a batch of which too many rows were rejected."""
        for receipt in self.receipts.values():
            if excess := over_tolerance(self.source, receipt):
                raise excess

    def let_go(self, gone: pl.DataFrame) -> None:
        """Take away what the source deleted."""
        table, contract = raw_table(self.source), self.source.contract
        self.superseded += remove(self.session, table, gone, contract)
        for batch, receipt in self.receipts.items():
            self.receipts[batch] = replace(receipt, removed=gone.height)

    def tell_drift(self) -> None:
        """Say in the receipts how batches differ from the contract: all of each was seen."""
        for batch, receipt in self.receipts.items():
            drift = self.observed[batch].drift(self.source)
            self.receipts[batch] = replace(receipt, drift=drift)

    def accounts(self) -> list[tuple[Batch, Receipt]]:
        """Batches with their receipts."""
        return [(self.batches[batch], receipt) for batch, receipt in self.receipts.items()]

    def _account(self, receipt: Receipt, batch: Batch) -> None:
        self.batches[batch.id] = batch
        former = self.receipts.get(batch.id)
        self.receipts[batch.id] = together(former, receipt) if former else receipt.closed()
