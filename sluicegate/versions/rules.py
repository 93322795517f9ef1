"""The rules of a published dataset, written down: plain values that can be kept and compared.

A contract is code, and a check that is removed takes the test of itself along. What is written down
here is kept in files beside the contracts (:mod:`sluicegate.versions.snapshot`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from sluicegate.errors import ConfigurationError

Plain = TypeVar("Plain")

REJECT, WARN = "reject", "warn"
"""What becomes of a row that breaks a rule."""
NAMED, POSITIONAL, PER_RECORD = "named", "positional", "per record"
"""How a batch says which columns it has: in a header, by their order, or in each record."""


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What is promised of one column.

    Attributes:
        name: of the column.
        type: as contracts call it; ``Decimal(18,2)`` for money.
        reads: its name at the source.
        isin: the values that are allowed, as texts; bounds are texts too.
        checks: checks of other kinds, by name: what they are given, or a digest of their code.
        severity: of bounds, list, pattern and checks.
        dimension: of quality, of the same; None: the usual one.
        pii: how near it is to a person; ``mask`` and ``domain`` say what replaces it.
        references: the column of another dataset in which its values stand.
    """

    name: str
    type: str
    reads: str
    key: bool = False
    nullable: bool = False
    since: str | None = None
    gt: str | None = None
    ge: str | None = None
    lt: str | None = None
    le: str | None = None
    isin: tuple[str, ...] | None = None
    matches: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    severity: str = REJECT
    dimension: str | None = None
    pii: str = "none"
    mask: str | None = None
    domain: str | None = None
    references: str | None = None


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule over several columns.

    Attributes:
        expression: as polars prints it. That hides arguments, so it is for people.
        code: digest of the code that makes it.
        severity: what becomes of a row that breaks it.
        dimension: of quality; None: the usual one.
    """

    expression: str
    code: str
    severity: str = REJECT
    dimension: str | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """How a source is bound to its contract.

    Attributes:
        kind: of source: ``Files``, ``Pages``, ``Sdmx``.
        origin: where its batches come from, in its own words.
        format: how they are read.
        header: how a batch says which columns it has.
        load: what a row does to what is published.
    """

    kind: str
    origin: Mapping[str, str]
    format: str
    header: str
    load: str
    tolerate: str
    owner: str
    may_shrink: str | None = None
    may_be_empty: bool = False
    fresh: str | None = None
    reference: str | None = None
    ignore: tuple[str, ...] = ()
    drift: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """How a model of dbt is bound to its contract.

    Attributes:
        agrees: what it has to agree with, one line each.
    """

    may_be_empty: bool = False
    unique: bool = True
    agrees: tuple[str, ...] = ()
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is promised of one table.

    Attributes:
        table: ``schema.name``.
        columns: in the order of the contract.
        rules: over several columns, by name.
        options: what the contract changes of how contracts are applied.
        source: how it comes in; None for what dbt builds.
        model: how it is bound, if dbt builds it.
    """

    table: str
    columns: tuple[ColumnRules, ...]
    rules: Mapping[str, RowRule] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    source: Intake | None = None
    model: Built | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return tuple(column.name for column in self.columns if column.key)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; what is as it is by default is left out."""
        written = _written(self)
        written["columns"] = [_written(column) for column in self.columns]
        written["rules"] = {name: _written(rule) for name, rule in sorted(self.rules.items())}
        for name, bound in (("source", self.source), ("model", self.model)):
            if bound is not None:
                written[name] = _written(bound)
        return written

    @classmethod
    def of_dict(cls, written: Any, where: str) -> Rules:
        """The rules that JSON holds.

        Raises:
            ConfigurationError: it is no such thing; a key that nobody knows may be a promise.
        """
        values = _values(cls, written, where)
        values["columns"] = tuple(
            _read(ColumnRules, each, where) for each in _of(list, values["columns"], where)
        )
        rules = _of(dict, values.get("rules", {}), where)
        values["rules"] = {name: _read(RowRule, each, where) for name, each in rules.items()}
        for name, kind in (("source", Intake), ("model", Built)):
            if name in values:
                values[name] = _read(kind, values[name], where)
        return cls(**values)


def _written(value: Any) -> dict[str, Any]:
    found = {}
    for each in fields(value):
        held = getattr(value, each.name)
        default = each.default_factory() if callable(each.default_factory) else each.default
        if held != default:
            found[each.name] = _json(held)
    return found


def _json(held: Any) -> Any:
    if isinstance(held, Mapping):
        return dict(sorted(held.items()))
    return list(held) if isinstance(held, tuple) else held


def _read(kind: type[Plain], written: Any, where: str) -> Plain:
    values = _values(kind, written, where)
    return kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})


def _values(kind: Any, written: Any, where: str) -> dict[str, Any]:
    known = {each.name: each for each in fields(kind)}
    values = dict(_of(dict, written, where))
    if unknown := sorted(values.keys() - known.keys()):
        raise _unreadable(f"nobody knows what {unknown[0]!r} means", where)
    for name, each in known.items():
        required = each.default is MISSING and each.default_factory is MISSING
        if required and name not in values:
            raise _unreadable(f"it does not say {name!r}", where)
        if name in values and not _fits(values[name], str(each.type)):
            raise _unreadable(f"{name!r} is not {each.type}", where)
    return values


_SHAPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "bool": (bool,),
    "Mapping[str, str]": (dict,),
    "tuple[str, ...]": (list,),
    "tuple[str, ...] | None": (list, type(None)),
}


def _fits(value: Any, shape: str) -> bool:
    if shape not in _SHAPES:
        return True
    inner = value.values() if isinstance(value, dict) else value
    texts = not isinstance(value, dict | list) or all(isinstance(each, str) for each in inner)
    return isinstance(value, _SHAPES[shape]) and texts


def _of(kind: type[Plain], value: Any, where: str) -> Plain:
    if not isinstance(value, kind):
        raise _unreadable(f"there is a {type(value).__name__} for a {kind.__name__}", where)
    return value


def _unreadable(why: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"A snapshot of a contract's rules cannot be read: {why}.",
        where=where,
        hint="write it anew with the Sluicegate that is to read it: sluicegate contracts snapshot",
    )
