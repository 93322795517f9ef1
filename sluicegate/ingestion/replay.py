"""Replaying the quarantine: rejected records, judged again by today's contract.

A batch is read again from the archive, the way it is read today, and of its records only those that
are in quarantine are looked at. What keeps the contract now is published as if it had come with its
batch, and leaves the quarantine in the same transaction: nothing is published twice. What does not
stays, with the rules that it breaks today.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from sluicegate.errors import BatchRefused
from sluicegate.ingestion import accounts, quarantine
from sluicegate.ingestion.fates import Judged, remove, require_originals, weigh_again
from sluicegate.ingestion.foreign_keys import set_orphans_aside
from sluicegate.ingestion.ingest import Intake
from sluicegate.ingestion.quarantine import PLACE, Selection
from sluicegate.ingestion.sift import Sifted, Unsifted, shaped, sift
from sluicegate.ingestion.table import BATCH, create, raw_table
from sluicegate.lake import Archive, Session
from sluicegate.progress import Progress, untold
from sluicegate.sources import LINE, ROWS_AT_ONCE, Batch, Known, Load, Source

log = logging.getLogger(__name__)

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Replay:
    """One source's replay: what every step of it needs."""

    source: Source
    archive: Archive
    session: Session
    run: str
    manifest: dict[str, Known]
    """Its batches, oldest first."""
    denied: Mapping[str, str]
    """Batches that are condemned, and why."""

    def read(self, known: Known) -> Iterator[Unsifted]:
        """A batch, read again part by part and in the shape of today's contract."""
        content = self.archive.find(known.batch)
        batch = Batch(known.batch, known.name, content, known.size, known.modified_ns, known.cursor)
        return shaped(self.source, batch)

    def later(self, batch: str) -> Iterator[Known]:
        """Batches that came after this one."""
        order = list(self.manifest)
        return (self.manifest[each] for each in order[order.index(batch) + 1 :])


def replay(
    source: Source,
    archive: Archive,
    session: Session,
    run: str,
    selection: Selection,
    progress: Progress = untold,
    denied: Mapping[str, str] = _NOTHING,
) -> Intake:
    """Judge a source's selected records again, and publish to the branch those that pass.

    Args:
        denied: id of batches that are condemned → why; they are left alone.

    Returns:
        One receipt a batch. Its rows in are the records that were taken out of quarantine to be
        judged; those that still break a rule are back in it. Batches that cannot be read again are
        left alone, and named.
    """
    wanted = quarantine.selected(session, replace(selection, sources=(source.name,)))
    work = _Replay(source, archive, session, run, accounts.manifest(session, source.name), denied)
    intake = Intake(source.name, replayed=True)
    for group in _groups(work, wanted, intake, progress):
        _replay(work, group, wanted, intake)
    return intake


def _groups(
    work: _Replay, wanted: pl.DataFrame, intake: Intake, progress: Progress
) -> Iterator[list[Unsifted]]:
    """Read batches again; gather them where it does not matter which of them comes first."""
    most = ROWS_AT_ONCE if work.source.load is Load.APPEND else 1
    group: list[Unsifted] = []
    batches = wanted.partition_by(BATCH, maintain_order=True)
    for number, records in enumerate(batches):
        known = work.manifest[records[BATCH][0]]
        progress(number, len(batches), known.name)
        if known.batch in work.denied:
            intake.left[known.name] = work.denied[known.batch]
            continue
        try:
            group.append(_again(work, known, records))
        except BatchRefused as error:
            log.warning("%s: %s is left in quarantine: %s", work.source.name, known.name, error)
            intake.left[known.name] = error.message
            continue
        if sum(unsifted.rows_in for unsifted in group) >= most:
            yield group
            group = []
    if group:
        yield group


def _again(work: _Replay, known: Known, records: pl.DataFrame) -> Unsifted:
    """The quarantined records of a batch, as they are read today."""
    here = pl.col(LINE).is_in(records[LINE].implode())
    rows_in, parts = 0, []
    for part in work.read(known):
        rows_in += part.rows_in
        parts.append(
            replace(part, written=part.written.filter(here), rejects=part.rejects.filter(here))
        )
    if rows_in != records["rows_in"][0]:
        raise BatchRefused(
            f"It was taken in as {records['rows_in'][0]:,} records, and is read as "
            f"{rows_in:,} today: which of them were rejected cannot be told.",
            where=known.name,
        )
    found = replace(
        parts[0],
        written=pl.concat([part.written for part in parts]),
        rejects=pl.concat([part.rejects for part in parts]),
        # The receipt of its batch has them.
        left_out={},
    )
    if found.rows_in != records.height:
        raise BatchRefused(
            f"Of its {records.height:,} records in quarantine, {found.rows_in:,} begin where they "
            "did when it is read today.",
            where=known.name,
        )
    return found


def _replay(work: _Replay, group: Sequence[Unsifted], wanted: pl.DataFrame, intake: Intake) -> None:
    source, session = work.source, work.session
    contract, table = source.contract, raw_table(source)
    sifted = _kept(work, *group)
    judged = _weigh(work, sifted)
    rejected = pl.concat([sifted.rejected, judged.taken(sifted.written, contract)])
    receipts = [judged.account(source, unsifted, sifted, rejected) for unsifted in group]
    moved = _moved(wanted, group, judged, rejected)
    with session.transaction(f"{work.run}: replay of {source.name}"):
        create(source, session)
        intake.superseded += remove(session, table, judged.superseding, contract)
        session.insert(table, judged.winners)
        require_originals(session, table, judged.copies, contract)
        quarantine.settle(session, work.run, receipts, moved)
        accounts.record_warnings(session, work.run, receipts)
    intake.receipts += receipts
    intake.moved += moved.height


def _kept(work: _Replay, *group: Unsifted) -> Sifted:
    return set_orphans_aside(work.source, sift(work.source, group), work.session)


def _weigh(work: _Replay, sifted: Sifted) -> Judged:
    order = list(work.manifest)
    judged = weigh_again(work.source, sifted.accepted, work.session, order)
    if work.source.load is not Load.MERGE or judged.superseding.is_empty():
        return judged
    # A later batch may have said again what is published: then it is not what came before.
    (unsifted,) = sifted.batches
    for known in work.later(unsifted.batch.id):
        try:
            later = [
                _kept(work, part).accepted.select(work.source.contract.key())
                for part in work.read(known)
            ]
        except BatchRefused:
            continue
        judged = judged.outdate(pl.concat(later))
    return judged


def _moved(
    wanted: pl.DataFrame, group: Sequence[Unsifted], judged: Judged, rejected: pl.DataFrame
) -> pl.DataFrame:
    """Records that leave the quarantine, or break other rules than before: what is to be written.

    Most of what breaks a rule still breaks it, and is not touched.
    """
    mine = wanted.filter(pl.col(BATCH).is_in([unsifted.batch.id for unsifted in group]))
    outcomes = judged.outcomes().vstack(
        rejected.select(*PLACE, pl.lit("quarantined").alias("outcome"))
    )
    known = mine.join(outcomes, on=PLACE, how="left", validate="1:1").join(
        rejected.select(*PLACE, pl.col("rules").alias("after"), "record"), on=PLACE, how="left"
    )
    stands = pl.col("rules").list.sort() == pl.col("after").list.sort()
    return known.filter(~stands.fill_null(value=False))
