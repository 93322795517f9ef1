"""Loading sifted batches into a branch: duplicates found, rows written, receipts made.

Small batches are loaded together, so that thirty drops do not cost thirty commits.
Order decides which copy of a key wins: batches in their order, then lines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from sluicegate.contracts import Contract
from sluicegate.errors import Bug
from sluicegate.ingestion import accounts
from sluicegate.ingestion.departed import departed
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.sift import Sifted, Unsifted, as_record
from sluicegate.ingestion.table import BATCH, create, raw_table
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.sources import LINE, Load, Source

_ROW = "_row"
# Names that no column of a contract can have.
_FATE = ":fate"
_WINS = ":wins"
_SUPERSEDES = ":supersedes"

_COPY = "copy"
_CONFLICT = "conflict"
_FRESH = "fresh"


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
    corrects = source.load is not Load.APPEND
    rows = sifted.accepted.with_row_index(_ROW)
    fates = _fates(rows, contract, table, session, corrects=corrects)
    superseding = (pl.col("fate") == _CONFLICT) & pl.col("published") & pl.lit(corrects)
    judged = rows.with_columns(
        fates["fate"].alias(_FATE),
        fates.select(superseding).to_series().alias(_SUPERSEDES),
        fates.select((pl.col("fate") == _FRESH) | superseding).to_series().alias(_WINS),
    )
    taken = judged.filter((pl.col(_FATE) == _CONFLICT) & ~pl.col(_WINS))
    rejected = pl.concat([sifted.rejected, _taken(taken, sifted.texts, contract)])
    receipts = [_receipt(source, unsifted, judged, rejected) for unsifted in sifted.batches]
    gone = departed(source, rows, sifted, session) if source.load is Load.REPLACE else None
    if gone is not None:
        receipts = [replace(receipt, removed=gone.height) for receipt in receipts]
    batches = [unsifted.batch for unsifted in sifted.batches]
    with session.transaction(f"{run}: {source.name}"):
        create(source, session)
        superseded = _remove(session, table, judged.filter(_SUPERSEDES), contract)
        if gone is not None:
            superseded += _remove(session, table, gone, contract)
        session.insert(table, judged.filter(_WINS).drop(_ROW, _FATE, _WINS, _SUPERSEDES))
        _require_originals(session, table, judged.filter(pl.col(_FATE) == _COPY), contract)
        accounts.quarantine(session, run, source.name, batches, rejected)
        accounts.record_batches(session, run, list(zip(batches, receipts, strict=True)))
    return Loaded(receipts, superseded)


def _fates(
    rows: pl.DataFrame, contract: type[Contract], table: Table, session: Session, *, corrects: bool
) -> pl.DataFrame:
    """For each row, in order: fresh, an equal copy, or in conflict with another of its key.

    ``published`` says whether the other row is one that the lake had before this group. Where rows
    correct, only the first of a key in the group is held against that one.
    """
    fates = rows.select(_ROW, fate=pl.lit(_FRESH), published=pl.lit(False))
    first = rows.unique(contract.key(), keep="first", maintain_order=True)
    if first.height < rows.height:
        fates = _update(fates, _within(rows, first, contract), published=False)
    if session.exists(table):
        mine = first if corrects else rows
        fates = _update(fates, _against(mine, contract, table, session), published=True)
    return fates


def _within(rows: pl.DataFrame, first: pl.DataFrame, contract: type[Contract]) -> pl.DataFrame:
    """What the later rows of a key are to the first one in the group."""
    key = contract.key()
    later = rows.join(first.select(_ROW), on=_ROW, how="anti")
    pairs = later.join(first, on=key, how="inner", suffix=":first")
    same = pl.all_horizontal(
        pl.lit(True),
        *(
            pl.col(column.name).eq_missing(pl.col(f"{column.name}:first"))
            for column in contract.columns()
            if not column.key
        ),
    )
    return pairs.select(_ROW, found=pl.when(same).then(pl.lit(_COPY)).otherwise(pl.lit(_CONFLICT)))


def _against(
    rows: pl.DataFrame, contract: type[Contract], table: Table, session: Session
) -> pl.DataFrame:
    """What rows whose key the lake has already are to the row it has."""
    content = [column.name for column in contract.columns()]
    on = " AND ".join(f"mine.{name} = theirs.{name}" for name in map(identifier, contract.key()))
    equal = " AND ".join(
        f"mine.{name} IS NOT DISTINCT FROM theirs.{name}" for name in map(identifier, content)
    )
    with session.lend(rows.select(_ROW, *content)) as lent:
        return session.frame(
            f"SELECT mine.{_ROW}, if({equal}, '{_COPY}', '{_CONFLICT}') AS found"
            f" FROM {lent} AS mine JOIN {table.sql} AS theirs ON {on}"
        )


def _update(fates: pl.DataFrame, found: pl.DataFrame, *, published: bool) -> pl.DataFrame:
    joined = fates.join(
        found.with_columns(pl.col(_ROW).cast(fates.schema[_ROW])),
        on=_ROW,
        how="left",
        maintain_order="left",
    )
    return joined.select(
        _ROW,
        fate=pl.coalesce("found", "fate"),
        published=pl.when(pl.col("found").is_not_null()).then(published).otherwise("published"),
    )


def _taken(conflicts: pl.DataFrame, texts: pl.DataFrame, contract: type[Contract]) -> pl.DataFrame:
    """Rows whose key is taken by a row that came first, as rejected records."""
    rule = pl.lit([contract.unique_rule()], dtype=pl.List(pl.String))
    return texts.join(conflicts, on=[BATCH, LINE], how="semi").select(
        BATCH, LINE, rule.alias("rules"), as_record().alias("record")
    )


def _receipt(
    source: Source, unsifted: Unsifted, judged: pl.DataFrame, rejected: pl.DataFrame
) -> Receipt:
    batch = unsifted.batch
    mine = judged.filter(pl.col(BATCH) == batch.id)
    refused = rejected.filter(pl.col(BATCH) == batch.id)
    rules = (
        refused.explode("rules").group_by("rules").agg(pl.len(), pl.col(LINE).min()).sort("rules")
    )
    return Receipt(
        source=source.name,
        batch=batch.id,
        name=batch.name,
        rows_in=unsifted.rows_in,
        published=int(mine[_WINS].sum()),
        quarantined=refused.height,
        deduplicated=mine.filter(pl.col(_FATE) == _COPY).height,
        rejections={rule: count for rule, count, _ in rules.iter_rows()},
        examples={rule: f"{batch.name}, line {line}" for rule, _, line in rules.iter_rows()},
        unknown_columns=unsifted.unknown_columns,
    ).closed()


def _remove(
    session: Session, table: Table, replaced: pl.DataFrame, contract: type[Contract]
) -> int:
    if replaced.is_empty():
        return 0
    with session.lend(replaced.select(contract.key())) as lent:
        on = " AND ".join(
            f"{table.sql}.{identifier(name)} = mine.{identifier(name)}" for name in contract.key()
        )
        ((count,),) = session.rows(f"DELETE FROM {table.sql} USING {lent} AS mine WHERE {on}")
    if count != replaced.height:
        raise Bug(f"{replaced.height} rows were to leave, and {count} did.", where=str(table))
    return int(count)


def _require_originals(
    session: Session, table: Table, copies: pl.DataFrame, contract: type[Contract]
) -> None:
    """A row may be called a copy only if a row of its key is there."""
    if copies.is_empty():
        return
    key = ", ".join(map(identifier, contract.key()))
    with session.lend(copies.select(contract.key())) as lent:
        lost = session.scalar(
            f"SELECT count(*) FROM {lent} AS mine ANTI JOIN {table.sql} USING ({key})"
        )
    if lost:
        raise Bug(f"{lost} rows were called copies of rows that are not there.", where=str(table))
