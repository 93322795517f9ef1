"""References: trusted tables that rows are held against, to know whether they are accurate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluicegate.contracts.base import Contract
from sluicegate.errors import ContractError, meant


@dataclass(frozen=True, slots=True)
class Reference:
    """A table of the lake that says how things are.

    Without ``agree``, every row that has values in the columns of ``on`` is looked at, and is
    accurate if the reference has a row with the same. With it, the rows are looked at that the
    reference has such a row for; they are accurate if one of its rows has the values of ``agree``.

    Attributes:
        table: ``schema.name`` of it.
        on: own column → column of the reference.
        agree: the same, for what has to be equal.
    """

    table: str
    on: Mapping[str, str]
    agree: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        pairs = (f"{mine} = {theirs}" for mine, theirs in [*self.on.items(), *self.agree.items()])
        return f"{self.table}, {', '.join(pairs)}{'' if self.agree else ' is there'}"


def require_reference(
    reference: Reference, contract: type[Contract], known: Mapping[str, type[Contract]]
) -> None:
    """Be sure that a reference can be asked.

    Args:
        known: table → its contract.

    Raises:
        ContractError: there is no such table or column, or two of different types are compared.
    """
    where = contract.place()
    if not reference.on:
        raise ContractError(
            "A reference has no columns to find its rows by.",
            where=where,
            hint='write reference=Reference("raw.codes", on={"code": "code"})',
        )
    if reference.table not in known:
        raise _unknown("table", reference.table, list(known), where)
    mine, theirs = (
        {column.name: column.dtype for column in each.columns()}
        for each in (contract, known[reference.table])
    )
    for own, other in [*reference.on.items(), *reference.agree.items()]:
        for name, columns in ((own, mine), (other, theirs)):
            if name not in columns:
                raise _unknown("column", name, list(columns), where)
        if mine[own] != theirs[other]:
            raise ContractError(
                f"The reference compares {own!r}, {mine[own]}, with {other!r}, {theirs[other]}.",
                where=where,
                hint="compare columns of one type",
            )


def _unknown(kind: str, name: str, known: list[str], where: str) -> ContractError:
    return ContractError(
        f"The reference names the {kind} {name!r}, which no contract describes.",
        where=where,
        hint=meant(name, known),
    )
