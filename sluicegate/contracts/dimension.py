"""What a rule of a contract is about, and what follows when a row breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sluicegate.contracts.arguments import one_of
from sluicegate.errors import ContractError


class Dimension(StrEnum):
    """A dimension of data quality, as DAMA UK names six; docs/quality.md tells how each is counted.

    Two of them are of no single row, so no rule can be of them: see :func:`of_rule`.
    """

    COMPLETENESS = "completeness"
    """What is expected is there."""
    UNIQUENESS = "uniqueness"
    """Nothing is there twice: what the key says."""
    VALIDITY = "validity"
    """Values have the form and the range that their definition gives them."""
    CONSISTENCY = "consistency"
    """Values do not contradict each other."""
    TIMELINESS = "timeliness"
    """Values are there when they are needed."""
    ACCURACY = "accuracy"
    """Values are those of the world: what a reference says."""


class Severity(StrEnum):
    """What follows when a row breaks a rule.

    ``Contract.validate`` of pandera knows nothing of it: there, every rule counts.
    """

    REJECT = "reject"
    """The row goes to quarantine; an audit of a table that has such a row fails."""
    WARN = "warn"
    """The row is published, and counted by rule; an audit says so, and stops nothing."""


@dataclass(frozen=True, slots=True)
class RuleMeta:
    """What is declared of a rule over columns.

    Attributes:
        dimension: None: the one that its kind of rule has.
    """

    dimension: Dimension | None = None
    severity: Severity = Severity.REJECT


USUAL = RuleMeta()
"""What is meant where nothing is declared."""
_ELSEWHERE = {
    Dimension.UNIQUENESS: "the columns that nothing may have twice are declared with key()",
    Dimension.ACCURACY: "a trusted table is declared with reference=, beside the contract",
}


def of_rule(dimension: Dimension | None, severity: Severity) -> RuleMeta:
    """What a rule is declared with.

    Raises:
        ContractError: it is of a dimension that no rule over a row can tell anything of.
    """
    meta = RuleMeta(
        None if dimension is None else one_of(Dimension, "dimension", dimension),
        one_of(Severity, "severity", severity),
    )
    if meta.dimension in _ELSEWHERE:
        raise ContractError(
            f"No rule over one row can tell its {meta.dimension}.",
            hint=_ELSEWHERE[meta.dimension],
        )
    return meta


def of_checks(
    dimension: Dimension | None, severity: Severity, *, checks: bool, nullable: bool
) -> RuleMeta:
    """What the checks of a column are declared with.

    Args:
        checks: whether it has any.

    Raises:
        ContractError: it has none, so that this would be said of nothing.
    """
    meta = of_rule(dimension, severity)
    if checks or meta == USUAL:
        return meta
    if meta.severity is Severity.WARN and not nullable:
        raise ContractError(
            "That a value is absent cannot only warn: the column of the lake is NOT NULL.",
            hint="let absent values in with nullable=True, or give the column a check that warns, "
            "such as gt=, isin= or matches=",
        )
    raise ContractError(
        "Severity and dimension are those of a column's checks, and this column has none.",
        hint="give it a check, such as gt=, isin= or matches=, or leave them out",
    )
