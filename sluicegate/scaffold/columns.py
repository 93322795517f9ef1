"""What a column seems to promise; each of it a guess from its profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from sluicegate.contracts import ISO_4217, Mask
from sluicegate.contracts.patterns import whole
from sluicegate.pseudonyms import UnknownPattern, spelled
from sluicegate.scaffold.patterns import pattern_of
from sluicegate.scaffold.personal import Personal, personal_of
from sluicegate.scaffold.profile import ENOUGH, Profile, as_str

_DIRT = 0.005
"""Share of the rows in which something is absent, negative or not listed by mistake."""

_MOST_LISTED = 12
_MOST_NUMBERS = 5
_LONGEST_LISTED = 40
_EACH = 8
"""Rows that a value of a list stands in, on average at least."""

_FAR_MORE = 10
"""Times that a value stands there for each time that it is written otherwise by mistake."""

_FEW = 30
"""Rows of which nothing but types can be said."""

_NUMBERS = ("int", "Money", "Rate")
_SMALL = 100


@dataclass(frozen=True, slots=True)
class Proposed:
    """A column of the contract.

    Attributes:
        name: in the contract.
        profile: what stands in it.
        key: whether it is part of the key.
        nullable: whether values may be absent.
        isin: values that it has; ``ISO_4217`` by that name.
        matches: the pattern of its texts.
        ge: the least value.
        le: the largest.
        personal: what it tells of people.
        mask: how it is masked, where the default will not do.
        domain: what its values are, where another contract says something else of the name.
        remarks: what one should know of the guesses.
    """

    name: str
    profile: Profile
    key: bool = False
    nullable: bool = False
    isin: tuple[Any, ...] | str | None = None
    matches: str | None = None
    ge: Any = None
    le: Any = None
    personal: Personal | None = None
    mask: Mask | None = None
    domain: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its type."""
        return self.profile.kind

    def saying(self, *remarks: str) -> Proposed:
        """The same with further remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))

    def as_key(self) -> Proposed:
        """The same as part of the key, of which nothing may be absent and no bound is told."""
        return replace(self, key=True, nullable=False, ge=None, le=None)


def proposed(name: str, profile: Profile) -> Proposed:
    """What a column seems to promise."""
    personal = personal_of(profile.sent, profile.filled)
    if personal is not None and (
        profile.kind in ("Money", "Rate", "UtcTimestamp") or personal.what == "a telephone number"
    ):
        profile = as_str(profile)
    column = _absence(Proposed(name, profile, personal=personal, remarks=profile.remarks))
    if personal is not None:
        return _masked(_shape(column, personal))
    if profile.rows < _FEW:
        return column
    listed = _listed(column)
    if listed.isin is not None:
        return listed
    return _bounded(column) if column.kind in _NUMBERS else _shape(column, None)


def unshaped(column: Proposed) -> Proposed:
    """The same, of whose texts nothing is promised but that they are there."""
    return _absence(Proposed(column.name, column.profile, remarks=column.profile.remarks))


def without(column: Proposed, check: str, told: str) -> Proposed:
    """A column that promises one thing less.

    Args:
        check: the name of the rule, as quarantine has it, without the column.
        told: why it is left out.
    """
    said = column.saying(told)
    looser: dict[str, dict[str, Any]] = {
        "not_null": {"nullable": True},
        "isin": {"isin": None},
        "matches": {"matches": None, "mask": None},
        "greater_than_or_equal_to": {"ge": None},
        "less_than_or_equal_to": {"le": None},
    }
    if check in looser:
        return replace(said, **looser[check])
    if check == "iban" and said.personal is not None:
        return replace(said, personal=replace(said.personal, iban=False))
    profile = as_str(column.profile)
    remarks = tuple(each for each in said.remarks if "cannot be read" not in each)
    return replace(said, profile=profile, isin=None, ge=None, le=None, remarks=remarks)


def _absence(column: Proposed) -> Proposed:
    profile = column.profile
    if not profile.absent:
        return column
    if profile.absent > profile.rows * _DIRT:
        share = profile.absent / profile.rows
        return replace(column, nullable=True).saying(f"absent in {share:.1%} of the rows")
    told = profile.where(profile.texts.is_null())
    return column.saying(f"absent in {told}: taken for dirt, they would be quarantined")


def _listed(column: Proposed) -> Proposed:
    """A list, if a few values stand in nearly all rows, each in several."""
    profile = column.profile
    values = profile.values.drop_nulls()
    if column.kind == "str" and _currencies(column, values):
        return replace(column, isin="ISO_4217").saying("all of them are currencies of ISO 4217")
    usual = _usual(column.kind, values)
    if not usual:
        return column
    found = replace(column, isin=tuple(sorted(usual)))
    others = profile.values.is_not_null() & ~profile.values.is_in(usual)
    if column.kind != "str":
        return _left_out(found, others, "are not listed: taken for dirt")
    folded = _folded(profile.values)
    slips = others & folded.is_in(_folded(pl.Series(usual)).implode())
    found = _left_out(
        found,
        slips,
        "differ from a listed value only by blanks around it, or capitals: taken for slips",
    )
    return _left_out(found, others & ~slips, "are not listed: taken for dirt")


def _left_out(column: Proposed, rows: pl.Series, told: str) -> Proposed:
    rows = rows.fill_null(value=False)
    return column.saying(f"{column.profile.where(rows)} {told}") if rows.any() else column


def _usual(kind: str, values: pl.Series) -> list[Any]:
    """The values that stand in nearly all rows; none if these are many, or long."""
    most = {"str": _MOST_LISTED, "int": _MOST_NUMBERS}.get(kind, 0)
    if not most or values.is_empty() or values.n_unique() > most * 3:
        return []
    counted = values.alias("value").value_counts(sort=True)
    total = len(values)
    if kind == "str":
        counted = _well_written(counted)
        total = int(counted["count"].sum())
        if total < len(values) * ENOUGH:
            return []
    # A text that hardly ever stands there, beside some that often do, may be a slip; a number is
    # one more number.
    slips = max(1, len(values) * _DIRT / 5) if kind == "str" else 0
    often = counted.filter(pl.col("count") > slips)
    usual = often["value"].to_list()
    rare = total - int(often["count"].sum())
    few = len(usual) <= most and len(values) >= len(usual) * _EACH and len(usual) >= 2
    short = kind == "int" or all(len(value) <= _LONGEST_LISTED for value in usual)
    return usual if few and short and rare <= len(values) * _DIRT else []


def _well_written(counted: pl.DataFrame) -> pl.DataFrame:
    """Values without those that are a far more frequent one but for blanks or capitals."""
    most = pl.col("count").max().over("folded")
    written = counted.with_columns(_folded(counted["value"]).alias("folded"))
    return written.filter(pl.col("count") * _FAR_MORE > most).select("value", "count")


def _folded(texts: pl.Series) -> pl.Series:
    """Texts without the blanks around them, and without capitals."""
    return texts.str.strip_chars().str.to_lowercase()


def _currencies(column: Proposed, values: pl.Series) -> bool:
    if not (any(word in column.name for word in ("curr", "ccy")) or values.n_unique() >= 8):
        return False
    known = values.is_in(list(ISO_4217))
    return not known.is_empty() and int(known.sum()) >= len(known) * ENOUGH


def _bounded(column: Proposed) -> Proposed:
    """Bounds, where numbers are small, or hardly ever below zero; else only what was seen."""
    profile = column.profile
    values = profile.values.drop_nulls()
    if values.is_empty():
        return column
    least, largest = _number(values.min()), _number(values.max())
    seen = f"{least:,} to {largest:,} in the sample"
    if column.kind == "int" and profile.distinct <= 20 and -_SMALL <= least < largest <= _SMALL:
        return replace(column, ge=least, le=largest).saying(f"seen: {seen}")
    negative = int((values < 0).sum())
    if not negative:
        return replace(column, ge=0).saying(f"seen: {seen}")
    if len(values) >= 200 and negative <= len(values) * _DIRT:
        told = profile.where((profile.values < 0).fill_null(value=False))
        return replace(column, ge=0).saying(f"seen: {seen}", f"{told} are below zero: dirt?")
    return column.saying(f"seen: {seen}")


def _number(value: Any) -> Any:
    """A number as a person writes it: without noughts behind the decimals."""
    return value.normalize() + 0 if isinstance(value, Decimal) and value else value


def _shape(column: Proposed, personal: Personal | None) -> Proposed:
    """A pattern, if the texts have one."""
    profile = column.profile
    if column.kind == "Date" and personal is None:
        days = profile.values.drop_nulls().cast(pl.String)
        return column.saying(f"seen: {days.min()!s} to {days.max()!s}")
    if column.kind != "str" or profile.rows < _FEW or (personal and personal.mask):
        return column
    if personal is not None and (personal.iban or personal.what == "free text"):
        return column
    pattern = pattern_of(profile.filled, ENOUGH)
    if pattern is None:
        return column
    holds = profile.texts.str.contains(whole(pattern))
    odd = profile.texts.is_not_null() & ~holds.fill_null(value=False)
    found = replace(column, matches=pattern)
    if not odd.any():
        return found
    return found.saying(f"{profile.where(odd)} are of another form: they would be quarantined")


def _masked(column: Proposed) -> Proposed:
    """Say how a personal column is masked, where its type does not."""
    assert column.personal is not None
    found = column.saying(f"looks like {column.personal.what}")
    if column.matches:
        try:
            spelled(column.matches)
        except UnknownPattern:
            return replace(found, matches=None)
        return replace(found, mask=Mask.PATTERN)
    if column.personal.mask is not None and column.kind == "str":
        return replace(found, mask=column.personal.mask)
    if column.personal.what == "a postal code" and column.kind == "str":
        return replace(found, mask=Mask.SHAPE)
    return found
