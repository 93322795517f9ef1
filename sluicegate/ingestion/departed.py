"""Which published rows a batch that is the whole no longer has: their source deleted them.

A row that is missing because it could not be read was not deleted. So a row stays when its key
stands in the text of any record that was rejected, and a batch that lacks more than its source says
it may is refused: half an export must not pass for a wave of deletions.
"""

from __future__ import annotations

import re

import polars as pl

from sluicegate.contracts import Contract
from sluicegate.errors import BatchRefused
from sluicegate.ingestion.table import raw_table
from sluicegate.lake import Session
from sluicegate.lake.connection import identifier
from sluicegate.sources import Source


def departed(
    source: Source, accepted: pl.DataFrame, rejected: pl.DataFrame, session: Session
) -> pl.DataFrame:
    """Keys of the published rows that the batch no longer has.

    Args:
        accepted: rows of the batch that keep the contract.
        rejected: the others, with their text as ``record``.

    Raises:
        BatchRefused: they are more than ``may_shrink`` allows.
    """
    contract, table = source.contract, raw_table(source)
    if not session.exists(table):
        return accepted.select(contract.key()).clear()
    key = ", ".join(map(identifier, contract.key()))
    with session.lend(accepted.select(contract.key())) as lent:
        absent = session.frame(
            f"SELECT {key} FROM {table.sql} AS theirs ANTI JOIN {lent} USING ({key})"
        )
    published = int(session.scalar(f"SELECT count(*) FROM {table.sql}"))
    if absent.height > source.may_shrink * published:
        raise BatchRefused(
            f"The batch lacks {absent.height:,} of the {published:,} rows that are published "
            f"({absent.height / published:.1%}); it may lack {source.may_shrink:.1%}.",
            hint="have the provider send a complete one; if so many were deleted, raise "
            f"may_shrink of source {source.name!r}",
        )
    return _gone(absent, rejected, contract)


def _gone(absent: pl.DataFrame, rejected: pl.DataFrame, contract: type[Contract]) -> pl.DataFrame:
    """Those of the absent whose key stands in no rejected record."""
    texts = rejected["record"].to_list()
    if absent.is_empty() or not texts:
        return absent
    present = [
        any(all(_stands_in(str(part), text) for part in key) for text in texts)
        for key in absent.select(contract.key()).iter_rows()
    ]
    return absent.filter(~pl.Series(present, dtype=pl.Boolean))


def _stands_in(part: str, text: str) -> bool:
    """Whether a text holds this as a word of its own; most do not hold it at all."""
    return part in text and re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None
