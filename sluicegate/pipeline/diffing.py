"""The difference between two refs, by the keys and personal columns of the contracts."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.contracts import PII, Contract
from sluicegate.ingestion.accounts import (
    BATCHES,
    DRIFT,
    LEFT_OUT,
    MASKED,
    QUARANTINE,
    REJECTIONS,
    REPLAYED,
    REPLAYS,
    RUNS,
    VANISHED,
)
from sluicegate.ingestion.table import BATCH, raw_table
from sluicegate.lake.diff import SAMPLE, Diff, diff
from sluicegate.sources import LINE

if TYPE_CHECKING:
    from pathlib import Path

    from sluicegate.lake import Lake

_ACCOUNTS = {
    str(BATCHES): ("run", "source", "batch"),
    str(REJECTIONS): ("run", "source", "batch", "rule"),
    str(LEFT_OUT): ("run", "source", "batch", "what"),
    str(REPLAYS): ("run", "source", "batch"),
    str(REPLAYED): ("run", "source", "batch", "line"),
    str(DRIFT): ("run", "source", "batch", "change", "field"),
    str(VANISHED): ("source", "batch"),
    str(RUNS): ("run",),
    str(MASKED): ("name",),
}
"""Tables of our own, and what identifies a row of them; a rejected record has no identity."""

_PERSONAL = {
    **dict.fromkeys(_ACCOUNTS, frozenset[str]()),
    # Columns that nobody expected may be called after a person: a file without a header.
    str(BATCHES): frozenset({"unknown_columns"}),
    str(DRIFT): frozenset({"field", "before", "after"}),
    str(QUARANTINE): frozenset({"record"}),
}


def diff_by_contract(
    lake: Lake,
    before: str,
    after: str,
    *,
    project: Path,
    tables: Collection[str] = (),
    sample: int = SAMPLE,
) -> Diff:
    """Compare two names of the lake; rows are matched and masked as the project's contracts say.

    Args:
        before: a ref, a generation or ``refused/<run>``.
        after: another one.
        project: where the contracts are.
        tables: tables and views to look at; by default all.
        sample: rows to show of every kind, a table.

    Raises:
        ContractError: the contracts cannot be loaded.
        UnknownName: there is no such name, or neither side has a table or view of that name.
        EnvironmentFailed: a catalog or a table cannot be read.
    """
    catalogue = load_catalogue(project)
    return diff(
        lake,
        before,
        after,
        keys=keys(catalogue),
        personal=personal(catalogue),
        tables=tables,
        sample=sample,
    )


def keys(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """What identifies a row, by table; the tables of no contract have no key."""
    declared = {table: contract.key() for table, contract in _contracts(catalogue).items()}
    return {**declared, **_ACCOUNTS}


def personal(catalogue: Catalogue) -> dict[str, Container[str]]:
    """The columns that may hold something about a person, by table.

    Of a table with a contract that is every column that the contract does not declare as harmless:
    also one that it does not know, or does not know any more. The tables of no contract are left
    out, which means all of their columns.
    """
    found: dict[str, Container[str]] = {**_PERSONAL}
    for table, contract in _contracts(catalogue).items():
        declared = frozenset(column.name for column in contract.columns())
        found[table] = _AllBut(declared - personal_columns(contract) | {BATCH, LINE})
    return found


def personal_columns(contract: type[Contract]) -> frozenset[str]:
    """The columns of a contract whose values are not shown."""
    return frozenset(column.name for column in contract.columns() if column.pii is not PII.NONE)


def _contracts(catalogue: Catalogue) -> dict[str, type[Contract]]:
    sources = {str(raw_table(source)): source.contract for source in catalogue.sources.values()}
    return {**sources, **{model.table: model.contract for model in catalogue.models.values()}}


@dataclass(frozen=True, slots=True)
class _AllBut:
    """Every column but these."""

    names: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name not in self.names
