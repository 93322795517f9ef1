"""A dbt model that has a contract: it is audited in the branch after it is built."""

from __future__ import annotations

from dataclasses import dataclass

from sluicegate.contracts.agreement import Agrees
from sluicegate.contracts.base import Contract
from sluicegate.contracts.reference import Reference
from sluicegate.errors import ContractError


@dataclass(frozen=True, slots=True)
class Model:
    """Bind a contract to a table that dbt builds.

    Attributes:
        table: ``schema.name`` of the table or view in the lake.
        contract: what every row of it promises.
        may_be_empty: whether no rows at all is an answer; otherwise it fails the audit.
        unique: whether no two rows have one key; a history may hold the versions of one.
        agrees: totals that it has in common with other tables.
        reference: what says whether its rows are accurate; None: nobody can tell.

    Raises:
        ContractError: the contract has no key, so that no row could be told from another.
    """

    table: str
    contract: type[Contract]
    may_be_empty: bool = False
    unique: bool = True
    agrees: tuple[Agrees, ...] = ()
    reference: Reference | None = None

    def __post_init__(self) -> None:
        if not self.contract.key():
            raise ContractError(
                f"The contract of model {self.table!r} has no key.",
                where=self.contract.place(),
                hint="declare the columns that identify a row with key()",
            )
