"""Which published rows a batch that is the whole no longer has: their source deleted them.

A row that is missing because it was rejected was not deleted. So a row stays when its key is that
of a rejected record or, where the key cannot be read, stands in its text; and a batch that lacks
more than its source says it may is refused: half an export must not pass for a wave of deletions.
"""

from __future__ import annotations

import re

import polars as pl

from sluicegate.contracts import Contract
from sluicegate.errors import BatchRefused
from sluicegate.ingestion.sift import Sifted
from sluicegate.ingestion.table import raw_table
from sluicegate.lake import Session
from sluicegate.lake.connection import identifier
from sluicegate.sources import Source


def departed(
    source: Source, accepted: pl.DataFrame, sifted: Sifted, session: Session
) -> pl.DataFrame:
    """Keys of the published rows that the batch no longer has.

    Args:
        accepted: rows of the batch that keep the contract.
        sifted: the batch, with what was rejected of it.

    Raises:
        BatchRefused: they are more than ``may_shrink`` allows.
    """
    contract, table = source.contract, raw_table(source)
    if not session.exists(table):
        return accepted.select(contract.key()).clear()
    keys = list(contract.key())
    named = ", ".join(map(identifier, keys))
    theirs = session.frame(f"SELECT {named} FROM {table.sql}")
    theirs = theirs.cast(accepted.select(keys).schema)
    absent = theirs.join(accepted.select(keys), on=keys, how="anti")
    if absent.height > source.may_shrink * theirs.height:
        raise BatchRefused(
            f"The batch lacks {absent.height:,} of the {theirs.height:,} rows that are published "
            f"({absent.height / theirs.height:.1%}); it may lack {source.may_shrink:.1%}.",
            hint="have the provider send a complete one; if so many were deleted, raise "
            f"may_shrink of source {source.name!r}",
        )
    known = pl.concat([theirs, accepted.select(keys)])
    unclear = sifted.refused.join(known, on=keys, how="anti")["record"].to_list()
    for unsifted in sifted.batches:
        unclear += unsifted.rejects["record"].to_list()
    absent = absent.join(sifted.refused.select(keys), on=keys, how="anti")
    return _unmentioned(absent, unclear, contract)


def _unmentioned(absent: pl.DataFrame, texts: list[str], contract: type[Contract]) -> pl.DataFrame:
    """Those of the absent whose key stands in none of these records."""
    if absent.is_empty() or not texts:
        return absent
    lowered = [text.lower() for text in texts]
    mentioned = [
        any(all(_stands_in(str(part).lower(), text) for part in key) for text in lowered)
        for key in absent.select(contract.key()).iter_rows()
    ]
    return absent.filter(~pl.Series(mentioned, dtype=pl.Boolean))


def _stands_in(part: str, text: str) -> bool:
    """Whether a text holds this as a word of its own; most do not hold it at all."""
    return part in text and re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None
