"""What a contract says of its personal columns, and declarations that cannot be meant.

A mask that no value could bear is refused when the contract is loaded, not when somebody first
asks for a masked branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from sluicegate.contracts.field import FieldMeta
from sluicegate.contracts.types import PII
from sluicegate.errors import ContractError
from sluicegate.pseudonyms import Mask, Pseudonyms, Replacement, UnknownPattern, spelled

_DEFAULTS: Mapping[type[pl.DataType], Mask] = {
    pl.String: Mask.TEXT,
    pl.Int64: Mask.NUMBER,
    pl.Date: Mask.DAY,
}
_FITS: Mapping[Mask, type[pl.DataType]] = {
    Mask.TEXT: pl.String,
    Mask.EMAIL: pl.String,
    Mask.IBAN: pl.String,
    Mask.PATTERN: pl.String,
    Mask.SHAPE: pl.String,
    Mask.NUMBER: pl.Int64,
    Mask.DAY: pl.Date,
}
"""Masks of any type are not in it."""

_CALLED = {pl.String: "str", pl.Int64: "int", pl.Date: "Date"}


@dataclass(frozen=True, slots=True)
class Personal:
    """What a personal column is.

    Attributes:
        pii: how near it is to a person.
        replacement: what a masked branch puts in place of its values. The pattern of a domain may
            stand in another contract: :func:`replacements` knows them all.
    """

    pii: PII
    replacement: Replacement


def personal_of(
    name: str, dtype: pl.DataType, meta: FieldMeta, *, nullable: bool, where: str
) -> Personal | None:
    """What a column's declaration says of it; None if it is not personal.

    Raises:
        ContractError: it says what cannot be.
    """
    if meta.pii is PII.NONE:
        if meta.mask is not None or meta.domain is not None:
            raise ContractError(
                f"The column {name!r} says how it is masked, but not that it is personal.",
                where=where,
                hint="add pii=PII.DIRECT or pii=PII.INDIRECT, or leave mask and domain out",
            )
        return None
    mask = meta.mask or _default(name, dtype, meta, where)
    if wrong := _why_not(mask, dtype, meta, nullable=nullable):
        raise ContractError(
            f"The column {name!r} cannot be masked with Mask.{mask.name}: {wrong[0]}.",
            where=where,
            hint=wrong[1],
        )
    pattern = meta.matches if mask is Mask.PATTERN else None
    return Personal(meta.pii, Replacement(mask, meta.domain or name, pattern))


def replacements(personal: Iterable[tuple[str, str, Personal]]) -> dict[str, Replacement]:
    """Domain → the one way in which all its columns are replaced.

    Args:
        personal: where each personal column is declared, its name, and what it is.

    Raises:
        ContractError: two columns of a domain would give one value two pseudonyms, or no column
            says what the pattern of the domain is.
    """
    found: dict[str, tuple[Replacement, str]] = {}
    for place, name, column in personal:
        mine, here = column.replacement, f"{place}, column {name!r}"
        if mine.mask is Mask.NULL:
            # Nothing joins with what is absent.
            continue
        theirs, there = found.setdefault(mine.domain, (mine, here))
        agreed = replace(theirs, pattern=theirs.pattern or mine.pattern)
        if agreed != replace(mine, pattern=mine.pattern or theirs.pattern):
            raise ContractError(
                f"The values of {mine.domain!r} are masked in two ways, so they would not join: "
                f"{_told(theirs)} and {_told(mine)}.",
                where=f"{there}; {here}",
                hint="give both the same mask= (and matches=), or one of them another domain=",
            )
        found[mine.domain] = (agreed, there)
    for replacement, there in found.values():
        if replacement.mask is Mask.PATTERN and replacement.pattern is None:
            raise ContractError(
                f"No column says which pattern the values of {replacement.domain!r} have.",
                where=there,
                hint="add matches= to one of them, or another mask",
            )
    return {domain: replacement for domain, (replacement, _) in found.items()}


def _default(name: str, dtype: pl.DataType, meta: FieldMeta, where: str) -> Mask:
    if meta.iban:
        return Mask.IBAN
    mask = _DEFAULTS.get(type(dtype))
    if mask is None or meta.isin or (meta.matches and not _may_stand(mask, meta.matches)):
        raise ContractError(
            f"The column {name!r} is personal, and nothing says what could stand in its place.",
            where=where,
            hint="say it: mask=Mask.PATTERN for what has matches=, Mask.EMAIL, Mask.SHAPE; "
            "Mask.NULL for what may be absent; Mask.KEEP for what is too coarse to matter",
        )
    return mask


def _why_not(
    mask: Mask, dtype: pl.DataType, meta: FieldMeta, *, nullable: bool
) -> tuple[str, str] | None:
    """Why no value of a column could bear a mask, and what to do."""
    if mask is Mask.KEEP and meta.pii is PII.DIRECT:
        return "it identifies a person by itself", "choose another mask, or PII.INDIRECT"
    if mask is Mask.NULL and not nullable:
        return "its values may not be absent", "choose another mask"
    fits = _FITS.get(mask, type(dtype))
    if type(dtype) is not fits:
        return f"that is for {_CALLED[fits]}", "leave mask= out for the default, or choose another"
    if meta.isin and mask in _FITS:
        return "its values are those of a list", "mask=Mask.KEEP, or Mask.NULL if it is nullable"
    if meta.matches and not _may_stand(mask, meta.matches):
        return "what would stand there breaks its matches=", "choose another, such as Mask.PATTERN"
    return _unclear(meta.matches) if mask is Mask.PATTERN and meta.matches else None


def _unclear(pattern: str) -> tuple[str, str] | None:
    try:
        spelled(pattern)
    except UnknownPattern as error:
        return (
            f"of its matches={pattern!r}, {error}",
            "write it of fixed length, like matches='C[0-9]{7}', or choose Mask.SHAPE or Mask.TEXT",
        )
    return None


def _may_stand(mask: Mask, pattern: str) -> bool:
    """Whether pseudonyms that look the same for all values match a pattern."""
    if mask not in (Mask.TEXT, Mask.EMAIL):
        return True
    sample = Pseudonyms(b"").of(Replacement(mask, ""), "")
    return bool(pl.Series([sample]).str.contains(f"^(?:{pattern})$").all())


def _told(replacement: Replacement) -> str:
    of = f" of {replacement.pattern!r}" if replacement.pattern else ""
    return f"Mask.{replacement.mask.name}{of}"
