"""Agreements: totals that a model and another table must have in common, to the last digit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluicegate.errors import ContractError, meant

if TYPE_CHECKING:
    from sluicegate.contracts.base import Column, Contract


@dataclass(frozen=True, slots=True)
class Agrees:
    """A model's total is that of another table, in every group of rows.

    Attributes:
        of: the other table, as ``schema.name``; one that has a contract.
        total: column that is added up; None: rows are counted.
        theirs: what it is called there, where it differs.
        by: columns that make the groups, called the same in both; none: everything is one group.
    """

    of: str
    total: str | None = None
    theirs: str | None = None
    by: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """What breaks, if the two differ."""
        return f"agrees:{self.of}:{self.total or 'rows'}"

    def __str__(self) -> str:
        ours = f"sum({self.total})" if self.total else "count(*)"
        theirs = f"sum({self.theirs or self.total})" if self.total else "count(*)"
        by = f" by {', '.join(self.by)}" if self.by else ""
        return f"{ours} = {theirs} of {self.of}{by}"


def require_agreements(
    model: str,
    contract: type[Contract],
    agrees: Iterable[Agrees],
    known: Mapping[str, type[Contract]],
) -> None:
    """Be sure that what is to agree is there and can be compared.

    Args:
        known: contracts by table.

    Raises:
        ContractError: a table or a column is not there, groups are of two types, or a total is no
            number that can be added up exactly.
    """
    names: set[str] = set()
    for each in agrees:
        if each.rule in names:
            raise ContractError(f"The model {model!r} says {each.rule} twice.")
        names.add(each.rule)
        if each.of not in known or each.of == model:
            raise ContractError(
                f"The model {model!r} is to agree with {each.of!r}, which is no other table that "
                "has a contract.",
                where=contract.place(),
                hint=meant(each.of, set(known) - {model}),
            )
        ours, theirs = _columns(contract), _columns(known[each.of])
        for name in each.by:
            mine, other = _there(name, ours, contract), _there(name, theirs, known[each.of])
            if mine.dtype != other.dtype:
                raise ContractError(
                    f"{model!r} and {each.of!r} are to agree by {name!r}, which is {mine.dtype} "
                    f"here and {other.dtype} there.",
                    where=contract.place(),
                    hint="give both one type",
                )
            _require_one_class(mine, other, model, each)
        if each.total is not None:
            there = known[each.of]
            mine = _there(each.total, ours, contract)
            other = _there(each.theirs or each.total, theirs, there)
            _require_exact(mine, contract)
            _require_exact(other, there)
            _require_one_class(mine, other, model, each)


def _columns(contract: type[Contract]) -> dict[str, Column]:
    return {column.name: column for column in contract.columns()}


def _there(name: str, columns: Mapping[str, Column], contract: type[Contract]) -> Column:
    if name not in columns:
        raise ContractError(
            f"Totals are to agree over the column {name!r}, which the contract does not have.",
            where=contract.place(),
            hint=meant(name, columns),
        )
    return columns[name]


def _require_exact(column: Column, contract: type[Contract]) -> None:
    if not (column.dtype.is_integer() or column.dtype.is_decimal()):
        raise ContractError(
            f"The column {column.name!r} is {column.dtype}: its sum is not exact, and two of them "
            "need not be equal.",
            where=contract.place(),
            hint="use int, Money or Rate, or count rows: Agrees(of=...) without total=",
        )


def _require_one_class(mine: Column, other: Column, model: str, agrees: Agrees) -> None:
    """A difference is told with its values, unless they are personal: both must say so."""
    if mine.pii is not other.pii:
        raise ContractError(
            f"The column {mine.name!r} of {model!r} is {mine.pii.name} of personal data, and "
            f"{other.name!r} of {agrees.of!r}, with which it is to agree, {other.pii.name}.",
            hint="give both one pii=",
        )
