"""How a contract declares its columns and row rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeGuard, TypeVar, overload

import pandera.polars as pa
import polars as pl

from sluicegate.contracts.answers import Holds
from sluicegate.contracts.arguments import one_of, require_kind
from sluicegate.contracts.bounds import listed
from sluicegate.contracts.checks import iban
from sluicegate.contracts.dimension import USUAL, Dimension, RuleMeta, Severity, of_checks, of_rule
from sluicegate.contracts.foreign_keys import ForeignKey
from sluicegate.contracts.patterns import whole
from sluicegate.contracts.traps import require_check
from sluicegate.contracts.types import PII
from sluicegate.errors import ContractError
from sluicegate.pseudonyms import Mask

METADATA = "sluicegate"
"""Where a pandera field's metadata keeps what only the contract knows."""

_RULE = "__sluicegate_rule__"
_BREAKS = "__sluicegate_breaks__"

Bound = float | Decimal | date
"""What a value may be compared with: of its column's type; a datetime is a date, too."""

RowRule = TypeVar("RowRule", bound=Callable[[Any], pl.Expr])


@dataclass(frozen=True, slots=True)
class FieldMeta:
    """What pandera has no place for."""

    key: bool = False
    since: str | None = None
    pii: PII = PII.NONE
    reads: str | None = None
    checks: tuple[pa.Check, ...] = ()
    mask: Mask | None = None
    domain: str | None = None
    matches: str | None = None
    isin: bool = False
    iban: bool = False
    references: ForeignKey | None = None
    example: Any = None
    breaks: tuple[Any, ...] = ()
    rules: RuleMeta = USUAL


def field(  # noqa: PLR0913 - one argument a promise
    *,
    nullable: bool = False,
    pii: PII = PII.NONE,
    mask: Mask | None = None,
    domain: str | None = None,
    reads: str | None = None,
    since: str | None = None,
    check: pa.Check | None = None,
    gt: Bound | None = None,
    ge: Bound | None = None,
    lt: Bound | None = None,
    le: Bound | None = None,
    isin: Collection[Any] | None = None,
    matches: str | None = None,
    references: str | None = None,
    severity: Severity = Severity.REJECT,
    dimension: Dimension | None = None,
    description: str | None = None,
    example: Any = None,
    breaks: Any = None,
) -> Any:
    """Declare a column; a value that breaks one of the checks goes to quarantine.

    Args:
        nullable: whether a value may be absent.
        pii: how near the column is to a person.
        mask: how a masked branch replaces its values, where the default for its type will not do.
        domain: what its values are, by default the column's name: columns of one domain, in
            whichever contract, give equal values equal pseudonyms.
        reads: the column's name at the source, where it differs.
        since: day from which the source sends the column; before that, it is null.
        check: a check of your own, such as :func:`sluicegate.contracts.iban`.
        gt: the value must be greater than this.
        ge: the value must be greater than or equal to this.
        lt: the value must be less than this.
        le: the value must be less than or equal to this.
        isin: the value must be one of these.
        matches: the whole text must match this regular expression.
        references: the value must stand in this column of another dataset, such as
            ``merchants.merchant_id`` of a source or ``marts.merchants.merchant_id`` of a model.
        severity: of the checks; an absent value is rejected all the same.
        dimension: of the checks; by default it is validity.
        description: for people.
        example: a value that keeps every rule of the column, for the suite that proves them.
        breaks: a value, or a list of them, that the column must refuse; for the same suite.
    """
    require_kind(bool, nullable=nullable)
    require_kind(str, domain=domain, reads=reads, since=since, matches=matches)
    require_kind(str, references=references, description=description)
    if since is not None:
        _require_day(since)
    given = (check, gt, ge, lt, le, isin, matches)
    meta = FieldMeta(
        since=since,
        pii=one_of(PII, "pii", pii),
        reads=reads,
        checks=_checks(check, matches),
        mask=None if mask is None else one_of(Mask, "mask", mask),
        domain=domain,
        matches=matches,
        isin=isin is not None,
        iban=check is iban,
        references=None if references is None else ForeignKey.of(references),
        example=example,
        breaks=_several(breaks),
        rules=of_checks(
            dimension,
            severity,
            checks=any(each is not None for each in given),
            nullable=nullable or since is not None,
        ),
    )
    return _pandera_field(
        meta,
        nullable=nullable or since is not None,
        gt=gt,
        ge=ge,
        lt=lt,
        le=le,
        isin=None if isin is None else listed(isin),
        description=description,
    )


def key(  # noqa: PLR0913 - one argument a promise
    *,
    pii: PII = PII.NONE,
    mask: Mask | None = None,
    domain: str | None = None,
    reads: str | None = None,
    matches: str | None = None,
    isin: Collection[Any] | None = None,
    references: str | None = None,
    description: str | None = None,
    example: Any = None,
    breaks: Any = None,
) -> Any:
    """Declare a column of the key: never absent, and unique together with the other key columns.

    Its arguments are those of :func:`field`.
    """
    require_kind(str, domain=domain, reads=reads, matches=matches)
    require_kind(str, references=references, description=description)
    meta = FieldMeta(
        key=True,
        pii=one_of(PII, "pii", pii),
        reads=reads,
        checks=_checks(None, matches),
        mask=None if mask is None else one_of(Mask, "mask", mask),
        domain=domain,
        matches=matches,
        isin=isin is not None,
        references=None if references is None else ForeignKey.of(references),
        example=example,
        breaks=_several(breaks),
    )
    return _pandera_field(
        meta, isin=None if isin is None else listed(isin), description=description
    )


@overload
def rule(method: RowRule) -> RowRule: ...


@overload
def rule(
    *,
    dimension: Dimension | None = None,
    severity: Severity = Severity.REJECT,
    breaks: Mapping[str, Any] | None = None,
) -> Callable[[RowRule], RowRule]: ...


def rule(
    method: RowRule | None = None,
    *,
    dimension: Dimension | None = None,
    severity: Severity = Severity.REJECT,
    breaks: Mapping[str, Any] | None = None,
) -> RowRule | Callable[[RowRule], RowRule]:
    """Declare a rule over several columns of a row: a method that returns a boolean expression.

    A row on which the expression is null passes, as it does in SQL's ``CHECK``. It is written
    ``@rule``, or ``@rule(severity=Severity.WARN)``.

    Args:
        method: the rule itself, where there is nothing to say beside it.
        dimension: by default consistency; validity, where the rule reads one column only.
        severity: what follows when a row breaks it.
        breaks: values of columns with which a row breaks it, for the suite that proves rules.
    """
    meta = of_rule(dimension, severity)

    def declare(method: RowRule) -> RowRule:
        setattr(method, _RULE, meta)
        setattr(method, _BREAKS, dict(breaks or {}))
        return method

    return declare if method is None else declare(method)


def is_rule(member: object) -> TypeGuard[Callable[[Any], Any]]:
    """Whether a class member was declared by :func:`rule`."""
    return rule_meta(member) is not None


def rule_meta(member: object) -> RuleMeta | None:
    """What a rule was declared with; None for what is no rule."""
    meta = getattr(member, _RULE, None)
    return meta if isinstance(meta, RuleMeta) else None


def breaking(rule: object) -> dict[str, Any]:
    """The values of columns with which a row is said to break a rule over several of them."""
    return dict(getattr(rule, _BREAKS, {}))


def _several(given: Any) -> tuple[Any, ...]:
    """One value, or a list of them."""
    if given is None:
        return ()
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _require_day(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ContractError(
            f"since={text!r} is not a day.", hint="write it as since='2026-10-16'"
        ) from error


def _checks(check: pa.Check | None, matches: str | None) -> tuple[pa.Check, ...]:
    if check is not None:
        require_check(check)
    checks = () if check is None else (check,)
    if matches is None:
        return checks
    # pandera's str_matches accepts a match that only begins the text; ours means all of it.
    pattern = whole(matches)
    return (*checks, pa.Check(Holds(lambda column: column.str.contains(pattern)), name="matches"))


def _pandera_field(meta: FieldMeta, **options: Any) -> Any:
    given = {name: value for name, value in options.items() if value is not None}
    return pa.Field(metadata={METADATA: meta}, **given)
