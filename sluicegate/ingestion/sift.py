"""Sifting batches: which of their records are rows of the contract, and which rules others break.

Nothing here touches the lake. A record is read (text → typed values), then judged (pandera); what
is wrong with it is remembered by rule, all rules at once. Small batches are sifted together, since
most of what validation costs is not a matter of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from sluicegate.contracts import Column, Dimension, Reading, Verdict, judge, promises_of, read
from sluicegate.contracts.texts import as_text
from sluicegate.errors import BatchRefused
from sluicegate.ingestion.table import BATCH
from sluicegate.ingestion.tally import Tally, added, tallied
from sluicegate.sources import LINE, Batch, Records, Source


@dataclass(frozen=True, slots=True)
class Unsifted:
    """One batch, or a part of one, that has the shape its contract asks for.

    Attributes:
        written: what was written, a column a contract column (null where the batch lacks an
            optional one): texts, or values of its type; ``_batch`` and ``_line``.
        rejects: records that could not be parsed: ``_batch``, ``_line``, ``rules``, ``record``.
        unknown_columns: columns that the contract does not name.
    """

    batch: Batch
    written: pl.DataFrame
    rejects: pl.DataFrame
    unknown_columns: tuple[str, ...]

    @property
    def rows_in(self) -> int:
        """Records of the batch, one way or the other."""
        return self.written.height + self.rejects.height


@dataclass(frozen=True, slots=True)
class Sifted:
    """Several batches, taken apart.

    Attributes:
        accepted: rows that keep every rule of the contract; its columns, ``_batch``, ``_line``.
        written: all rows as they were written, for those found to break a rule later.
        rejected: ``_batch``, ``_line``, ``rules`` and the text ``record`` of the others.
        refused: key and text ``record`` of those of the others that could be parsed; what cannot be
            read of a key is null.
        warned: ``_batch``, ``_line`` and ``rules`` of accepted rows that break rules which only
            warn.
        tallies: batch → what was counted of it, by dimension of quality; not of the key.
    """

    batches: Sequence[Unsifted]
    accepted: pl.DataFrame
    written: pl.DataFrame
    rejected: pl.DataFrame
    refused: pl.DataFrame
    warned: pl.DataFrame
    tallies: dict[str, dict[Dimension, Tally]]


def shape(source: Source, batch: Batch, records: Records) -> Unsifted:
    """Bring a batch's records into the shape of the contract.

    Raises:
        BatchRefused: it lacks a column, or has no record although the source says it must.
    """
    columns = source.contract.columns()
    _complete(source, batch, records, columns)
    if records.count == 0 and not source.may_be_empty:
        raise BatchRefused(
            "The batch has a header and not a single record.",
            where=batch.name,
            hint=f"if that is normal, declare source {source.name!r} with may_be_empty=True",
        )
    known = {column.reads for column in columns} | source.ignore
    there = {*records.header, LINE}
    named = pl.lit(batch.id).alias(BATCH)
    return Unsifted(
        batch=batch,
        written=records.rows.select(
            *(
                (
                    pl.col(column.reads) if column.reads in there else pl.lit(None, dtype=pl.String)
                ).alias(column.name)
                for column in columns
            ),
            named,
            LINE,
        ),
        rejects=records.rejects.select(
            named, LINE, pl.concat_list("rule").alias("rules"), pl.col("text").alias("record")
        ),
        unknown_columns=tuple(name for name in records.header if name not in known),
    )


def sift(source: Source, group: Sequence[Unsifted]) -> Sifted:
    """Take batches apart, all in one pass."""
    written = _together([unsifted.written for unsifted in group])
    typed, judged = _judge(source, written)
    warnings = promises_of(source.contract).warnings
    verdict, warning = judged.without(warnings), judged.only(warnings)
    rejected, clean = verdict.rejected, not verdict.broken
    warned = warning.rejected & ~rejected
    bad = written.clear() if clean else written.filter(rejected)
    broken = as_records(bad).insert_column(2, verdict.rules_of(rejected))
    keys, places = typed.select(source.contract.key()), written.select(BATCH, LINE)
    keys = keys.clear() if clean else keys.filter(rejected)
    places = places.filter(warned) if warning.broken else places.clear()
    return Sifted(
        batches=group,
        accepted=typed if clean else typed.filter(~rejected),
        written=written,
        rejected=pl.concat([broken, *(unsifted.rejects for unsifted in group)]),
        refused=keys.with_columns(broken["record"]),
        warned=places.with_columns(warning.rules_of(warned)),
        tallies=_tallies(source, group, judged, written[BATCH]),
    )


def as_records(written: pl.DataFrame) -> pl.DataFrame:
    """Rows the way quarantine keeps them: ``_batch``, ``_line``, and texts as a JSON ``record``."""
    texts = [
        as_text(name, dtype) for name, dtype in written.schema.items() if name not in (LINE, BATCH)
    ]
    return written.select(BATCH, LINE, pl.struct(texts).struct.json_encode().alias("record"))


def _together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of several batches; what is of a type in one and text in another is text."""
    first, *others = (part.schema for part in parts)
    differ = {name for name, dtype in first.items() if any(each[name] != dtype for each in others)}
    if differ:
        parts = [
            part.with_columns(as_text(name, part.schema[name]) for name in differ) for part in parts
        ]
    return pl.concat(parts)


def _tallies(
    source: Source, group: Sequence[Unsifted], judged: Verdict, batches: pl.Series
) -> dict[str, dict[Dimension, Tally]]:
    rows = {unsifted.batch.id: unsifted.written.height for unsifted in group}
    found = tallied(source.contract, judged, batches, rows)
    for unsifted in group:
        # What could not be parsed is invalid, and nothing else can be said of it.
        if lost := unsifted.rejects.height:
            unparsed = {Dimension.VALIDITY: Tally(lost, lost)}
            found[unsifted.batch.id] = added([found[unsifted.batch.id], unparsed])
    return found


def _judge(source: Source, written: pl.DataFrame) -> tuple[pl.DataFrame, Verdict]:
    readings = {
        column.name: read(column, written[column.name]) for column in source.contract.columns()
    }
    typed = written.with_columns(reading.value for reading in readings.values())
    broken = {rule: mask for reading in readings.values() for rule, mask in reading.broken.items()}
    for rule, mask in judge(source.contract, typed.drop(BATCH, LINE)).broken.items():
        broken[rule] = _absent(rule, mask, readings)
    kept = {rule: mask for rule, mask in broken.items() if mask.any()}
    return typed, Verdict(kept, typed.height)


def _absent(rule: str, mask: pl.Series, readings: dict[str, Reading]) -> pl.Series:
    """A text that could not be read is not an absent value: it has a rule of its own."""
    column, _, check = rule.partition(":")
    return mask & ~readings[column].unreadable if check == "not_null" else mask


def _complete(source: Source, batch: Batch, records: Records, columns: tuple[Column, ...]) -> None:
    if not records.named and records.count == 0:
        return
    missing = [
        column.reads
        for column in columns
        if column.reads not in (*records.header, LINE)
        and column.since is None
        # Where each record names its own members, one that is absent from all has no value.
        and (records.named or not column.nullable)
    ]
    if not missing:
        return
    expected = {column.reads for column in columns}
    others = [name for name in records.header if name not in expected]
    if len(others) == len(records.header):
        # Not quoted: of a file without a header, what stands there are values of a row.
        raise BatchRefused(
            f"The batch lacks columns of the contract: {', '.join(missing)}.",
            where=batch.name,
            hint=f"none of its {len(others)} columns is one of the contract: is there a header?",
        )
    near = [
        f"{name!r} may be called {match[0]!r} now"
        for name in missing
        if (match := get_close_matches(name, others, n=1))
    ]
    raise BatchRefused(
        f"The batch lacks columns of the contract: {', '.join(missing)}.",
        where=batch.name,
        hint="; ".join(near)
        or f"it has: {', '.join(records.header)}. Correct the contract of source "
        f"{source.name!r}, or have the provider send it again",
    )
