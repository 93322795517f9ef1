"""Which published rows a batch that is the whole no longer has: their source deleted them.

A row that is missing because it was rejected was not deleted. So a row stays when its key is that
of a rejected record or, where the key cannot be read, stands in its text; and a batch that lacks
more than its source says it may is refused: half an export must not pass for a wave of deletions.
"""

from __future__ import annotations

import re

import polars as pl

from sluicegate.contracts import Column, Contract
from sluicegate.errors import BatchRefused
from sluicegate.ingestion.sift import Sifted
from sluicegate.ingestion.table import raw_table
from sluicegate.lake import Session
from sluicegate.lake.connection import identifier
from sluicegate.sources import LINE, Source
from sluicegate.sources.members import of_several


class Whole:
    """What is published, against a batch that comes part by part and is the whole.

    Of what is published, keys are kept, and of rejected records their text, to look for keys in it.
    """

    def __init__(self, source: Source, session: Session) -> None:
        self._source = source
        self._keys = list(source.contract.key())
        named = ", ".join(map(identifier, self._keys))
        types = {column.name: column.dtype for column in source.contract.columns()}
        self._theirs = session.frame(f"SELECT {named} FROM {raw_table(source).sql}").cast(
            {key: types[key] for key in self._keys}
        )
        self._refused: list[pl.DataFrame] = []
        self._unparsed: list[str] = []

    def saw(self, sifted: Sifted) -> None:
        """A part of the batch came."""
        self._refused.append(sifted.refused)
        for unsifted in sifted.batches:
            self._unparsed += unsifted.rejects["record"].to_list()

    def departed(self, accepted: pl.DataFrame) -> pl.DataFrame:
        """Keys of the published rows that the batch no longer has.

        Args:
            accepted: keys of all rows that it has and that are not rejected.

        Raises:
            BatchRefused: they are more than ``may_shrink`` allows.
        """
        theirs, keys, source = self._theirs, self._keys, self._source
        refused = pl.concat(self._refused)
        absent = theirs.join(accepted, on=keys, how="anti")
        if absent.height > source.may_shrink * theirs.height:
            raise BatchRefused(
                f"The batch lacks {absent.height:,} of the {theirs.height:,} rows that are "
                f"published ({absent.height / theirs.height:.1%}); it may lack "
                f"{source.may_shrink:.1%}.",
                hint=self._next(accepted),
            )
        known = pl.concat([theirs, accepted])
        unclear = refused.join(known, on=keys, how="anti")["record"].to_list() + self._unparsed
        absent = absent.join(refused.select(keys), on=keys, how="anti")
        return _unmentioned(absent, unclear, source.contract)

    def _next(self, accepted: pl.DataFrame) -> str:
        """What to do of a batch that lacks too much."""
        places = [each.name for each in self._source.contract.columns() if _is_place(each)]
        for key in places:
            if of_several(self._theirs[key]) is not of_several(accepted[key]):
                return (
                    f"the key {key} is the place in the file, which is another in a zip of several "
                    "files, so that no row is the one that is published: declare a key of what "
                    "stands in the records, or have files come packed as before; to replace all "
                    f'rows this once, set may_shrink="100 %" of source {self._source.name!r}'
                )
        return (
            "have the provider send a complete one; if so many were deleted, raise may_shrink of "
            f"source {self._source.name!r}"
        )


def _is_place(column: Column) -> bool:
    return column.key and column.reads == LINE


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
