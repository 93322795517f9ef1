"""A sample: the first records of a file, as ingestion reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from sluicegate.contracts.texts import is_plain, sent
from sluicegate.errors import BatchRefused
from sluicegate.scaffold.formats import Told, formats_of
from sluicegate.sources import LINE, Format, Records

MOST_ROWS = 50_000
"""Rows that a sample has."""

MOST_COLUMNS = 500
"""Columns that a contract is proposed for: nobody reads a longer one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first records of a file.

    Attributes:
        name: of the file.
        told: how it is read.
        others: further ways to read it, should that one fail.
        rows: texts or typed values, a column a name as sent, and ``_line``.
        rejects: records that could not be parsed.
        whole: whether the file has no more.
    """

    name: str
    told: Told
    others: tuple[Told, ...]
    rows: pl.DataFrame
    rejects: pl.DataFrame
    whole: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Names as sent, in order."""
        return tuple(name for name in self.rows.columns if name != LINE)

    def next(self, file: Path) -> Sample | None:
        """The same file, read in the next best way; None if there is none."""
        return _first(file, self.name, self.others) if self.others else None


def sample_of(file: Path, name: str) -> Sample:
    """Read the first records of a file.

    Raises:
        BatchRefused: it cannot be read, or has no record.
    """
    return _first(file, name, tuple(formats_of(file, name)))


def taken(format_: Format, file: Path, name: str, columns: tuple[str, ...]) -> tuple[Records, bool]:
    """The first records under a format, and whether there are no more.

    Raises:
        BatchRefused: it cannot be read.
    """
    found: list[Records] = []
    count, whole = 0, True
    for records in format_.read(file, name=name, columns=columns, most=MOST_ROWS):
        if count >= MOST_ROWS:
            whole = records.count == 0
            break
        found.append(records)
        count += records.count
    rows = pl.concat([_texts(each.rows) for each in found], how="diagonal_relaxed")
    rejects = pl.concat([each.rejects for each in found])
    header = tuple(dict.fromkeys(name for each in found for name in each.header))
    if rows.height > MOST_ROWS:
        rows, whole = rows.head(MOST_ROWS), False
        last = int(rows[LINE].max() or 0)  # type: ignore[arg-type]  # lines are numbers
        rejects = rejects.filter(pl.col(LINE) <= last)
    return replace(found[0], header=header, rows=rows, rejects=rejects), whole


def _first(file: Path, name: str, ways: tuple[Told, ...]) -> Sample:
    """Read by the first way that works and rejects no more than the next one does."""
    sample = _tried(file, name, ways)
    if sample.rows.is_empty():
        raise BatchRefused(
            "The file has a header and not a single record that can be read.",
            where=name,
            hint="name a file that has records; `sluicegate preview FILE` shows how it is read",
        )
    if len(sample.columns) > MOST_COLUMNS:
        raise BatchRefused(
            f"The file has {len(sample.columns):,} columns; a contract is proposed for up to "
            f"{MOST_COLUMNS}.",
            where=name,
            hint="have the provider send a row a record, and not a column",
        )
    return sample


def _tried(file: Path, name: str, ways: tuple[Told, ...]) -> Sample:
    found: list[Sample] = []
    refused: BatchRefused | None = None
    for at, way in enumerate(ways[:2]):
        try:
            found.append(_read(file, name, way, ways[at + 1 :]))
        except BatchRefused as error:
            refused = error
    if not found:
        raise refused or BatchRefused("The file cannot be read.", where=name)
    if len(found) == 1:
        return found[0]
    first, second = found
    # Rows that only the faster reader takes for rows are notes or comments.
    same = first.rows.height == second.rows.height and first.columns == second.columns
    return first if same and first.rejects.height <= second.rejects.height else second


def _read(file: Path, name: str, told: Told, others: tuple[Told, ...]) -> Sample:
    records, whole = taken(told.format, file, name, told.columns)
    wanted = [column for column in records.header if column in records.rows.columns]
    rows = records.rows[[*wanted, LINE]]
    return Sample(name, told, others, rows, records.rejects, whole)


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    """An empty text is an absent value, as contracts have it."""
    odd = [name for name, dtype in rows.schema.items() if not is_plain(dtype)]
    return rows.with_columns(
        *(sent(name).cast(pl.String) for name in odd),
        pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)),
    )
