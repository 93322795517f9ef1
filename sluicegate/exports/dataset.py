"""A dataset as every export needs it: its rules as plain values, and what people are told of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sluicegate.catalogue import FOLDER, Catalogue
from sluicegate.contracts import Contract
from sluicegate.contracts.field import METADATA
from sluicegate.contracts.promise import Promises, promises_of
from sluicegate.ingestion.table import BATCH
from sluicegate.lake.names import parts
from sluicegate.quality.compiled import compiled
from sluicegate.quality.foreign_keys import orphans
from sluicegate.sources import LINE
from sluicegate.versions import Rules, described

_TYPES = {
    "str": "varchar",
    "int": "bigint",
    "Date": "date",
    "UtcTimestamp": "timestamp with time zone",
    "Int8": "tinyint",
    "Int16": "smallint",
    "Int32": "integer",
    "Int64": "bigint",
    "UInt8": "utinyint",
    "UInt16": "usmallint",
    "UInt32": "uinteger",
    "UInt64": "ubigint",
    "Float32": "float",
    "Float64": "double",
}
_DECIMAL = re.compile(r"Decimal\((\d+),(\d+)\)")

OURS: Mapping[str, tuple[str, str]] = {
    BATCH: ("varchar", "The batch that brought the row."),
    LINE: ("bigint", "Position of the row in its batch."),
}
"""Columns that ingestion adds to every source's table: type and description."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table that has a contract.

    Attributes:
        rules: what is promised of it.
        about: what one row is, as the contract's docstring says it; may be empty.
        columns: what columns are, by name; those that nobody described are absent.
        row_rules: what rules over several columns mean, by name; as far as their docstrings say it.
        sql: SQL that is true of the rows that break a rule, by its name; those that SQL can tell.
        ibans: columns whose check is that of account numbers.
        promises: dimension and severity of every rule that a row can break.
        file: where the contract is declared, in the project.
        borrowed: columns that others than the contract describe.
    """

    rules: Rules
    about: str
    columns: Mapping[str, str]
    row_rules: Mapping[str, str]
    sql: Mapping[str, str]
    ibans: frozenset[str]
    promises: Promises
    file: str
    borrowed: frozenset[str] = frozenset()

    @property
    def table(self) -> str:
        """``schema.name``."""
        return self.rules.table

    @property
    def schema(self) -> str:
        """The schema of the table."""
        return parts(self.table)[0]

    @property
    def name(self) -> str:
        """The table without its schema."""
        return parts(self.table)[1]

    @property
    def unique(self) -> bool:
        """Whether no two rows have one key."""
        return self.rules.model is None or self.rules.model.unique

    @property
    def may_be_empty(self) -> bool:
        """Whether no rows at all is an answer."""
        bound = self.rules.source or self.rules.model
        return bound is not None and bound.may_be_empty

    def described_by(self, descriptions: Mapping[str, str]) -> Dataset:
        """The same, with descriptions for the columns that the contract does not describe."""
        named = {column.name for column in self.rules.columns} - self.columns.keys()
        others = {name: text for name, text in descriptions.items() if name in named}
        return replace(self, columns={**others, **self.columns}, borrowed=frozenset(others))


def datasets_of(catalogue: Catalogue) -> tuple[Dataset, ...]:
    """Every dataset of a project that has a contract, by table.

    Raises:
        ContractError: a contract cannot mean what it says.
    """
    contracts = {
        **{f"raw.{name}": source.contract for name, source in catalogue.sources.items()},
        **{table: model.contract for table, model in catalogue.models.items()},
    }
    return tuple(
        dataset_of(rules, contracts[table]) for table, rules in described(catalogue).items()
    )


def dataset_of(rules: Rules, contract: type[Contract]) -> Dataset:
    """One dataset, of the contract and what was written down of it."""
    columns = contract.to_schema().columns
    told = {name: _text(column.description) for name, column in columns.items()}
    documents = {name: _text(getattr(contract, name).__doc__) for name in contract.row_rules()}
    return Dataset(
        rules=rules,
        # Its own: what the base says of contracts in general says nothing of this one.
        about=_text(contract.__dict__.get("__doc__")),
        columns={name: text for name, text in told.items() if text},
        row_rules={name: text for name, text in documents.items() if text},
        sql={
            **compiled(contract),
            **(orphans(contract, catalog="") if rules.source is None else {}),
        },
        ibans=frozenset(name for name, each in columns.items() if each.metadata[METADATA].iban),
        promises=promises_of(contract),
        file=f"{FOLDER}/{Path(inspect.getfile(contract)).name}",
    )


def duckdb_type(kind: str) -> str:
    """The type of a column as DuckDB and dbt call it.

    Args:
        kind: as :class:`~sluicegate.versions.rules.ColumnRules` has it.
    """
    if decimal := _DECIMAL.fullmatch(kind):
        return f"decimal({decimal[1]}, {decimal[2]})"
    return _TYPES.get(kind, kind.lower())


def scale_of(kind: str) -> int | None:
    """Decimals that a type keeps; None if it is no decimal."""
    decimal = _DECIMAL.fullmatch(kind)
    return int(decimal[2]) if decimal else None


def is_number(kind: str) -> bool:
    """Whether values of a type are numbers."""
    return is_whole(kind) or kind.startswith(("Decimal(", "Float"))


def is_whole(kind: str) -> bool:
    """Whether values of a type are whole numbers."""
    return kind == "int" or re.fullmatch(r"U?Int\d+", kind) is not None


def _text(document: str | None) -> str:
    return inspect.cleandoc(document or "").strip()
