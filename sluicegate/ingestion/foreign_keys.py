"""References on arrival: a row that names what is not there is set aside, until it is.

A reference is judged against what the branch holds at that moment, the same run's rows of the other
source included. What is in quarantine for it comes back by a replay.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from sluicegate.contracts import Dimension, Verdict, promises_of
from sluicegate.contracts.foreign_keys import RULE, ForeignKey
from sluicegate.ingestion.sift import Sifted, as_records
from sluicegate.ingestion.table import BATCH
from sluicegate.ingestion.tally import Tally, added
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.sources import LINE, Source


def table_of(reference: ForeignKey) -> Table:
    """Where the values are that a reference may have."""
    source = "." not in reference.dataset
    return Table("raw", reference.dataset) if source else Table.of(reference.dataset)


def set_orphans_aside(source: Source, sifted: Sifted, session: Session) -> Sifted:
    """The same, where accepted rows that name what is not there are rejected."""
    verdict = _orphans(source, sifted.accepted, session)
    if not verdict.broken:
        return sifted
    rejected = verdict.rejected
    orphans = sifted.accepted.filter(rejected)
    places = orphans.select(BATCH, LINE)
    written = places.join(sifted.written, on=[BATCH, LINE], how="left", maintain_order="left")
    broken = as_records(written).insert_column(2, verdict.rules_of(rejected))
    keys = orphans.select(source.contract.key())
    lost = dict(_anew(source, places, sifted.warned)[BATCH].value_counts().iter_rows())
    return replace(
        sifted,
        warned=sifted.warned.join(places, on=[BATCH, LINE], how="anti"),
        tallies={
            batch: added([tallies, {Dimension.CONSISTENCY: Tally(0, lost.get(batch, 0))}])
            for batch, tallies in sifted.tallies.items()
        },
        accepted=sifted.accepted.filter(~rejected),
        rejected=pl.concat([sifted.rejected, broken]),
        refused=pl.concat([sifted.refused, keys.with_columns(broken["record"])]),
    )


def _anew(source: Source, places: pl.DataFrame, warned: pl.DataFrame) -> pl.DataFrame:
    """Those of some rows that did not fail consistency before: a row fails a dimension once."""
    rules = promises_of(source.contract).of(Dimension.CONSISTENCY)
    failed = warned.filter(pl.col("rules").list.set_intersection(rules).list.len() > 0)
    return places.join(failed, on=[BATCH, LINE], how="anti")


def _orphans(source: Source, rows: pl.DataFrame, session: Session) -> Verdict:
    broken = {}
    for column in source.contract.columns():
        if column.references is None or rows.is_empty():
            continue
        values = rows.select(pl.col(column.name).drop_nulls().unique())
        with session.lend(values) as lent:
            missing = session.frame(
                f"SELECT mine.{identifier(column.name)} AS value FROM {lent} AS mine"
                f" ANTI JOIN {table_of(column.references).sql} AS theirs"
                f" ON mine.{identifier(column.name)}"
                f" = theirs.{identifier(column.references.column)}"
            )["value"]
        if len(missing):
            lost = rows[column.name].is_in(missing.cast(column.dtype).implode())
            broken[f"{column.name}:{RULE}"] = lost.fill_null(value=False)
    return Verdict(broken, rows.height)
