"""Parquet files: typed columns, which a contract takes as they are where the types agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

import polars as pl

from sluicegate.contracts.texts import as_text, is_plain, sent
from sluicegate.errors import BatchRefused
from sluicegate.opening import require_unpacked
from sluicegate.sources.records import ENCODING, LINE, Records, rejects_of


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file. A record's position is its number, from 1."""

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        require_unpacked(content, "Parquet", name)
        start = 1
        try:
            scanned = pl.scan_parquet(content, glob=False, hive_partitioning=False)
            empty = pl.DataFrame(schema=scanned.collect_schema())
            _refuse_own_line(_unnested(empty), name)
            total = scanned.select(pl.len()).collect().item()
            for frame in scanned.collect_batches(chunk_size=most, maintain_order=True):
                share = frame.height / total
                yield replace(_records(frame, start, columns), share=share)
                start += frame.height
            if start == 1:
                yield _records(empty, start, columns)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise BatchRefused(
                "The file is no Parquet, or a damaged one, or of types that cannot be read.",
                where=name,
                hint="have the provider send it again",
            ) from error

    def count(self, content: Path) -> int:
        """Rows that the end of the file tells of; none if it cannot be told."""
        try:
            return int(pl.scan_parquet(content, glob=False).select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            return 0


def _refuse_own_line(frame: pl.DataFrame, name: str) -> None:
    if LINE in frame.columns:
        raise BatchRefused(f"The file has a column of its own called {LINE!r}.", where=name)


def _records(frame: pl.DataFrame, start: int, columns: Sequence[str]) -> Records:
    """Rows as records; what the contract does not read may be of any type, and is left out."""
    frame = _unnested(frame)
    rows = frame.select(
        *(
            sent(name) if is_plain(dtype) else as_text(name, dtype)
            for name, dtype in frame.schema.items()
            if name in columns
        ),
        _lines(frame, start),
    )
    rows, rejects = _without_nul(rows)
    return Records(
        tuple(frame.columns),
        rows,
        rejects,
        types={
            name: dtype
            for name, dtype in frame.schema.items()
            if name in columns and not is_plain(dtype)
        },
    )


def _without_nul(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose texts are texts, and the others as rejects, as of any other format."""
    nul = rows.select(
        bad=pl.any_horizontal(
            pl.lit(value=False),
            pl.col(pl.String).str.contains("\0", literal=True).fill_null(value=False),
        )
    )["bad"]
    if not nul.any():
        return rows, rejects_of([])
    texts = [as_text(name, dtype) for name, dtype in rows.schema.items() if name != LINE]
    told = rows.filter(nul).select(LINE, pl.struct(texts).struct.json_encode())
    return rows.filter(~nul), rejects_of((line, text, ENCODING) for line, text in told.iter_rows())


def _lines(frame: pl.DataFrame, start: int) -> pl.Series:
    """Numbers of rows, in pieces as long as those of the columns: or else all would be copied."""
    lengths = frame.to_series().chunk_lengths() if frame.width else [0]
    ends = pairwise(accumulate(lengths, initial=start))
    return pl.concat([pl.int_range(*each, dtype=pl.Int64, eager=True) for each in ends]).alias(LINE)


def _unnested(frame: pl.DataFrame) -> pl.DataFrame:
    """Structs become columns with dotted names."""
    while nested := [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]:
        frame = frame.unnest(nested, separator=".")
    return frame
