"""Loading sifted batches into a branch: duplicates found, rows written, receipts made.

Small batches are loaded together, so that thirty drops do not cost thirty commits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from sluicegate.ingestion import accounts, quarantine
from sluicegate.ingestion.departed import departed
from sluicegate.ingestion.fates import remove, require_originals, weigh
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.sift import Sifted
from sluicegate.ingestion.table import create, raw_table
from sluicegate.lake import Session
from sluicegate.sources import Load, Source


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a group of batches became.

    Attributes:
        receipts: one a batch, closed.
        superseded: published rows that corrections replaced, or that left with their source.
    """

    receipts: list[Receipt]
    superseded: int


def load(source: Source, sifted: Sifted, session: Session, run: str) -> Loaded:
    """Write sifted batches to the branch, all of them or nothing.

    Raises:
        BatchRefused: a batch that replaces everything lacks too much of it.
    """
    contract, table = source.contract, raw_table(source)
    judged = weigh(source, sifted.accepted, session)
    rejected = pl.concat([sifted.rejected, judged.taken(sifted.texts, contract)])
    receipts = [judged.account(source, unsifted, sifted, rejected) for unsifted in sifted.batches]
    replaces = source.load is Load.REPLACE
    gone = departed(source, sifted.accepted, sifted, session) if replaces else None
    if gone is not None:
        receipts = [replace(receipt, removed=gone.height) for receipt in receipts]
    batches = [unsifted.batch for unsifted in sifted.batches]
    with session.transaction(f"{run}: {source.name}"):
        create(source, session)
        superseded = remove(session, table, judged.superseding, contract)
        if gone is not None:
            superseded += remove(session, table, gone, contract)
        session.insert(table, judged.winners)
        require_originals(session, table, judged.copies, contract)
        quarantine.put(session, run, source.name, batches, rejected)
        accounts.record_batches(session, run, list(zip(batches, receipts, strict=True)))
    return Loaded(receipts, superseded)
