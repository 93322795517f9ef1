"""Profiles: what stands in a column of a sample, and the type that reads most of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from sluicegate.contracts import PII, Column, read
from sluicegate.contracts.texts import as_text
from sluicegate.dialect import CODES, PADDED, Kind, shape_of
from sluicegate.sources import LINE

ENOUGH = 0.97
"""Share of the values that must be of a type for the column to be of it; the rest is dirt."""

TYPES: dict[str, pl.DataType] = {
    "int": pl.Int64(),
    "Money": pl.Decimal(18, 2),
    "Rate": pl.Decimal(18, 6),
    "Date": pl.Date(),
    "UtcTimestamp": pl.Datetime("us", "UTC"),
}
"""Types that texts may be read as, the narrowest first."""

_LOOKED_AT = 5_000
_MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Profile:
    """What stands in a column.

    Attributes:
        sent: its name at the source.
        place: its place, from 1.
        kind: the type, as contracts call it.
        texts: its values as texts, null where absent.
        values: the same of the type, null where they are not.
        lines: where each stands in the file.
        wrong: how many are there and not of the type.
        distinct: how many different ones there are.
        remarks: what one should know, without a value of the file.
    """

    sent: str
    place: int
    kind: str
    texts: pl.Series
    values: pl.Series
    lines: pl.Series
    wrong: int
    distinct: int
    remarks: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return len(self.texts)

    @property
    def absent(self) -> int:
        """Rows without a value."""
        return self.texts.null_count()

    @property
    def filled(self) -> pl.Series:
        """The texts that are there."""
        return self.texts.drop_nulls()

    def where(self, mask: pl.Series) -> str:
        """How many rows a mask has, and the first lines of them."""
        lines = self.lines.filter(mask)
        first = ", ".join(f"{line:,}" for line in lines.head(_MOST_LINES))
        more = ", ..." if len(lines) > _MOST_LINES else ""
        return f"{len(lines):,} of {self.rows:,} (line{'s' * (len(lines) > 1)} {first}{more})"


def profiles_of(rows: pl.DataFrame) -> Iterator[Profile]:
    """The profile of every column.

    Args:
        rows: texts or typed values, and ``_line``.
    """
    lines = rows[LINE]
    names = [name for name in rows.columns if name != LINE]
    for place, name in enumerate(names, 1):
        yield profile_of(name, place, rows[name], lines)


def profile_of(sent: str, place: int, column: pl.Series, lines: pl.Series) -> Profile:
    """The profile of one column."""
    texts = column.to_frame().select(as_text(column.name, column.dtype)).to_series()
    texts = texts.to_frame("t").select(pl.when(pl.col("t") != "").then(pl.col("t"))).to_series()
    filled = len(texts) - texts.null_count()
    kind, values, wrong = "str", texts, 0
    for each, dtype in TYPES.items():
        reading = read(_column(sent, dtype), column)
        unreadable = int(reading.unreadable.sum())
        if filled and unreadable <= filled * (1 - ENOUGH) and (kind == "str" or unreadable < wrong):
            kind, values, wrong = each, reading.value, unreadable
    remarks: tuple[str, ...] = ()
    if kind == "int" and texts.str.contains(PADDED).any():
        # As a number it would lose them.
        kind, values, wrong = "str", texts, 0
        remarks = (CODES,)
    elif kind == "str":
        remarks = tuple(_why_text(texts, sent, column))
    profile = Profile(
        sent, place, kind, texts, values, lines, wrong, texts.drop_nulls().n_unique(), remarks
    )
    if not wrong:
        return profile
    told = profile.where(texts.is_not_null() & values.is_null())
    return _with(profile, f"{told} cannot be read as {kind}: they would be quarantined")


def as_str(profile: Profile, *remarks: str) -> Profile:
    """The same column, taken for texts."""
    return Profile(
        profile.sent,
        profile.place,
        "str",
        profile.texts,
        profile.texts,
        profile.lines,
        0,
        profile.distinct,
        (*(each for each in profile.remarks if "cannot be read" not in each), *remarks),
    )


def _with(profile: Profile, remark: str) -> Profile:
    given: dict[str, Any] = {name: getattr(profile, name) for name in Profile.__slots__}
    return Profile(**{**given, "remarks": (*profile.remarks, remark)})


def _column(name: str, dtype: pl.DataType) -> Column:
    return Column(name, dtype, nullable=True, key=False, pii=PII.NONE, reads=name, since=None)


def _why_text(texts: pl.Series, sent: str, column: pl.Series) -> Iterator[str]:
    """What keeps a column that looks like numbers or days from being read as such."""
    filled = texts.drop_nulls()
    if filled.is_empty():
        yield "nothing stands in it, so its type is not known"
        return
    head = filled.head(_LOOKED_AT)
    shape = shape_of(head)
    notes = f" ({'; '.join(shape.notes)})" if shape.notes else ""
    zone = read(_column(sent, TYPES["UtcTimestamp"]), column).broken.get(f"{sent}:zone")
    if zone is not None and int(zone.sum()) >= len(filled) * ENOUGH:
        yield "moments without an offset from UTC: which moment is meant, a contract never guesses"
    elif shape.kind in (Kind.DATE, Kind.TIMESTAMP):
        yield (
            f"looks like days or moments{notes}, of which a contract reads only 2026-10-30 and "
            "2026-10-30T14:05:11+01:00"
        )
    elif shape.kind in (Kind.INTEGER, Kind.DECIMAL):
        yield (
            f"looks like numbers{notes}, of which a contract reads only digits, a sign, a point "
            "and six decimals"
        )
    if float((head != head.str.strip_chars()).mean() or 0) > 0.5:  # type: ignore[arg-type]
        yield "blanks stand around the values"
    missing = head.str.strip_chars().str.to_lowercase().is_in(["n/a", "na", "null", "none", "nan"])
    if missing.any():
        yield f"{int(missing.sum()):,} say that a value is missing in words: no contract knows them"
