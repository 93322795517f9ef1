"""From text to values: what is read, what is refused by rule, and that nothing is guessed."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.contracts import PII, Column, Reading, read
from sluicegate.errors import ContractError

MOMENT = pl.Datetime("us", "UTC")
MONEY = pl.Decimal(18, 2)


def reading(dtype: pl.DataType, *texts: str | None) -> Reading:
    """Read texts as the values of one column."""
    return read(column(dtype), pl.Series("c", texts, dtype=pl.String))


def column(dtype: pl.DataType) -> Column:
    """A column of a type, and nothing else."""
    return Column("c", dtype, nullable=True, key=False, pii=PII.NONE, reads="c", since=None)


def rule(dtype: pl.DataType, text: str) -> str | None:
    """The one rule that a text breaks; None if it is read."""
    found = reading(dtype, text)
    (value,) = found.value
    assert (value is None) == bool(found.broken)
    assert found.unreadable.to_list() == [bool(found.broken)]
    return next((name.removeprefix("c:") for name in found.broken), None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-30T10:00:00Z", "2026-10-30T10:00:00"),
        ("2026-10-30T10:00:00z", "2026-10-30T10:00:00"),
        ("2026-10-30 10:00:00Z", "2026-10-30T10:00:00"),
        ("2026-10-30T10:00:00+02:00", "2026-10-30T08:00:00"),
        ("2026-10-30T10:00:00+0200", "2026-10-30T08:00:00"),
        ("2026-10-30T10:00:00-02", "2026-10-30T12:00:00"),
        ("2026-10-30T10:00Z", "2026-10-30T10:00:00"),
        ("2026-10-30T10:00+05:30", "2026-10-30T04:30:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
        ("2026-10-30T10:00:00.5Z", "2026-10-30T10:00:00.500000"),
        ("2026-10-30T10:00:00.123456789Z", "2026-10-30T10:00:00.123456"),
    ],
)
def test_moment_with_its_offset_is_read_in_utc(text: str, moment: str) -> None:
    """Seconds and their fractions may be absent, the offset may not."""
    found = reading(MOMENT, text)
    assert found.value.to_list() == [datetime.fromisoformat(f"{moment}Z")]
    assert found.broken == {}


@pytest.mark.parametrize(
    "text", ["2026-10-30T10:00:00", "2026-10-30 10:00:00.25", "2026-10-30T10:00"]
)
def test_clock_reading_without_zone_has_a_rule_of_its_own(text: str) -> None:
    """It names up to two moments, and none for sure."""
    assert rule(MOMENT, text) == "zone"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-10-30",
        "1767225600",
        "30.10.2026 10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-10-30T24:00:00Z",
        "2026-10-30T10:60:00Z",
        "2026-10-30T10:00:60Z",
        "2026-10-30T10:00:60",
        "2026-10-30T10:00:00+25:00",
        "2026-10-30T10:00:00 UTC",
        "2026-10-30T10:00:00Z[Europe/Berlin]",
        " 2026-10-30T10:00:00Z",
        "2026-10-30T10:00:00Z ",
        "26-10-30T10:00:00Z",
        "2026-1-5T3:4:5Z",
        "+12026-10-30T10:00:00Z",
        "0000-12-31T23:59:59Z",
        "0000-12-31T23:59Z",
        "0001-01-01T00:30:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_garbage_is_no_moment(text: str) -> None:
    """What is not written in full is not completed by guessing."""
    assert rule(MOMENT, text) == "timestamp"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1.00"),
        ("1.5", "1.50"),
        ("-0.05", "-0.05"),
        ("+7.25", "7.25"),
        ("007", "7.00"),
        ("9999999999999999.99", "9999999999999999.99"),
    ],
)
def test_decimal_is_read_exactly(text: str, value: str) -> None:
    """Digits are kept as they are, up to the last one that fits."""
    found = reading(MONEY, text)
    assert found.value.to_list() == [Decimal(value)]
    assert found.broken == {}


@pytest.mark.parametrize(
    "text",
    [
        "1.555",
        "1,5",
        "1.000,00",
        "1e5",
        ".5",
        "5.",
        "NaN",
        "inf",
        "--1",
        "1.2.3",
        "$5",
        "٣",
        "1 000",
        "1 ",
        "10000000000000000",
    ],
)
def test_decimal_is_never_rounded_or_guessed(text: str) -> None:
    """Too many decimals, commas, exponents and blanks are unreadable."""
    assert rule(MONEY, text) == "decimal"


def test_decimal_without_scale() -> None:
    """A type without decimals reads whole numbers only."""
    assert rule(pl.Decimal(18, 0), "12") is None
    assert rule(pl.Decimal(18, 0), "12.0") == "decimal"


@pytest.mark.parametrize(
    ("dtype", "text", "broken"),
    [
        (pl.Date(), "2026-10-30", None),
        (pl.Date(), "2024-02-29", None),
        (pl.Date(), "2026-02-29", "date"),
        (pl.Date(), "2026-1-1", "date"),
        (pl.Date(), "30.10.2026", "date"),
        (pl.Date(), "0001-01-01", None),
        (pl.Date(), "9999-12-31", None),
        (pl.Date(), "0000-12-31", "date"),
        (pl.Date(), "2026-10-30T00:00:00Z", "date"),
        (pl.Date(), "٢٠٢٦-10-30", "date"),
        (pl.Int64(), "-9223372036854775808", None),
        (pl.Int64(), "9223372036854775807", None),
        (pl.Int64(), "9223372036854775808", "integer"),
        (pl.Int64(), "1.0", "integer"),
        (pl.Int64(), "", None),
        (pl.Int64(), "ten", "integer"),
        (pl.String(), " as it is ", None),
    ],
)
def test_other_types(dtype: pl.DataType, text: str, broken: str | None) -> None:
    """Days have one form, whole numbers 64 bits, texts stay as they are."""
    found = reading(dtype, text)
    assert list(found.broken) == ([f"c:{broken}"] if broken else [])


@pytest.mark.parametrize(
    ("dtype", "first", "last", "broken"),
    [
        (pl.Date(), -719_162, 2_932_896, "date"),
        (MOMENT, -62_135_596_800_000_000, 253_402_300_799_999_999, "timestamp"),
    ],
    ids=["date", "timestamp"],
)
def test_years_that_calendars_do_not_have(
    dtype: pl.DataType, first: int, last: int, broken: str
) -> None:
    """Values that come typed are held to the same years as texts: 1 to 9999."""
    written = pl.Series("c", [first - 1, first, None, last, last + 1, 2**31 - 1]).cast(dtype)
    assert written[[1, 3]].dt.year().to_list() == [1, 9999]
    found = read(column(dtype), written)
    assert found.value.is_null().to_list()[:5] == [True, False, True, False, True]
    assert found.broken[f"c:{broken}"].to_list()[:5] == [True, False, False, False, True]


@pytest.mark.parametrize("dtype", [MOMENT, MONEY, pl.Date(), pl.Int64(), pl.String()], ids=str)
def test_absent_text_is_an_absent_value(dtype: pl.DataType) -> None:
    """Neither an empty text nor none at all breaks a reading."""
    found = reading(dtype, "", None)
    assert found.value.to_list() == [None, None]
    assert found.value.dtype == dtype
    assert found.broken == {}


def test_rules_name_the_rows_that_break_them() -> None:
    """One unreadable text does not touch the texts beside it."""
    found = reading(MOMENT, "2026-10-30T10:00:00Z", "2026-10-30T10:00:00", None, "x")
    assert {name: mask.to_list() for name, mask in found.broken.items()} == {
        "c:zone": [False, True, False, False],
        "c:timestamp": [False, False, False, True],
    }
    assert found.unreadable.to_list() == [False, True, False, True]


def test_type_without_a_reading_is_a_fault_of_the_contract() -> None:
    """The message says which types can be read."""
    with pytest.raises(ContractError, match="Float64, which cannot be read from text") as caught:
        reading(pl.Float64(), "1.5")
    assert "Money" in str(caught.value.hint)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=OFFSETS).filter(lambda moment: 1 < moment.year < 9999)
MONIES = st.decimals(Decimal(-(10**16) + 1), Decimal(10**16 - 1), places=2)
DAYS = st.dates(date(1, 1, 1))


@settings(max_examples=50)
@pytest.mark.parametrize(
    ("dtype", "values", "write"),
    [
        (MOMENT, MOMENTS, datetime.isoformat),
        (MONEY, MONIES, lambda value: f"{value:f}"),
        (pl.Date(), DAYS, date.isoformat),
        (pl.Int64(), st.integers(-(2**63), 2**63 - 1), str),
        (pl.String(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1), str),
    ],
    ids=["timestamp", "decimal", "date", "integer", "text"],
)
@given(st.data())
def test_what_is_written_is_read_back(dtype: Any, values: Any, write: Any, data: Any) -> None:
    """Every value of a type comes back from its text unchanged."""
    wanted = data.draw(st.lists(values, min_size=1, max_size=20))
    found = reading(dtype, *map(write, wanted))
    assert found.value.to_list() == wanted
    assert found.broken == {}
