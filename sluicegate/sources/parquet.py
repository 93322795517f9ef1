"""Parquet files: typed columns, brought into the one form that contracts read, which is text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sluicegate.errors import BatchRefused
from sluicegate.sources.records import LINE, Records, rejects_of

_MOMENT = "%Y-%m-%dT%H:%M:%S%.6f"


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file. A record's position is its number, from 1."""

    def read(self, content: Path, *, name: str, columns: Sequence[str]) -> Records:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        try:
            frame = pl.read_parquet(content, glob=False, hive_partitioning=False)
            frame = _unnested(frame)
            # What the contract does not read may be of any type, and stays in the archive.
            schema = frame.schema.items()
            texts = frame.select(_as_text(each, dtype) for each, dtype in schema if each in columns)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise BatchRefused(
                "The file is no Parquet, or a damaged one, or of types that cannot be read.",
                where=name,
                hint="have the provider send it again",
            ) from error
        if LINE in frame.columns:
            raise BatchRefused(f"The file has a column of its own called {LINE!r}.", where=name)
        numbers = pl.int_range(1, frame.height + 1, dtype=pl.Int64, eager=True).alias(LINE)
        return Records(tuple(frame.columns), texts.with_columns(numbers), rejects_of([]))

    def count(self, content: Path) -> int:
        """None that could be told: how many there were stood in what is damaged."""
        del content
        return 0


def _unnested(frame: pl.DataFrame) -> pl.DataFrame:
    """Structs become columns with dotted names."""
    while nested := [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]:
        frame = frame.unnest(nested, separator=".")
    return frame


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        # One without a zone stays so: which moment it names is for the contract to ask.
        if dtype.time_zone is None:
            return column.dt.strftime(_MOMENT)
        return column.dt.convert_time_zone("UTC").dt.strftime(_MOMENT + "Z")
    if dtype == pl.Binary:
        return column.bin.encode("hex")
    if isinstance(dtype, pl.List | pl.Array):
        return column.cast(pl.List(pl.String)).list.join(",")
    return column.cast(pl.String)
