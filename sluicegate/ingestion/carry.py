"""Carrying over what a run has ingested already, when its ref was moved while it worked.

Batches are idempotent, so the run may begin again on what readers see by now. A source that nobody
else touched need not be read and validated again: its rows and its accounts are the same. What
follows for models is in :mod:`sluicegate.warehouse.rebuild`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluicegate.ingestion.accounts import (
    BATCHES,
    DRIFT,
    LEFT_OUT,
    QUARANTINE,
    REJECTIONS,
    WARNINGS,
)
from sluicegate.ingestion.ingest import Intake
from sluicegate.ingestion.table import BATCH, raw_table
from sluicegate.lake import DataFiles, Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.lake.inventory import state_of
from sluicegate.sources import Load, Source


@dataclass(frozen=True, slots=True)
class Aside:
    """What a run did on a branch whose base readers do not see any more.

    Attributes:
        base: catalog that the branch started from; None for a new lake.
        catalog: the branch's own.
        files: where the data files of both are.
        intakes: what each source brought.
    """

    base: Path | None
    catalog: Path
    files: DataFiles
    intakes: Mapping[str, Intake]

    def fits(self, source: Source, batches: Collection[str], head: Path | None) -> bool:
        """Whether what it did of a source is what would be done again on another base.

        Args:
            batches: what is new there.
            head: catalog of the other base.
        """
        intake = self.intakes.get(source.name)
        if intake is None or intake.refusals:
            return False
        if {receipt.batch for receipt in intake.receipts} != set(batches):
            return False
        return self._untouched(source, head)

    def rests(self, source: Source, head: Path | None) -> bool:
        """Whether a source that nothing new is taken in of on another base has the same rows there.

        Args:
            head: catalog of the other base.
        """
        return source.name not in self.intakes and self._untouched(source, head)

    def _untouched(self, source: Source, head: Path | None) -> bool:
        table = str(raw_table(source))
        return _state(self.base, table) == _state(head, table)


def carry(source: Source, aside: Aside, session: Session, run: str) -> Intake:
    """Copy a source's rows and accounts from what was set aside; nothing is validated again."""
    table = raw_table(source)
    intake = aside.intakes[source.name]
    with session.beside(aside.catalog, aside.files) as beside, session.transaction(_why(run)):
        theirs = f"{identifier(beside)}.{identifier(table.schema)}.{identifier(table.name)}"
        if source.load is Load.APPEND:
            loaded = [receipt.batch for receipt in intake.receipts]
            session.execute(
                f"INSERT INTO {table.sql} BY NAME SELECT * FROM {theirs}"
                f" WHERE list_contains(?::VARCHAR[], {BATCH})",
                [loaded],
            )
        else:
            # Rows were superseded or left: the whole table is theirs.
            session.execute(f"DELETE FROM {table.sql}")
            session.execute(f"INSERT INTO {table.sql} BY NAME SELECT * FROM {theirs}")
        for account in (BATCHES, REJECTIONS, WARNINGS, LEFT_OUT, QUARANTINE, DRIFT):
            _carry_account(account, source, session, beside, run)
    return intake


def _carry_account(table: Table, source: Source, session: Session, beside: str, run: str) -> None:
    theirs = f"{identifier(beside)}.{identifier(table.schema)}.{identifier(table.name)}"
    session.execute(
        f"INSERT INTO {table.sql} BY NAME SELECT * FROM {theirs} WHERE (run, source) = (?, ?)",
        [run, source.name],
    )


def _state(catalog: Path | None, table: str) -> tuple[object, ...]:
    return state_of(catalog, table) if catalog is not None else ()


def _why(run: str) -> str:
    return f"{run}: carried over"
