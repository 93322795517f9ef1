"""What validation counts of a batch, by dimension of quality, in the pass that judges its rows.

Completeness counts values: a row has as many as there are columns that must have one, and rules of
that dimension. Every other dimension counts rows: one that breaks three rules of it fails once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from sluicegate.contracts import Contract, Dimension, Verdict, promises_of


@dataclass(frozen=True, slots=True)
class Tally:
    """What was looked at, and how much of it failed: exact numbers, which can be added up."""

    looked_at: int
    failed: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.looked_at + other.looked_at, self.failed + other.failed)

    def to_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"looked_at": self.looked_at, "failed": self.failed}


Tallies = Mapping[Dimension, Tally]
"""By dimension; one that nothing was looked at for is not there."""


def added(tallies: Iterable[Tallies]) -> dict[Dimension, Tally]:
    """Several batches taken together."""
    found: dict[Dimension, Tally] = {}
    for each in tallies:
        for dimension, tally in each.items():
            found[dimension] = found.get(dimension, Tally(0, 0)) + tally
    return found


def told(tallies: Tallies) -> dict[str, Any]:
    """For JSON."""
    return {dimension.value: tally.to_dict() for dimension, tally in sorted(tallies.items())}


def tallied(
    contract: type[Contract], judged: Verdict, batches: pl.Series, rows: Mapping[str, int]
) -> dict[str, dict[Dimension, Tally]]:
    """Count what was judged, by batch and dimension; of the key, nothing is known yet.

    Args:
        judged: every rule that some row breaks, those of reading too.
        batches: the batch of each row.
        rows: batch → how many of the rows are its.
    """
    promises, broken = promises_of(contract), _broken(contract, judged)
    failed = _failed(broken, batches, rows)
    # Any text may be unreadable: validity is looked at, whatever the contract says.
    a_row = {each: len(promises.of(each)) for each in Dimension} | {Dimension.VALIDITY: 1}
    return {
        batch: {
            dimension: Tally(
                count * (rules if dimension is Dimension.COMPLETENESS else 1),
                failed[batch].get(dimension.value, 0),
            )
            for dimension, rules in a_row.items()
            if rules and count and dimension is not Dimension.UNIQUENESS
        }
        for batch, count in rows.items()
    }


def _failed(
    broken: Mapping[Dimension, pl.Series], batches: pl.Series, rows: Mapping[str, int]
) -> Mapping[str, Mapping[str, int]]:
    """What failed, by batch and dimension; most parts are of one batch, and nothing fails in it."""
    if not broken:
        return {batch: {} for batch in rows}
    if len(rows) == 1:
        sums = {dimension.value: int(mask.sum()) for dimension, mask in broken.items()}
        return dict.fromkeys(rows, sums)
    counted = pl.DataFrame([batches.alias("batch"), *broken.values()]).group_by("batch").sum()
    return {row["batch"]: row for row in counted.iter_rows(named=True)}


def _broken(contract: type[Contract], judged: Verdict) -> dict[Dimension, pl.Series]:
    """By dimension: how many values of each row are missing, or whether it breaks a rule."""
    promises = promises_of(contract)
    masks: dict[Dimension, list[pl.Series]] = {}
    for rule, mask in judged.broken.items():
        masks.setdefault(promises[rule].dimension, []).append(mask)
    found = {}
    for dimension, broken in masks.items():
        count = pl.sum_horizontal if dimension is Dimension.COMPLETENESS else pl.any_horizontal
        names = [str(number) for number in range(len(broken))]
        found[dimension] = pl.DataFrame(broken, names).select(
            count(pl.all()).alias(dimension.value)
        )[dimension.value]
    return found
