"""Sifting a batch: which of its records are rows of the contract, and which rules the others break.

Nothing here touches the lake. A record is read (text → typed values), then judged (pandera); what
is wrong with it is remembered by rule, all rules at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from sluicegate.contracts import Column, Verdict, judge, reading
from sluicegate.errors import BatchRefused
from sluicegate.sources import Batch, Records, Source
from sluicegate.sources.delimited import LINE

BATCH = "_batch"

@dataclass(frozen=True, slots=True)
class Sifted:
    """One batch, taken apart.

    Attributes:
        accepted: rows that keep every rule of the contract; its columns, ``_batch``, ``_line``.
        texts: the same rows as they were written, for those found to break a rule later.
        rejected: ``_batch``, ``file``, ``_line``, ``rules`` and the text ``record`` of the others.
        rows_in: records of the batch, one way or the other.
        unknown_columns: columns that the contract does not name.
    """

    batch: Batch
    accepted: pl.DataFrame
    texts: pl.DataFrame
    rejected: pl.DataFrame
    rows_in: int
    unknown_columns: tuple[str, ...]


def sift(source: Source, batch: Batch, records: Records) -> Sifted:
    """Take a batch apart.

    Raises:
        BatchRefused: it lacks a column, or has no record although the source says it must.
    """
    columns = source.contract.columns()
    present = [column for column in columns if column.reads in records.header]
    _complete(source, batch, records, columns)
    if records.count == 0 and not source.may_be_empty:
        raise BatchRefused(
            "The batch has a header and not a single record.",
            where=batch.name,
            hint=f"if that is normal, declare source {source.name!r} with may_be_empty=True",
        )
    raw = records.rows.select(
        **{column.name: pl.col(column.reads) for column in present}, **{LINE: pl.col(LINE)}
    )
    typed, verdict = _judge(source, columns, present, raw)
    rejected = verdict.rejected
    known = {column.reads for column in columns} | source.ignore
    return Sifted(
        batch=batch,
        accepted=typed.filter(~rejected).with_columns(pl.lit(batch.id).alias(BATCH)),
        texts=raw.filter(~rejected),
        rejected=pl.concat(
            [
                _rejected(batch, raw.filter(rejected), verdict.rules.filter(rejected)),
                _unparsed(batch, records.rejects),
            ]
        ).sort(LINE),
        rows_in=records.count,
        unknown_columns=tuple(name for name in records.header if name not in known),
    )


def _judge(
    source: Source, columns: tuple[Column, ...], present: list[Column], raw: pl.DataFrame
) -> tuple[pl.DataFrame, Verdict]:
    readings = {column.name: reading(column) for column in present}
    read = raw.select(
        LINE,
        *(how.value.cast(_dtype(columns, name)).alias(name) for name, how in readings.items()),
        *(mask.alias(rule) for how in readings.values() for rule, mask in how.broken.items()),
    )
    typed = read.select(
        *(
            pl.col(column.name)
            if column.name in readings
            else pl.lit(None, dtype=column.dtype).alias(column.name)
            for column in columns
        ),
        LINE,
    )
    broken = {
        rule: read[rule] for how in readings.values() for rule in how.broken if read[rule].any()
    }
    verdict = judge(source.contract, typed.drop(LINE))
    for rule, mask in verdict.broken.items():
        column, _, check = rule.partition(":")
        if check == "not_null" and column in readings:
            # A text that could not be read is not an absent value: it has its own rule.
            for unreadable in readings[column].broken:
                mask = mask & ~read[unreadable]
            if not mask.any():
                continue
        broken[rule] = mask
    return typed, Verdict(broken, typed.height)


def _dtype(columns: tuple[Column, ...], name: str) -> pl.DataType:
    return next(column.dtype for column in columns if column.name == name)


def _complete(
    source: Source, batch: Batch, records: Records, columns: tuple[Column, ...]
) -> None:
    missing = [
        column.reads
        for column in columns
        if column.reads not in records.header and column.since is None
    ]
    if not missing:
        return
    near = [
        f"{name!r} looks like {match[0]!r}"
        for name in missing
        if (match := get_close_matches(name, records.header, n=1))
    ]
    raise BatchRefused(
        f"The batch lacks columns of the contract: {', '.join(missing)}.",
        where=batch.name,
        hint="; ".join(near) or f"it has: {', '.join(records.header)}. Correct the contract of "
        f"source {source.name!r}, or have the provider send it again",
    )


def _rejected(batch: Batch, raw: pl.DataFrame, rules: pl.Series) -> pl.DataFrame:
    return raw.select(
        pl.lit(batch.id).alias(BATCH),
        pl.lit(batch.name).alias("file"),
        LINE,
        rules.alias("rules"),
        as_record().alias("record"),
    )


def as_record() -> pl.Expr:
    """A row's texts as one JSON object, the way quarantine keeps it."""
    return pl.struct(pl.all().exclude(LINE, BATCH)).struct.json_encode()


def _unparsed(batch: Batch, rejects: pl.DataFrame) -> pl.DataFrame:
    return rejects.select(
        pl.lit(batch.id).alias(BATCH),
        pl.lit(batch.name).alias("file"),
        LINE,
        pl.concat_list("rule").alias("rules"),
        pl.col("text").alias("record"),
    )
