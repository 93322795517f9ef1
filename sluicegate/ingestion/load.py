"""Loading sifted batches into a branch: duplicates found, rows written, receipts made.

Several small batches are loaded together, up to a number of rows, so that thirty drops do not cost
thirty commits. Order decides which copy of a key wins: batches in their order, then lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from sluicegate.contracts import Contract
from sluicegate.ingestion import accounts
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.sift import BATCH, Sifted, as_record
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.sources import Load, Source
from sluicegate.sources.delimited import LINE

_ROW = "_row"
_COPY = "copy"
_CONFLICT = "conflict"
_FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a group of batches became.

    Attributes:
        receipts: one a batch, closed.
        superseded: published rows that corrections replaced.
    """

    receipts: list[Receipt]
    superseded: int


def raw_table(source: Source) -> Table:
    """Where the rows of a source are kept."""
    return Table("raw", source.name)


def load(source: Source, group: Sequence[Sifted], session: Session, run: str) -> Loaded:
    """Write a group of sifted batches to the branch, all of it or nothing."""
    contract, table = source.contract, raw_table(source)
    rows = pl.concat([sifted.accepted for sifted in group]).with_row_index(_ROW)
    corrects = source.load is Load.MERGE
    fates = _fates(rows, contract, table, session, corrects=corrects)
    corrections = fates.filter((pl.col("fate") == _CONFLICT) & pl.col("published"))
    wins = pl.col("fate") == _FRESH
    if corrects:
        wins |= (pl.col("fate") == _CONFLICT) & pl.col("published")
    judged = rows.with_columns(fates["fate"], wins=fates.select(wins).to_series())
    rejected = pl.concat(
        [
            *(sifted.rejected for sifted in group),
            _taken(judged.filter((pl.col("fate") == _CONFLICT) & ~pl.col("wins")), group, contract),
        ]
    )
    receipts = [_receipt(source, sifted, judged, rejected) for sifted in group]
    superseded = 0
    with session.transaction(f"{run}: {source.name}"):
        session.create(table, _columns(contract))
        if corrects and not corrections.is_empty():
            replaced = rows.filter(pl.col(_ROW).is_in(corrections[_ROW].implode()))
            superseded = _remove(session, table, replaced, contract)
        session.insert(table, judged.filter("wins").drop(_ROW, "fate", "wins"))
        session.insert(
            accounts.QUARANTINE,
            rejected.select(
                pl.lit(run).alias("run"),
                pl.lit(source.name).alias("source"),
                pl.col(BATCH).alias("batch"),
                "file",
                pl.col(LINE).alias("line"),
                "rules",
                "record",
                pl.lit(datetime.now(UTC)).alias("at"),
            ),
        )
        pairs = list(zip((sifted.batch for sifted in group), receipts, strict=True))
        accounts.record_batches(session, run, pairs)
    return Loaded(receipts, superseded)


def _fates(
    rows: pl.DataFrame, contract: type[Contract], table: Table, session: Session, *, corrects: bool
) -> pl.DataFrame:
    """For each row, in order: fresh, an equal copy, or in conflict with another of its key.

    ``published`` says whether the other row is one that the lake had before this group. Where rows
    correct, only the first of a key in the group is held against that one.
    """
    key, content = list(contract.key()), [column.name for column in contract.columns()]
    fates = rows.select(_ROW, fate=pl.lit(_FRESH), published=pl.lit(False))
    first = rows.unique(key, keep="first", maintain_order=True)
    if first.height < rows.height:
        later = rows.join(first.select(_ROW), on=_ROW, how="anti")
        pairs = later.join(first, on=key, how="inner", suffix=":other")
        same = pl.all_horizontal(
            pl.col(name).eq_missing(pl.col(f"{name}:other")) for name in content if name not in key
        )
        found = pairs.select(_ROW, found=pl.when(same).then(pl.lit(_COPY)).otherwise(pl.lit(_CONFLICT)))
        fates = _update(fates, found, published=False)
    if session.exists(table):
        with session.lend((first if corrects else rows).select(_ROW, *content)) as lent:
            on = " AND ".join(f"mine.{identifier(name)} = theirs.{identifier(name)}" for name in key)
            equal = " AND ".join(
                f"mine.{identifier(name)} IS NOT DISTINCT FROM theirs.{identifier(name)}"
                for name in content
            )
            found = session.frame(
                f"SELECT mine.{_ROW}, CASE WHEN {equal} THEN '{_COPY}' ELSE '{_CONFLICT}' END AS found"  # noqa: S608
                f" FROM {lent} AS mine JOIN {table.sql} AS theirs ON {on}"
            )
        fates = _update(fates, found, published=True)
    return fates


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


def _taken(
    conflicts: pl.DataFrame, group: Sequence[Sifted], contract: type[Contract]
) -> pl.DataFrame:
    """Rows whose key is taken by a row that came first, as rejected records."""
    rule = pl.lit([contract.unique_rule()], dtype=pl.List(pl.String))
    return pl.concat(
        [
            sifted.texts.join(
                conflicts.filter(pl.col(BATCH) == sifted.batch.id), on=LINE, how="semi"
            ).select(
                pl.lit(sifted.batch.id).alias(BATCH),
                pl.lit(sifted.batch.name).alias("file"),
                LINE,
                rule.alias("rules"),
                as_record().alias("record"),
            )
            for sifted in group
        ]
    )


def _receipt(
    source: Source, sifted: Sifted, judged: pl.DataFrame, rejected: pl.DataFrame
) -> Receipt:
    mine = judged.filter(pl.col(BATCH) == sifted.batch.id)
    refused = rejected.filter(pl.col(BATCH) == sifted.batch.id)
    rules = refused["rules"].explode().value_counts()
    return Receipt(
        source=source.name,
        batch=sifted.batch.id,
        name=sifted.batch.name,
        rows_in=sifted.rows_in,
        published=int(mine["wins"].sum()),
        quarantined=refused.height,
        deduplicated=mine.filter(pl.col("fate") == _COPY).height,
        rejections=dict(sorted(rules.iter_rows())),
        unknown_columns=sifted.unknown_columns,
    ).closed()


def _remove(
    session: Session, table: Table, replaced: pl.DataFrame, contract: type[Contract]
) -> int:
    with session.lend(replaced.select(contract.key())) as lent:
        on = " AND ".join(
            f"{table.sql}.{identifier(name)} = mine.{identifier(name)}" for name in contract.key()
        )
        ((count,),) = session.rows(f"DELETE FROM {table.sql} USING {lent} AS mine WHERE {on}")  # noqa: S608
    return int(count)


def _columns(contract: type[Contract]) -> dict[str, str]:
    declared = {
        column.name: _sql_type(column.dtype) + ("" if column.nullable else " NOT NULL")
        for column in contract.columns()
    }
    return {**declared, BATCH: "VARCHAR NOT NULL", LINE: "BIGINT NOT NULL"}


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMPTZ" if dtype.time_zone else "TIMESTAMP"
    return {pl.String: "VARCHAR", pl.Date: "DATE", pl.Int64: "BIGINT"}[type(dtype)]
