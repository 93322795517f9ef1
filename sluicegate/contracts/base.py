"""The contract of one dataset: a pandera polars model plus what only the contract can know."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaInitError

from sluicegate.contracts.answers import Holds
from sluicegate.contracts.field import METADATA, FieldMeta, is_rule
from sluicegate.contracts.personal import Personal, personal_of
from sluicegate.contracts.references import RULE, Reference
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
    references: Reference | None = None
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

    @classmethod
    def to_schema(cls) -> pa.DataFrameSchema:
        """The pandera schema, with the checks and row rules that our fields carry.

        Raises:
            ContractError: a rule or a column of the contract cannot mean what it says.
        """
        if cls.__dict__.get("_schema") is None:
            try:
                schema = copy.deepcopy(super().to_schema())
            except (SchemaInitError, TypeError) as error:
                raise ContractError(f"The contract is not valid: {error}", where=cls.place()) from (
                    error
                )
            for name, column in schema.columns.items():
                column.checks = [*column.checks, *_meta(column, cls, name).checks]
            schema.checks = [*schema.checks, *cls._row_rules(set(schema.columns))]
            require_checks_that_count(schema, cls.place())
            cls._schema = schema
        assert cls._schema is not None
        return cls._schema

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """The columns, in order."""
        if cls.__dict__.get("_columns") is None:
            found = []
            for name, column in cls.to_schema().columns.items():
                meta, dtype = _meta(column, cls, name), _polars_type(column.dtype)
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

    @classmethod
    def _row_rules(cls, known: set[str]) -> list[pa.Check]:
        return [
            _row_check(name, expression, known, cls.place())
            for name, expression in cls.row_rules().items()
        ]


def _row_check(name: str, expression: Any, known: set[str], where: str) -> pa.Check:
    if not isinstance(expression, pl.Expr):
        raise ContractError(
            f"The rule {name!r} must return a polars expression.",
            where=where,
            hint='for example: return pl.col("settled_at") >= pl.col("booked_at")',
        )
    for column in expression.meta.root_names():
        if column not in known:
            near = get_close_matches(column, known, n=1)
            raise ContractError(
                f"The rule {name!r} names the column {column!r}, which the contract does not have.",
                where=where,
                hint=f"did you mean {near[0]!r}?" if near else f"columns: {', '.join(known)}",
            )
    if not expression.meta.root_names():
        raise ContractError(f"The rule {name!r} looks at no column: it cannot fail.", where=where)
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


def _polars_type(dtype: Any) -> pl.DataType:
    kind = dtype.type
    polars: pl.DataType = kind() if isinstance(kind, type) else kind
    return polars
