"""References: columns whose values must stand in a column of another dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluicegate.errors import ContractError, meant

if TYPE_CHECKING:
    from sluicegate.contracts.base import Column, Contract

_FORM = re.compile(r"(?P<dataset>[a-z]\w*(?:\.[a-z]\w*)?)\.(?P<column>[a-z]\w*)\Z", re.ASCII)

RULE = "references"
"""What a row breaks, after its column's name, if what it names is not there."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """What the values of a column stand for.

    Attributes:
        dataset: a source by its name, or a table that dbt builds as ``schema.name``.
        column: its column.
    """

    dataset: str
    column: str

    @classmethod
    def of(cls, text: str) -> ForeignKey:
        """The reference that a contract writes as ``merchants.merchant_id``.

        Raises:
            ContractError: it is not of that form.
        """
        match = _FORM.match(text)
        if match is None:
            raise ContractError(
                f"references={text!r} names no column of a dataset.",
                hint="write references='merchants.merchant_id' for a source, "
                "references='marts.merchants.merchant_id' for a model",
            )
        return cls(match["dataset"], match["column"])

    def __str__(self) -> str:
        return f"{self.dataset}.{self.column}"


def in_order(
    sources: Mapping[str, type[Contract]], models: Mapping[str, type[Contract]]
) -> list[str]:
    """The sources, each after those that it refers to.

    Raises:
        ContractError: a reference names what is not there or is of another type, a source refers
            to a model, or sources refer to each other in a circle.
    """
    known = {**sources, **models}
    waits: dict[str, set[str]] = {name: set() for name in sources}
    for name, contract in known.items():
        for column in contract.columns():
            if column.references is None:
                continue
            _require_there(contract, column, column.references, known)
            if name in sources:
                _require_source(contract, column, name, sources)
                waits[name].add(column.references.dataset)
    return _sorted(sources, waits)


def _require_there(
    contract: type[Contract],
    column: Column,
    reference: ForeignKey,
    known: Mapping[str, type[Contract]],
) -> None:
    if reference.dataset not in known:
        raise ContractError(
            f"The column {column.name!r} refers to {reference}, and there is no dataset "
            f"{reference.dataset!r} that has a contract.",
            where=contract.place(),
            hint=meant(reference.dataset, known),
        )
    theirs = {each.name: each for each in known[reference.dataset].columns()}
    if reference.column not in theirs:
        raise ContractError(
            f"The column {column.name!r} refers to {reference}, and {reference.dataset!r} has no "
            f"column {reference.column!r}.",
            where=contract.place(),
            hint=meant(reference.column, theirs),
        )
    other = theirs[reference.column]
    if other.dtype != column.dtype:
        raise ContractError(
            f"The column {column.name!r} is {column.dtype}, and {reference}, to which it refers, "
            f"is {other.dtype}: they can never be equal.",
            where=contract.place(),
            hint="give both one type",
        )
    _require_one_mask(contract, column, reference, other)


def _require_one_mask(
    contract: type[Contract], column: Column, reference: ForeignKey, other: Column
) -> None:
    """In a masked branch the two must still be equal."""
    masks = [each.personal.replacement if each.personal else None for each in (column, other)]
    if masks[0] != masks[1]:
        raise ContractError(
            f"The column {column.name!r} refers to {reference}, and a masked branch would replace "
            "the two in different ways.",
            where=contract.place(),
            hint="give both one pii=, mask= and domain=",
        )


def _require_source(
    contract: type[Contract], column: Column, name: str, sources: Iterable[str]
) -> None:
    assert column.references is not None
    if column.references.dataset == name:
        raise ContractError(
            f"The column {column.name!r} refers to its own source: a row would have to wait for "
            "another one of its batch.",
            where=contract.place(),
            hint="make it a reference of the model that dbt builds from it",
        )
    if column.references.dataset not in sources:
        raise ContractError(
            f"The column {column.name!r} of a source refers to the model "
            f"{column.references.dataset}, which is built when all sources are in.",
            where=contract.place(),
            hint="refer to a source, or make it a reference of a model",
        )


def _sorted(sources: Mapping[str, type[Contract]], waits: Mapping[str, set[str]]) -> list[str]:
    """As they were declared, but for those that wait for others."""
    order: list[str] = []
    while len(order) < len(sources):
        ready = next((n for n in sources if n not in order and waits[n] <= {*order}), None)
        if ready is None:
            circle = [name for name in sources if name not in order]
            raise ContractError(
                f"The sources {', '.join(circle)} refer to each other in a circle: none of them "
                "can be taken in first.",
                where=sources[circle[0]].place(),
                hint="make one of these a reference of a model",
            )
        order.append(ready)
    return order
