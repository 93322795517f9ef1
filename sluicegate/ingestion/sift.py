"""Sifting batches: which of their records are rows of the contract, and which rules others break.

Nothing here touches the lake. A record is read (text → typed values), then judged (pandera); what
is wrong with it is remembered by rule, all rules at once. Small batches are sifted together, since
most of what validation costs is not a matter of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from sluicegate.contracts import Dimension, Reading, Verdict, judge, promises_of, read
from sluicegate.contracts.texts import as_text, sent
from sluicegate.errors import BatchRefused
from sluicegate.ingestion.drift import (
    RULE,
    Drifted,
    Observed,
    observe,
    read_as,
    refusal,
    require_columns,
)
from sluicegate.ingestion.table import BATCH
from sluicegate.ingestion.tally import Tally, added, tallied
from sluicegate.sources import LINE, ROWS_AT_ONCE, Batch, Drift, Records, Source


@dataclass(frozen=True, slots=True)
class Unsifted:
    """One batch, or a part of one, that has the shape its contract asks for.

    Attributes:
        written: what was written, a column a contract column (null where the batch lacks an
            optional one): texts, or values of its type; ``_batch`` and ``_line``.
        rejects: records that could not be parsed: ``_batch``, ``_line``, ``rules``, ``record``.
        unknown_columns: columns that the contract does not name.
        observed: how its columns differ from those of the contract.
        set_aside: whether all its records go to quarantine, because it has drifted.
        share: of the batch's bytes that it stands for, about.
        left_out: what lines are that are no records → how many there are of them.
    """

    batch: Batch
    written: pl.DataFrame
    rejects: pl.DataFrame
    unknown_columns: tuple[str, ...]
    observed: Observed = field(default_factory=Observed)
    set_aside: bool = False
    share: float = 1.0
    left_out: Mapping[str, int] = field(default_factory=dict)

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
        observed: batch → how its columns differ from those of the contract.
    """

    batches: Sequence[Unsifted]
    accepted: pl.DataFrame
    written: pl.DataFrame
    rejected: pl.DataFrame
    refused: pl.DataFrame
    warned: pl.DataFrame
    tallies: dict[str, dict[Dimension, Tally]]
    observed: dict[str, Observed]


def minds_drift(source: Source) -> bool:
    """Whether a source has the whole of a batch looked at before the first part of it counts."""
    return source.drift in (Drift.REFUSE, Drift.QUARANTINE)


def shaped(
    source: Source, batch: Batch, looked: Callable[[Batch, float], object] = lambda *_: None
) -> Iterator[Unsifted]:
    """A batch, read part by part and in the shape of the contract.

    Args:
        looked: is told each share of it that was looked at, if its source minds drift.

    Raises:
        BatchRefused: it cannot be read as a whole, lacks a column, or has drifted and its source
            refuses that; parts of it may have been read by then.
    """
    drift = _drift(source, batch, looked) if minds_drift(source) else ()
    if drift and source.drift is Drift.REFUSE:
        raise refusal(batch, drift)
    begun = False
    for records in source.read(batch, ROWS_AT_ONCE):
        yield replace(shape(source, batch, records, more=begun), set_aside=bool(drift))
        begun = True


def _drift(
    source: Source, batch: Batch, looked: Callable[[Batch, float], object]
) -> tuple[Drifted, ...]:
    seen = Observed()
    for records in source.read(batch, ROWS_AT_ONCE):
        written = _written(source, records)
        readings = _readings(source, written)
        seen += read_as(readings, source.contract.columns(), observe(source, records))
        looked(batch, records.share)
        if seen.found and source.drift is Drift.QUARANTINE:
            break
    return seen.drift(source)


def shape(source: Source, batch: Batch, records: Records, *, more: bool = False) -> Unsifted:
    """Bring a batch's records into the shape of the contract.

    Args:
        more: whether they are a further part of the batch, which may have none.

    Raises:
        BatchRefused: it lacks a column, or has no record although the source says it must.
    """
    observed = observe(source, records)
    require_columns(source, batch, records, observed)
    if records.count == 0 and not (more or source.may_be_empty):
        raise BatchRefused(
            "The batch has a header and not a single record.",
            where=batch.name,
            hint=f"if that is normal, declare source {source.name!r} with may_be_empty=True",
        )
    named = pl.lit(batch.id).alias(BATCH)
    return Unsifted(
        batch=batch,
        written=_written(source, records).select(pl.all().exclude(LINE), named, LINE),
        rejects=records.rejects.select(
            named, LINE, pl.concat_list("rule").alias("rules"), pl.col("text").alias("record")
        ),
        unknown_columns=tuple(each.unknown for each in observed.found if each.unknown),
        observed=observed,
        share=records.share,
        left_out=records.left_out,
    )


def _written(source: Source, records: Records) -> pl.DataFrame:
    """The columns of the contract as they were written, and ``_line``."""
    there = {*records.header, LINE}
    columns = (
        (sent(column.reads) if column.reads in there else pl.lit(None, dtype=pl.String)).alias(
            column.name
        )
        for column in source.contract.columns()
    )
    return records.rows.select(*columns, LINE)


def sift(source: Source, group: Sequence[Unsifted]) -> Sifted:
    """Take batches apart, all in one pass."""
    written = _together([unsifted.written for unsifted in group])
    readings = _readings(source, written)
    typed, found = _judge(source, written, readings)
    judged = _set_aside(group, written[BATCH], found)
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
        rejected=pl.concat([broken, *map(_rejects, group)]),
        refused=keys.with_columns(broken["record"]),
        warned=places.with_columns(warning.rules_of(warned)),
        tallies=_tallies(source, group, found, written[BATCH]),
        observed=_observed(source, group, readings, written[BATCH]),
    )


def _set_aside(group: Sequence[Unsifted], batches: pl.Series, judged: Verdict) -> Verdict:
    """The same, where every row of a batch that is set aside breaks one rule, and no other."""
    aside = [unsifted.batch.id for unsifted in group if unsifted.set_aside]
    if not aside:
        return judged
    drifted = batches.is_in(aside)
    others = {rule: mask & ~drifted for rule, mask in judged.broken.items()}
    return Verdict({RULE: drifted, **others}, judged.height)


def _rejects(unsifted: Unsifted) -> pl.DataFrame:
    if not unsifted.set_aside:
        return unsifted.rejects
    return unsifted.rejects.with_columns(pl.col("rules").list.concat(pl.lit([RULE])))


def _observed(
    source: Source, group: Sequence[Unsifted], readings: dict[str, Reading], batches: pl.Series
) -> dict[str, Observed]:
    columns = source.contract.columns()
    if len(group) == 1:
        (unsifted,) = group
        return {unsifted.batch.id: read_as(readings, columns, unsifted.observed)}
    seen = {unsifted.batch.id: unsifted.observed for unsifted in group}
    # Only a column that is broken somewhere may be broken throughout.
    doubtful = [column for column in columns if readings[column.name].broken]
    for batch in seen if doubtful else ():
        mine = batches == batch
        theirs = {
            column.name: Reading(
                readings[column.name].value.filter(mine),
                {rule: m for rule, m in readings[column.name].broken.items() if (m & mine).any()},
            )
            for column in doubtful
        }
        seen[batch] = read_as(theirs, doubtful, seen[batch])
    return seen


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


def _readings(source: Source, written: pl.DataFrame) -> dict[str, Reading]:
    return {column.name: read(column, written[column.name]) for column in source.contract.columns()}


def _judge(
    source: Source, written: pl.DataFrame, readings: dict[str, Reading]
) -> tuple[pl.DataFrame, Verdict]:
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
