"""Audits in place say what pandera says, for every kind of check, on tables made at random."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import Contract, Date, Money, UtcTimestamp, field, iban, judge, key, rule
from sluicegate.contracts.verdict import judge_by_pandera
from sluicegate.errors import ContractError
from sluicegate.lake import Session, Table
from sluicegate.quality.check import Outcome
from sluicegate.quality.compiled import compiled
from sluicegate.quality.contracts import audit_table
from tests.unit.kit import fresh_name

ROOT = Path(__file__).parents[2]
SEED = os.environ["TEST_SEED"]


class Everything(Contract):
    """Every kind of check that a contract may have, on every type, and every shape of row rule."""

    id: int = key()
    whole: int = field(nullable=True, gt=-3, le=3)
    other: int = field(nullable=True, ge=-2, lt=3)
    chosen: int = field(nullable=True, isin=[-2, -1, 0, 1, 2, 2**62])
    money: Money = field(nullable=True, gt=Decimal("-1.50"), le=2)
    price: Money = field(nullable=True, ge=0.25, lt=1.75)
    share: pl.Float64 = field(nullable=True, gt=-0.5, le=0.5)
    ratio: pl.Float64 = field(nullable=True, ge=0, lt=1)
    rating: pl.Float64 = field(nullable=True, isin=[0.1, 0.5, 2.0])
    text: str = field(nullable=True, isin=["a", "A", "it's", "ä", "", " "])
    code: str = field(nullable=True, matches=r"[A-Z]{1,2}(-[0-9]+)?")
    loose: str = field(nullable=True, matches=r"\w+.?")
    account: str = field(nullable=True, check=iban)
    day: Date = field(nullable=True, ge=date(2026, 1, 2), lt=date(2026, 3, 1))
    born: UtcTimestamp = field(nullable=True, ge=datetime(2026, 1, 1, tzinfo=UTC))
    died: UtcTimestamp = field(nullable=True)
    flag: pl.Boolean = field(nullable=True)
    needed: str = field()
    weight: pl.Float64 = field()
    own: int = field(
        nullable=True, check=pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) % 2 == 0))
    )

    @rule
    def in_order(self) -> pl.Expr:
        """A comparison of two columns."""
        return pl.col("died") >= pl.col("born")

    @rule
    def same_when_flagged(self) -> pl.Expr:
        """Connectives, constants, and what is absent."""
        same = (pl.col("whole") == pl.col("other")) | (pl.col("text") != "a")
        return (~pl.col("flag")) | same | pl.col("money").is_null()

    @rule
    def either(self) -> pl.Expr:
        """Two truths that are equal."""
        return pl.col("day").is_not_null() == (pl.col("code") != "AB-1")

    @rule
    def adds_up(self) -> pl.Expr:
        """Arithmetic, which is left to pandera."""
        return pl.col("whole") + pl.col("other") <= 4

    @rule
    def mixed(self) -> pl.Expr:
        """Two types, which are left to pandera as well."""
        return pl.col("money") < pl.col("share")


FLOATS = [-0.5, -0.0, 0.0, 0.1, 0.5, 0.5000001, 1.0, 2.0, math.nan, math.inf]
MOMENTS = [datetime(2025, 12, 31, 23, tzinfo=UTC) + timedelta(minutes=m) for m in range(0, 121, 20)]
IBANS = ["DE89370400440532013000", "DE00370400440532013000", "", "FR1420041010050500013M02606"]
TEXTS = ["a", "A", "it's", "ä", "a\u0308", "", " ", "a ", "b", "\n"]
CODES = ["AB-1", "AB", "ab", "A-", "AB-1\n", "AB-12345", "ÄB", "A-\u0661", "x", "x\n", "é.", ""]
MONEY = [Decimal(cents) / 100 for cents in range(-200, 300, 25)]

VALUES: dict[str, Sequence[Any]] = {
    "whole": range(-5, 6),
    "other": [-3, -2, 0, 2, 3, 2**62, 2**62 + 1, -(2**63)],
    "chosen": [-3, -2, 0, 2, 3, 2**62, 2**62 + 1, -(2**63)],
    "money": MONEY,
    "price": MONEY,
    "share": FLOATS,
    "ratio": FLOATS,
    "rating": FLOATS,
    "text": TEXTS,
    "code": CODES,
    "loose": CODES,
    "account": IBANS,
    "day": [date(2026, 1, 1) + timedelta(days=d) for d in (-2, 0, 1, 2, 58, 59, 60)],
    "born": MOMENTS,
    "died": MOMENTS,
    "flag": [True, False],
    "needed": ["x"],
    "weight": FLOATS,
    "own": range(-4, 5),
}
"""What stands in the columns, and around what they promise."""


def rows_of(dice: random.Random, count: int) -> pl.DataFrame:
    """Rows at random; now and then a value is absent."""
    rows = [
        {
            name: None if dice.random() < 0.1 else dice.choice(values)
            for name, values in VALUES.items()
        }
        for _ in range(count)
    ]
    numbered = [{"id": number, **row} for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema=SCHEMA, orient="row")


SCHEMA = {column.name: column.dtype for column in Everything.columns()}


def test_every_kind_of_rule_is_told_by_one_of_the_two() -> None:
    """What is compiled is what can be; the rest is named here, so that nothing slips to pandera."""
    left = [rule for rule in Everything.rules() if rule not in compiled(Everything)]
    assert left == [
        "id:unique",
        "price:greater_than_or_equal_to",
        "price:less_than",
        "loose:matches",
        "account:iban",
        "own:<lambda>",
        "adds_up",
        "mixed",
    ]


@pytest.mark.parametrize("count", [1, 2, 20, 400])
def test_the_audit_says_what_pandera_says(session: Session, count: int) -> None:
    """Rule by rule, as many rows as pandera finds, whoever judged them."""
    hold_against_pandera(session, rows_of(random.Random(f"{SEED}/{count}"), count))


def hold_against_pandera(session: Session, frame: pl.DataFrame) -> dict[str, int]:
    """Audit rows, and judge them; returns how many break each rule."""
    table = Table("compiled", fresh_name("everything"))
    session.create(table, TYPES)
    session.insert(table, frame)
    schema = Everything.to_schema()
    found = judge_by_pandera(schema, frame, "").broken
    wanted = dict.fromkeys(Everything.rules(), 0) | {
        rule: mask.sum() for rule, mask in found.items()
    }
    masks = judge(Everything, frame).broken
    assert {rule: mask.to_list() for rule, mask in masks.items()} == {
        rule: mask.to_list() for rule, mask in found.items()
    }
    checks = audit_table(table, Everything, session)
    assert {check.name: check.failures for check in checks} == wanted
    assert {check.name: check.looked_at for check in checks} == subjects(frame)
    for check in checks:
        assert len(check.rows) == min(check.failures, 5)
        said = Outcome.PASS if check.looked_at else Outcome.IDLE
        assert check.outcome is (Outcome.FAIL if check.failures else said)
    return wanted


def subjects(frame: pl.DataFrame) -> dict[str, int]:
    """How many rows each rule says something of, counted by polars."""
    columns = {f"{name}:": pl.col(name).count() for name in frame.columns}
    rows = {rule: expression.count() for rule, expression in Everything.row_rules().items()}
    counts = frame.select(**columns, **rows).row(0, named=True)
    return {
        rule: frame.height
        if rule.endswith((":not_null", ":unique"))
        else counts[rule if rule in rows else rule.partition(":")[0] + ":"]
        for rule in Everything.rules()
    }


def test_what_is_absent_everywhere_is_judged_by_nobody(session: Session) -> None:
    """Whoever judges them: such rules are idle, and one value in one row is enough to judge."""
    absent = rows_of(random.Random(SEED), 3).with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in SCHEMA.items()
        if name not in ("id", "needed", "weight", "flag")
    )
    absent = absent.with_columns(pl.lit("x").alias("needed"), pl.lit(0.5).alias("weight"))
    absent = absent.with_columns(pl.lit(True).alias("flag"))
    hold_against_pandera(session, absent)
    idle = {name for name, rows in subjects(absent).items() if not rows}
    # Of connectives one side may decide, and whether something is absent can always be told.
    judged = {"id:unique", "id:not_null", "needed:not_null", "weight:not_null", "same_when_flagged"}
    assert idle == set(Everything.rules()) - judged
    one = pl.when(pl.col("id") == 1)
    for changed, names in (
        ({"died": MOMENTS[3]}, set()),
        ({"died": MOMENTS[3], "born": MOMENTS[3]}, {"in_order", "born:greater_than_or_equal_to"}),
        ({"whole": 0}, {"whole:greater_than", "whole:less_than_or_equal_to"}),
        (
            {"whole": 0, "other": 0},
            {each for each in idle if each[:5] in ("whole", "other")} | {"adds_up"},
        ),
    ):
        frame = absent.with_columns(
            one.then(pl.lit(value, SCHEMA[name])).alias(name) for name, value in changed.items()
        )
        hold_against_pandera(session, frame)
        counts = subjects(frame)
        assert {name for name in idle if counts[name]} == names


def test_every_rule_is_broken_and_kept_by_some_row(session: Session) -> None:
    """What is compared above is not nothing: every rule tells rows apart."""
    counts = hold_against_pandera(session, rows_of(random.Random(SEED), 400))
    del counts["id:unique"], counts["id:not_null"]
    assert all(0 < count < 400 for count in counts.values()), counts


TYPES = {
    "id": "BIGINT NOT NULL",
    **dict.fromkeys(("whole", "other", "chosen", "own"), "BIGINT"),
    **dict.fromkeys(("money", "price"), "DECIMAL(18,2)"),
    **dict.fromkeys(("share", "ratio", "rating", "weight"), "DOUBLE"),
    **dict.fromkeys(("text", "code", "loose", "account", "needed"), "VARCHAR"),
    "day": "DATE",
    **dict.fromkeys(("born", "died"), "TIMESTAMPTZ"),
    "flag": "BOOLEAN",
}


PATTERNS = st.lists(
    st.sampled_from(
        [*"Ab0-_+*?()|.^$", "[A-C]", "[0-9]", r"\.", r"\-", "{2}", "{1,3}", "(?:", r"\d", r"\w"]
    ),
    min_size=1,
    max_size=6,
).map("".join)


@settings(max_examples=60)
@given(
    pattern=PATTERNS, texts=st.lists(st.text("Ab0-_.ä\n\u0661", max_size=5), min_size=1, max_size=8)
)
def test_a_pattern_that_is_compiled_means_the_same(
    session: Session, pattern: str, texts: list[str]
) -> None:
    """Rust's regex and DuckDB's RE2 agree on every pattern that is given to DuckDB."""
    try:

        class Coded(Contract):
            """One text that must look like something."""

            text: str = key(matches=pattern)

        sql = compiled(Coded).get("text:matches")
    except ContractError:
        # It is no pattern.
        return
    if sql is None:
        return
    frame = pl.DataFrame({"text": texts})
    with session.lend(frame) as lent:
        told = [bool(each) for (each,) in session.rows(f"SELECT {sql} FROM {lent}")]
    mask = judge(Coded, frame).broken.get("text:matches")
    assert told == ([False] * len(texts) if mask is None else mask.to_list())


@pytest.mark.parametrize(
    "lie", [lambda sql: f"({sql}) AND false", lambda sql: f"coalesce({sql}, true)"]
)
def test_a_wrong_translation_is_noticed(
    session: Session, monkeypatch: pytest.MonkeyPatch, lie: Callable[[str], str]
) -> None:
    """The comparison above fails if SQL finds too little, or takes what is absent for wrong."""
    rules = {rule: lie(sql) for rule, sql in compiled(Everything).items()}
    monkeypatch.setattr("sluicegate.quality.contracts.compiled", lambda _: rules)
    with pytest.raises(AssertionError):
        hold_against_pandera(session, rows_of(random.Random(SEED), 20))


def test_most_of_the_projects_rules_are_judged_in_place() -> None:
    """All but what needs arithmetic or check digits: an audit that reads rows would be slow."""
    catalogue = load_catalogue(ROOT)
    contracts = {each.contract for each in catalogue.sources.values()}
    contracts |= {each.contract for each in catalogue.models.values()}
    rules = sum(len(set(each.rules()) - {each.unique_rule()}) for each in contracts)
    in_place = sum(len(compiled(each)) for each in contracts)
    assert in_place / rules > 0.95
