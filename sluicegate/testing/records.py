"""Single records, held to the contract of a source: for tests with data of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.ingestion.sift import shape, sift
from sluicegate.settings import project_root
from sluicegate.sources import LINE, Batch, Records
from sluicegate.sources.records import rejects_of


def broken_rules(
    source: str, record: Mapping[str, str | None], project: Path | None = None
) -> set[str]:
    """The rules that a record breaks, as quarantine would name them; none: it is let in.

    Args:
        source: the name of the source.
        record: column → text, by the names that the provider sends.
        project: the folder that has ``contracts/``; by default the project that commands find.

    Raises:
        BatchRefused: the record lacks a column of the contract.
        UnknownName: there is no such source.
    """
    declared = _catalogue(project or project_root()).source(source)
    schema = {**dict.fromkeys(record, pl.String), LINE: pl.Int64}
    rows = pl.DataFrame([{**record, LINE: 1}], schema=schema)
    batch = Batch("tried", "tried", Path("tried"), 0)
    records = Records(tuple(record), rows, rejects_of([]))
    sifted = sift(declared, [shape(declared, batch, records)])
    return {rule for rules in sifted.rejected["rules"].to_list() for rule in rules}


@cache
def _catalogue(project: Path) -> Catalogue:
    return load_catalogue(project)
