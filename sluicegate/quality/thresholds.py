"""Thresholds: how much of a dimension an environment asks for, as checks of an audit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from sluicegate.contracts import Dimension
from sluicegate.quality.check import Check, Outcome
from sluicegate.quality.measure import Measure, shown

Thresholds = Mapping[str, Mapping[Dimension, Decimal]]
"""Dataset → dimension → the share that must be right."""

_SOURCES = {
    Dimension.COMPLETENESS: "none of its columns must have a value",
    Dimension.UNIQUENESS: "nothing is said of its keys",
    Dimension.TIMELINESS: "declare fresh= beside its contract, or a rule of this dimension",
    Dimension.ACCURACY: "declare reference= beside its contract",
}


def audit_thresholds(
    thresholds: Thresholds, measures: Sequence[Measure], touched: Collection[str]
) -> tuple[list[Check], list[str]]:
    """Hold measures against thresholds.

    Args:
        touched: datasets of which the run looked at a row.

    Returns:
        One check a threshold, and names of the thresholds that the run can say nothing of, because
        it looked at nothing of their dataset.
    """
    known = {(each.dataset, each.dimension): each for each in measures}
    checks, unjudged = [], []
    for dataset, asked in thresholds.items():
        for dimension, threshold in asked.items():
            measure = known.get((dataset, dimension))
            if measure is not None:
                checks.append(_check(measure, threshold))
            elif dataset in touched:
                why = _SOURCES.get(dimension, "its contract has no rule of this dimension")
                message = f"it looked at nothing: {why}"
                checks.append(_named(dataset, dimension, Outcome.ERROR, 0, message=message))
            else:
                unjudged.append(f"{dataset} {dimension.value}")
    return checks, unjudged


def _check(measure: Measure, threshold: Decimal) -> Check:
    tally, value = measure.tally, measure.value
    if value is not None and value >= Fraction(threshold):
        return _named(measure.dataset, measure.dimension, Outcome.PASS, tally.looked_at)
    worst = f"; worst: {measure.worst}" if measure.worst else ""
    return _named(
        measure.dataset,
        measure.dimension,
        Outcome.FAIL,
        tally.looked_at,
        tally.failed,
        f"{shown(value)} of {tally.looked_at:,}, asked for is {_percent(threshold)}{worst}",
    )


def _named(
    dataset: str,
    dimension: Dimension,
    outcome: Outcome,
    looked_at: int,
    failures: int = 0,
    message: str = "",
) -> Check:
    return Check(f"quality:{dimension.value}", dataset, outcome, looked_at, failures, message)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"
