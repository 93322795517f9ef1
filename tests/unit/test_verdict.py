"""What a contract says of a frame, row by row and rule by rule."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.contracts import Contract, Money, field, judge, key, rule
from sluicegate.errors import ContractError
from sluicegate.ingestion.sift import shape, sift
from tests.unit.kit import batch, read_delimited, source

even = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) % 2 == 0), name="even")


class Everything(Contract):
    """Every kind of check that a contract can make."""

    name: str = key(matches="[a-c]+")
    above: int = field(nullable=True, gt=2, lt=8)
    within: Money = field(nullable=True, ge=0, le=5)
    kind: str = field(isin=("x", "y"))
    code: str = field(nullable=True, matches="ab|cd")
    count: int = field(check=even)

    @rule
    def above_within(self) -> pl.Expr:
        """The one is not less than the other."""
        return pl.col("above") >= pl.col("within")


Row = dict[str, Any]
ORACLE: dict[str, Callable[[Row], bool]] = {
    "name:not_null": lambda row: row["name"] is not None,
    "name:matches": lambda row: row["name"] is None or bool(re.fullmatch("[a-c]+", row["name"])),
    "above:greater_than": lambda row: row["above"] is None or row["above"] > 2,
    "above:less_than": lambda row: row["above"] is None or row["above"] < 8,
    "within:greater_than_or_equal_to": lambda row: row["within"] is None or row["within"] >= 0,
    "within:less_than_or_equal_to": lambda row: row["within"] is None or row["within"] <= 5,
    "kind:not_null": lambda row: row["kind"] is not None,
    "kind:isin": lambda row: row["kind"] in ("x", "y", None),
    "code:matches": lambda row: row["code"] in ("ab", "cd", None),
    "count:not_null": lambda row: row["count"] is not None,
    "count:even": lambda row: row["count"] is None or row["count"] % 2 == 0,
    "above_within": lambda row: (
        row["above"] is None or row["within"] is None or row["above"] >= row["within"]
    ),
}
"""Every rule in plain Python: true where a row keeps it."""

SCHEMA = {column.name: column.dtype for column in Everything.columns()}
CENTS = st.sampled_from(["-0.01", "0.00", "2.50", "5.00", "5.01"]).map(Decimal)
ROWS = st.fixed_dictionaries(
    {
        "name": st.none() | st.sampled_from(["a", "abc", "abcd", "xa", "a\n", ""]),
        "above": st.none() | st.integers(1, 9),
        "within": st.none() | CENTS,
        "kind": st.none() | st.sampled_from(["x", "y", "z", "xy"]),
        "code": st.none() | st.sampled_from(["ab", "cd", "abx", "xcd", "abcd"]),
        "count": st.none() | st.integers(-4, 4),
    }
)


@settings(max_examples=60)
@given(st.lists(ROWS, max_size=25))
def test_equals_plain_python_row_by_row(rows: list[Row]) -> None:
    """Each rule is broken by exactly the rows that break it in plain Python."""
    verdict = judge(Everything, pl.DataFrame(rows, SCHEMA))
    wanted = {name: [not keeps(row) for row in rows] for name, keeps in ORACLE.items()}
    wanted = {name: mask for name, mask in wanted.items() if any(mask)}
    assert {name: mask.to_list() for name, mask in verdict.broken.items()} == wanted
    rejected = [any(mask) for mask in zip(*wanted.values(), strict=True)] or [False] * len(rows)
    assert verdict.rejected.to_list() == rejected
    assert verdict.counts() == {name: sum(mask) for name, mask in wanted.items()}
    of_each = [sorted(name for name in wanted if wanted[name][place]) for place in range(len(rows))]
    assert list(map(sorted, verdict.rules_of(verdict.rejected))) == list(filter(None, of_each))


def test_rules_are_all_that_can_be_broken() -> None:
    """The contract lists every rule by the name under which it is broken."""
    assert set(Everything.rules()) == {*ORACLE, "name:unique"}


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("ab|cd", ["ab", "cd"], ["abx", "xcd"]),
        ("[0-9]+", ["12"], ["12a", "a12", "12\n", "1\n2"]),
        ("^a$|b", ["a", "b"], ["ab", "xb"]),
        ("[^x]*", ["", "anything", "two\nlines"], ["x"]),
    ],
)
def test_pattern_means_the_whole_text(pattern: str, good: list[str], bad: list[str]) -> None:
    """Where pandera would be content with a beginning, ours is not."""

    class Coded(Contract):
        """A text of a certain form."""

        code: str = key(matches=pattern)

    verdict = judge(Coded, pl.DataFrame({"code": good + bad}))
    wanted = [False] * len(good) + [True] * len(bad)
    assert verdict.broken["code:matches"].to_list() == wanted


def _raises(_: Any) -> Any:
    raise ZeroDivisionError("5512 3456 7890")


def _total(data: Any) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).sum() > 5)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (pa.Check(_raises, name="thrower"), "check n:thrower cannot be applied: ZeroDivisionError"),
        (pa.Check(_total, name="total"), "check n:total answers 1 times for 3 rows"),
        (pa.Check(lambda _: True, name="yes"), "check n:yes answers 1 times for 3 rows"),
        (pa.Check.gt(0, raise_warning=True), "greater_than would only warn"),
    ],
)
def test_check_that_cannot_judge_rows_is_a_fault_of_the_contract(
    check: pa.Check, message: str
) -> None:
    """A check that raises, only warns, or answers once for all rows, is refused when loaded."""

    class Checked(Contract):
        """A number with a check of its own."""

        name: str = key()
        n: int = field(check=check)

    with pytest.raises(ContractError, match=message) as caught:
        Checked.columns()
    assert "5512" not in str(caught.value)


def test_rows_are_never_dropped_by_pandera() -> None:
    """The option that would drop them without a trace is refused with the contract."""

    class Dropping(Contract):
        """A number, and an option that hides the bad ones."""

        name: str = key()

        class Config:
            """What must not be said."""

            strict = True
            drop_invalid_rows = True

    with pytest.raises(ContractError, match="drop rows without a trace"):
        Dropping.columns()


@pytest.mark.parametrize(
    "variable", ["PANDERA_VALIDATION_ENABLED=False", "PANDERA_VALIDATION_DEPTH=SCHEMA_ONLY"]
)
def test_environment_cannot_switch_validation_off(variable: str) -> None:
    """A contract is applied in full whatever pandera is told from outside."""
    program = """
import polars as pl
from sluicegate.contracts import Contract, field, judge, key

class Positive(Contract):
    name: str = key()
    n: int = field(gt=0)

print(judge(Positive, pl.DataFrame({"name": ["a", "b"], "n": [-1, 1]})).counts())
"""
    name, _, value = variable.partition("=")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, name: value},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{'n:greater_than': 1}\n"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"name": ["a"]}), "column not in dataframe"),
        (pl.DataFrame({"name": ["a"], "n": ["1"]}), "wrong datatype"),
        (pl.DataFrame({"name": ["a"], "n": [1], "o": [1]}), "column not in schema"),
    ],
)
def test_frame_of_another_shape_is_not_judged(frame: pl.DataFrame, message: str) -> None:
    """A missing column, another type or one too many is nobody's row."""

    class Named(Contract):
        """A number with a name."""

        name: str = key()
        n: int = field()

    with pytest.raises(ContractError, match=message):
        judge(Named, frame)


def test_nothing_breaks_no_rule() -> None:
    """A frame without rows has a verdict without rules."""
    verdict = judge(Everything, pl.DataFrame(schema=SCHEMA))
    assert verdict.broken == {}
    assert verdict.rejected.to_list() == []


def test_unreadable_text_does_not_count_as_absent(tmp_path: Any) -> None:
    """Each text breaks the rule that says what is wrong with it, and no other."""
    content = "order_id,booked_at,amount,paid\n,,1.00,\na,,,\nb,,ten,\nc,soon,0.00,x\n"
    orders = source()
    unsifted = shape(orders, batch(tmp_path, content), read_delimited(content.encode()))
    rejected = sift(orders, [unsifted]).rejected.sort("_line")
    assert [sorted(rules) for rules in rejected["rules"]] == [
        ["order_id:not_null"],
        ["amount:not_null"],
        ["amount:decimal"],
        ["amount:greater_than", "booked_at:timestamp", "paid:decimal"],
    ]
