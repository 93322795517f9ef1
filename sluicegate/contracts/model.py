"""A dbt model that has a contract: it is audited in the branch after it is built."""

from __future__ import annotations

from dataclasses import dataclass

from sluicegate.contracts.base import Contract


@dataclass(frozen=True, slots=True)
class Model:
    """Bind a contract to a table that dbt builds.

    Attributes:
        table: ``schema.name`` of the table or view in the lake.
        contract: what every row of it promises.
        may_be_empty: whether no rows at all is an answer; otherwise it fails the audit.
    """

    table: str
    contract: type[Contract]
    may_be_empty: bool = False
