"""The contract of one dataset: a pandera polars model plus what only the contract can know."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaInitError

from sluicegate.contracts.answers import Holds
from sluicegate.contracts.bounds import require_bounds_that_count, require_data_that_count
from sluicegate.contracts.dimension import USUAL, Severity
from sluicegate.contracts.expressions import is_row_by_row, require_rule_that_counts
from sluicegate.contracts.field import METADATA, FieldMeta, is_rule, rule_meta
from sluicegate.contracts.foreign_keys import RULE, ForeignKey
from sluicegate.contracts.inheritance import require_promises_kept
from sluicegate.contracts.kinds import type_of
from sluicegate.contracts.members import require_members_that_count, require_nothing_replaced
from sluicegate.contracts.options import require_no_option
from sluicegate.contracts.personal import Personal, personal_of
from sluicegate.contracts.traps import require_checks_that_count
from sluicegate.contracts.types import PII
from sluicegate.errors import ContractError


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract."""

    name: str
    dtype: pl.DataType
    nullable: bool
    key: bool
    pii: PII
    reads: str
    """Its name at the source."""
    since: str | None
    """Day from which the source sends it; None: always."""
    personal: Personal | None = None
    """How a masked branch replaces its values; None if they say nothing of a person."""
    references: ForeignKey | None = None
    """Where its values must stand; None if they are nobody else's."""


class Contract(pa.DataFrameModel):
    """Base of all contracts. Subclasses declare columns with :func:`field` and :func:`key`.

    It is an ordinary pandera model: ``Payments.validate(frame, lazy=True)`` works as usual.
    """

    _schema: ClassVar[pa.DataFrameSchema | None] = None
    _columns: ClassVar[tuple[Column, ...] | None] = None

    class Config:
        """A frame has the contract's columns and no other."""

        strict = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Let nobody take the place of what follows."""
        super().__init_subclass__(**options)  # type: ignore[no-untyped-call]
        require_nothing_replaced(cls, Contract)

    @classmethod
    def to_schema(cls) -> pa.DataFrameSchema:
        """The pandera schema, with the checks and row rules that our fields carry.

        Raises:
            ContractError: a rule or a column of the contract cannot mean what it says.
        """
        if cls.__dict__.get("_schema") is None:
            cls._schema = cls._built()
        assert cls._schema is not None
        return cls._schema

    @classmethod
    def _built(cls) -> pa.DataFrameSchema:
        where = cls.place()
        require_no_option(cls)
        require_members_that_count(cls, Contract)
        try:
            schema = copy.deepcopy(super().to_schema())
            types = {name: type_of(column) for name, column in schema.columns.items()}
        except (SchemaInitError, TypeError, AttributeError) as error:
            raise ContractError(f"The contract is not valid: {error}", where=where) from error
        for name, column in schema.columns.items():
            meta = _meta(column, cls, name)
            column.checks = [*column.checks, *meta.checks]
            require_bounds_that_count(name, types[name], column.checks, meta.matches, where)
            require_data_that_count(name, types[name], meta.example, meta.breaks, where)
        rules = cls.row_rules()
        for name, expression in rules.items():
            require_rule_that_counts(name, expression, types, where)
        schema.checks = [_row_check(name, expression) for name, expression in rules.items()]
        doubtful = {name for name, expression in rules.items() if not is_row_by_row(expression)}
        require_checks_that_count(schema, where, doubtful=doubtful)
        for base in cls.__mro__[1:]:
            if issubclass(base, Contract) and base is not Contract:
                theirs = (base.to_schema(), _with_severity(base), base.__name__)
                require_promises_kept(schema, _with_severity(cls), theirs, where)
        return schema

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """The columns, in order."""
        if cls.__dict__.get("_columns") is None:
            found = []
            for name, column in cls.to_schema().columns.items():
                meta, dtype = _meta(column, cls, name), type_of(column)
                found.append(
                    Column(
                        name=name,
                        dtype=dtype,
                        nullable=column.nullable,
                        key=meta.key,
                        pii=meta.pii,
                        reads=meta.reads or name,
                        since=meta.since,
                        personal=personal_of(
                            name, dtype, meta, nullable=column.nullable, where=cls.place()
                        ),
                        references=meta.references,
                    )
                )
            cls._columns = tuple(found)
        assert cls._columns is not None
        return cls._columns

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """Names of the columns that together identify a row."""
        return tuple(column.name for column in cls.columns() if column.key)

    @classmethod
    def personal(cls) -> dict[str, Personal]:
        """The columns that tell something of a person: name → class, and what they are replaced by.

        Raises:
            ContractError: a column is declared with a mask that cannot be.
        """
        return {column.name: column.personal for column in cls.columns() if column.personal}

    @classmethod
    def unique_rule(cls) -> str:
        """Name of the rule that a row breaks when its key is taken."""
        return f"{'+'.join(cls.key())}:unique"

    @classmethod
    def rules(cls) -> tuple[str, ...]:
        """Every rule that a typed row can break, by name."""
        schema = cls.to_schema()
        names = [] if not cls.key() else [cls.unique_rule()]
        for name, column in schema.columns.items():
            if not column.nullable:
                names.append(f"{name}:not_null")
            names.extend(f"{name}:{check.name}" for check in column.checks)
            if _meta(column, cls, name).references is not None:
                names.append(f"{name}:{RULE}")
        names.extend(str(check.name) for check in schema.checks)
        return tuple(names)

    @classmethod
    def place(cls) -> str:
        """Where the contract is declared, for messages."""
        return f"{cls.__module__}.{cls.__qualname__}"

    @classmethod
    def row_rules(cls) -> dict[str, Any]:
        """The rules over several columns, by name: what each method of them returns."""
        members = {name: getattr(cls, name, None) for name in dir(cls)}
        return {name: member(cls) for name, member in members.items() if is_rule(member)}


def _with_severity(contract: type[Contract]) -> dict[str, tuple[pl.Expr, Severity]]:
    return {
        name: (expression, (rule_meta(getattr(contract, name)) or USUAL).severity)
        for name, expression in contract.row_rules().items()
    }


def _row_check(name: str, expression: pl.Expr) -> pa.Check:
    return pa.Check(Holds(lambda _: expression), name=name)


def _meta(column: pa.Column, contract: type[Contract], name: str) -> FieldMeta:
    meta = (column.metadata or {}).get(METADATA)
    if not isinstance(meta, FieldMeta):
        raise ContractError(
            f"The column {name!r} is not declared with field() or key().",
            where=contract.place(),
            hint=f"write {name}: ... = field()",
        )
    return meta
