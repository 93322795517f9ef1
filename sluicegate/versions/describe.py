"""From contracts, which are code, to rules that can be written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl

from sluicegate.catalogue import Catalogue
from sluicegate.contracts import Column, Contract, Model
from sluicegate.contracts.dimension import USUAL, RuleMeta
from sluicegate.contracts.field import METADATA, FieldMeta, rule_meta
from sluicegate.contracts.kinds import BOUNDS, is_builtin, is_plain
from sluicegate.errors import ContractError
from sluicegate.sources import Delimited, Detected, Excel, Format, Json, JsonPages, Ndjson, Source
from sluicegate.sources.base import Terms
from sluicegate.sources.text import is_utf8
from sluicegate.versions.code import digest_of
from sluicegate.versions.rules import (
    NAMED,
    PER_RECORD,
    POSITIONAL,
    Built,
    ColumnRules,
    Intake,
    RowRule,
    Rules,
)

_TYPES: Mapping[pl.DataType, str] = {
    pl.String(): "str",
    pl.Int64(): "int",
    pl.Date(): "Date",
    pl.Datetime("us", "UTC"): "UtcTimestamp",
}
_TERMS = frozenset({"name", "format", *Terms.__annotations__})
_OPTIONS = (
    *("strict", "coerce", "unique", "ordered", "add_missing_columns"),
    *("unique_column_names", "drop_invalid_rows", "dtype"),
)
_TABLE = re.compile(r"\w{1,63}\.\w{1,63}\Z", re.ASCII)


def described(catalogue: Catalogue) -> dict[str, Rules]:
    """The rules of every dataset that has a contract, by table.

    Raises:
        ContractError: a table cannot be called that, or two datasets are one table.
    """
    found: dict[str, Rules] = {}
    sources = [(of_source(each), each.contract) for each in catalogue.sources.values()]
    models = [(of_model(each), each.contract) for each in catalogue.models.values()]
    for rules, contract in [*sources, *models]:
        if not _TABLE.match(rules.table) or rules.table in found:
            raise ContractError(
                f"{rules.table!r} cannot be the name of a table, or is the name of two.",
                where=contract.place(),
                hint="write it as schema.name, of letters, digits and '_'",
            )
        found[rules.table] = rules
    return dict(sorted(found.items()))


def of_source(source: Source) -> Rules:
    """The rules of what comes in from a source."""
    bound = Intake(
        kind=type(source).__name__,
        origin={k: str(v) for k, v in sorted(vars(source).items()) if k not in _TERMS},
        format=_declared(source.format),
        header=_header(source.format),
        load=source.load.value,
        tolerate=_share(source.tolerate),
        owner=source.owner,
        may_shrink=_share(source.may_shrink) if source.load.value == "replace" else None,
        may_be_empty=source.may_be_empty,
        fresh=None if source.fresh is None else str(source.fresh),
        reference=None if source.reference is None else str(source.reference),
        ignore=tuple(sorted(source.ignore)),
        drift=None if source.drift is None else source.drift.value,
    )
    return _of_contract(f"raw.{source.name}", source.contract, source=bound)


def of_model(model: Model) -> Rules:
    """The rules of what dbt builds."""
    bound = Built(
        may_be_empty=model.may_be_empty,
        unique=model.unique,
        agrees=tuple(sorted(map(str, model.agrees))),
        reference=None if model.reference is None else str(model.reference),
    )
    return _of_contract(model.table, model.contract, model=bound)


def _of_contract(table: str, contract: type[Contract], **bound: Any) -> Rules:
    schema = contract.to_schema()
    declared = contract.row_rules()
    # What is applied counts, not what is declared.
    own = {
        str(check.name): RowRule(
            str(declared[check.name]),
            digest_of(getattr(contract, check.name), contract),
            **_weight(rule_meta(getattr(contract, check.name))),
        )
        for check in schema.checks
        if check.name in declared
    }
    others = _checks(check for check in schema.checks if check.name not in own)
    columns = tuple(_column(column, schema.columns[column.name]) for column in contract.columns())
    rules = {**own, **{name: RowRule("", text) for name, text in others.items()}}
    return Rules(table, columns, rules, _options(schema), **bound)


def _weight(meta: RuleMeta | None) -> dict[str, Any]:
    """What is declared of a rule besides what it says."""
    meta = meta or USUAL
    dimension = None if meta.dimension is None else meta.dimension.value
    return {"severity": meta.severity.value, "dimension": dimension}


def _options(schema: pa.DataFrameSchema) -> dict[str, str]:
    """The options of pandera's that a contract sets otherwise than contracts do."""
    usual = pa.DataFrameSchema(strict=True)
    return {
        name: str(getattr(schema, name))
        for name in _OPTIONS
        if getattr(schema, name) != getattr(usual, name)
    }


def _column(column: Column, declared: pa.Column) -> ColumnRules:
    meta = declared.metadata[METADATA]
    assert isinstance(meta, FieldMeta)
    checks = list(declared.checks)
    if meta.matches is not None:
        # The pattern is told as it is: the check that stands for it is the last one.
        checks.pop()
    told: dict[str, Any] = {}
    rest = [check for check in checks if not _told(check, told)]
    replacement = None if column.personal is None else column.personal.replacement
    return ColumnRules(
        name=column.name,
        type=_type(column.dtype),
        reads=column.reads,
        key=column.key,
        nullable=column.nullable,
        since=column.since,
        matches=meta.matches,
        checks=_checks(rest),
        pii=column.pii.value,
        mask=None if replacement is None else replacement.mask.value,
        domain=None if replacement is None else replacement.domain,
        references=None if column.references is None else str(column.references),
        **_weight(meta.rules),
        **told,
    )


def _told(check: pa.Check, told: dict[str, Any]) -> bool:
    """Write down a bound or a list; False for a check that is neither, or comes a second time."""
    name = str(check.name)
    if not (is_builtin(check) and is_plain(check)):
        return False
    given = check.statistics or {}
    if (bound := BOUNDS.get(name)) and bound.kind not in told:
        told[bound.kind] = _text(given[bound.argument])
        return True
    if name == "isin" and "isin" not in told:
        told["isin"] = tuple(sorted(map(_text, given["allowed_values"])))
        return True
    return False


def _checks(checks: Iterable[pa.Check]) -> dict[str, str]:
    found: dict[str, str] = {}
    for check in checks:
        given = {**(check.statistics or {}), **check._check_kwargs}  # noqa: SLF001
        told = [f"{name}={_text(value)}" for name, value in sorted(given.items())]
        if not is_plain(check):
            told.append(f"ignore_na={check.ignore_na}, element_wise={check.element_wise}")
        if not is_builtin(check):
            told.append(f"code {digest_of(check._check_fn)}")  # noqa: SLF001
        name = str(check.name)
        # Two checks of one name are both told.
        found[name] = "; ".join(filter(None, (found.get(name), ", ".join(told))))
    return found


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"Decimal({dtype.precision},{dtype.scale})"
    return _TYPES.get(dtype, str(dtype))


def _text(value: Any) -> str:
    """A bound or a listed value, in one way however it was written."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int | float | Decimal):
        number = format(Decimal(str(value)), "f")
        short = number.rstrip("0").rstrip(".") if "." in number else number
        return "0" if short == "-0" else short
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(_text, value)))
    return value.isoformat() if isinstance(value, date) else str(value)


def _share(share: Decimal) -> str:
    return f"{_text(share * 100)} %"


def _declared(format: Format) -> str:  # noqa: A002 - it is what it is called
    """How a format is declared. That a text is UTF-8 is not said, by whichever name it is.

    Nor is that all files of a zip are meant.
    """
    options = getattr(format, "__dataclass_fields__", None)
    if options is None:
        return repr(format)
    said = {each: getattr(format, each) for each in options}
    if is_utf8(said.get("encoding") or ""):
        del said["encoding"]
    if said.get("members", "") is None:
        del said["members"]
    return f"{type(format).__name__}({', '.join(f'{k}={v!r}' for k, v in said.items())})"


def _header(format: Format) -> str:  # noqa: A002 - it is what it is called
    if isinstance(format, Json | JsonPages | Ndjson):
        return PER_RECORD
    match format:
        case Delimited(header=False) | Detected(header=0) | Excel(header_row=None):
            return POSITIONAL
        case _:
            return NAMED
