"""What is ignored in a contract, or can never fail, is refused when it is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

import sluicegate
from sluicegate.contracts import (
    Contract,
    Date,
    Money,
    Severity,
    UtcTimestamp,
    field,
    iban,
    key,
    rule,
)
from sluicegate.contracts.verdict import judge
from sluicegate.errors import ContractError
from tests.unit.made import contract, of_column


def compared(compare: Callable[[pl.Expr], pl.Expr], **options: Any) -> pa.Check:
    """A check of somebody's own."""
    return pa.Check(lambda data: data.lazyframe.select(compare(pl.col(data.key))), **options)


def positive(column: pl.Expr) -> pl.Expr:
    """What most checks here say."""
    return column > 0


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (int, {"gt": 5, "lt": 3}, "has no value that keeps gt=5 and lt=3"),
        (int, {"gt": 5, "lt": 6}, "has no value that keeps gt=5 and lt=6"),
        (Money, {"gt": 5, "lt": Decimal("5.01")}, "has no value"),
        (Money, {"ge": 10**16}, "has no value that keeps ge=10000000000000000"),
        (pl.Float64, {"gt": 0.5, "lt": 0.5}, "has no value"),
        (Date, {"gt": date(2026, 1, 1), "lt": date(2026, 1, 2)}, "has no value"),
        (UtcTimestamp, {k: datetime(2026, 1, 1, tzinfo=UTC) for k in ("ge", "lt")}, "has no value"),
        (pl.UInt8, {"ge": 0}, "cannot break ge=0: every value of its type keeps it"),
        (pl.UInt8, {"lt": 256}, "cannot break lt=256"),
        (int, {"lt": 2**63}, "cannot break lt=9223372036854775808"),
        (int, {"le": 2**63 - 1}, "cannot break le="),
        (Money, {"lt": 10**16}, "cannot break lt=10000000000000000"),
        (pl.Float64, {"le": float("inf")}, "cannot break le=inf"),
        *(
            (kind, {side: value}, "has no value that keeps")
            for kind in (int, Money, pl.Float64)
            for side, value in (("gt", float("inf")), ("lt", float("-inf")))
        ),
        (str, {"ge": ""}, "cannot break ge="),
        (str, {"lt": ""}, "has no value that keeps lt="),
        (str, {"check": pa.Check.isin([])}, "has no value that isin= lists"),
        (str, {"check": pa.Check.notin([])}, "x:notin cannot be broken"),
        (str, {"check": pa.Check.str_startswith("")}, "x:str_startswith cannot be broken"),
        (str, {"check": pa.Check.str_endswith("")}, "x:str_endswith cannot be broken"),
        (str, {"check": pa.Check.str_length(min_value=0)}, "x:str_length cannot be broken"),
        (int, {"gt": 1, "ge": 2}, "bounded twice on one side: gt=1 and ge=2"),
        (int, {"lt": 1, "le": 2}, "bounded twice on one side"),
        (int, {"gt": "5"}, "of the type Int64, and gt='5' is not"),
        (int, {"gt": True}, "and gt=True is not"),
        (str, {"gt": 5}, "of the type String, and gt=5 is not"),
        (pl.Float64, {"gt": float("nan")}, "and gt=nan is not"),
        (UtcTimestamp, {"gt": date(2026, 1, 1)}, "is not"),
        (UtcTimestamp, {"gt": datetime(2026, 1, 1)}, "is not"),  # noqa: DTZ001
        (Date, {"gt": datetime(2026, 1, 1, tzinfo=UTC)}, "is not"),
        (str, {"isin": (1, 2)}, "of the type String, and isin= lists 1, which is not"),
        (int, {"isin": (1, 2**63)}, "isin= lists 9223372036854775808, which is not"),
        (Money, {"isin": (Decimal("0.001"),)}, "isin= lists Decimal"),
        (str, {"isin": [None]}, "isin= lists None, which is not"),
        (int, {"isin": (1, 2), "ge": 0}, "isin= and ge=0: what is listed never breaks that"),
        (int, {"isin": (-1, 2), "ge": 0}, "isin= and ge=0"),
        (str, {"isin": ("a", "b"), "matches": "[ab]"}, r"isin= and matches='\[ab\]'"),
        (pl.Boolean, {"isin": (True, False)}, "every value of its type is listed"),
        (pl.UInt8, {"isin": range(256)}, "every value of its type is listed"),
        (int, {"matches": "[0-9]+"}, "x:matches cannot be applied"),
        (int, {"example": "1"}, "of the type Int64, and '1' is not"),
        (Date, {"breaks": [date(2026, 1, 1), "2026"]}, "and '2026' is not"),
    ],
)
def test_bounds_and_lists_that_say_nothing(
    kind: Any, options: dict[str, Any], message: str
) -> None:
    """Contradictions, bounds beyond the type, values of another one, and one promise twice."""
    with pytest.raises(ContractError, match=message) as caught:
        of_column(kind, field(**options)).columns()
    assert caught.value.where == "tests.unit.made.Made"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"isin": ()}, r"isin=\(\) lets no value pass"),
        ({"isin": "EUR"}, "isin='EUR' is one text, not a list"),
        ({"isin": (1, 1)}, "isin= lists 1 twice"),
        ({"isin": (1, "a")}, "of several types, or an absent one"),
        ({"isin": ("a", None)}, "of several types, or an absent one"),
        ({"matches": ".*"}, r"'\.\*' matches every text: it cannot fail"),
        ({"matches": r"(.|\n)*"}, "matches every text"),
        ({"matches": "(?s).*"}, "matches every text"),
        ({"matches": r"[\s\S]*|a"}, "matches every text"),
        ({"matches": r"[^\s\S]"}, "matches no text"),
        ({"matches": r"(?:[^\d\D]x)+"}, "matches no text"),
        ({"matches": "$a"}, "matches no text"),
        ({"matches": "a^"}, "matches no text"),
        ({"matches": "(a^)b|c($)d"}, "matches no text"),
        ({"matches": ""}, "The pattern '' is none"),
        ({"matches": "a|"}, "has an alternative without a text"),
        ({"matches": "|a"}, "has an alternative without a text"),
        ({"check": lambda data: True}, "check= is given a function, which is no check"),
        ({"check": "iban"}, "check= is given a str"),
    ],
)
@pytest.mark.parametrize("declare", [field, key])
def test_declaration_that_says_nothing(
    declare: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    """It is refused where it stands, before there is a contract."""
    if "check" in options and declare is key:
        return
    with pytest.raises(ContractError, match=message) as caught:
        declare(**options)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [
        (".{0,1000}", "x" * 1001),
        ("(?:..?){0,300}", "x" * 601),
        ("[^<>]*", "<"),
        ("[^€]*", "€"),
        (r"[^\x{20ac}]*", "€"),
        (r"[^\p{Greek}]*", "\u03b1"),
        ("(?:[^<]|<[^/])*<?", "</"),
    ],
)
def test_pattern_that_nearly_every_text_matches(pattern: str, refused: str) -> None:
    """It can fail, so it says something."""
    made = of_column(str, field(matches=pattern))
    frame = pl.DataFrame({"id": [1, 2], "x": ["a", refused]})
    assert judge(made, frame).broken["x:matches"].to_list() == [False, True]


@pytest.mark.parametrize(
    "pattern", ["^a$", "(?:^|x)a", "a(?:$|b)", "^^a$$", "(?m)a$\n^b", "a*^b", r"[^\s\w]", "($|a)b"]
)
def test_anchor_that_may_hold_is_left(pattern: str) -> None:
    """Only what is seen to match nothing is refused."""
    assert field(matches=pattern)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (compared(positive, name="p", groupby="id"), "x:p is given groupby="),
        (compared(positive, name="p", n_failure_cases=1), "x:p is given n_failure_cases="),
        (compared(positive, name="p", ignore_na=False), "x:p is given ignore_na=False"),
        (compared(positive, name="not_null"), "x:not_null would be the name of two rules"),
        (compared(positive, name="integer"), "x:integer would be the name of two rules"),
        (compared(positive, name="references"), "x:references would be the name of two rules"),
        (compared(positive, name="a:references"), "x:a:references would be the name of two rules"),
        (pa.Check.ge(3), "x:greater_than_or_equal_to would be the name of two rules"),
        (compared(lambda column: column > column.mean(), name="p"), "x:p judges a row by the rows"),
        (
            compared(lambda column: column > column.mean(), name="matches"),
            "x:matches judges a row by the rows",
        ),
        (
            compared(lambda column: column > column.shift(), name="p"),
            "x:p judges a row by the rows",
        ),
        (compared(lambda column: column.is_unique(), name="p"), "x:p judges a row by the rows"),
        (compared(lambda column: pl.lit(value=True), name="p"), "x:p answers 1 times for 3 rows"),
        (compared(lambda column: column.str.len_chars() > 0, name="p"), "x:p cannot be applied"),
    ],
)
def test_check_of_ones_own_that_does_not_count(check: pa.Check, message: str) -> None:
    """Options that nothing follows, names that are taken, and answers that are about other rows."""
    with pytest.raises(ContractError, match=message):
        of_column(int, field(ge=0, check=check)).columns()


@pytest.mark.parametrize(
    "check",
    [
        pa.Check.str_matches("EUR|USD"),
        pa.Check.str_matches("^EUR|USD$"),
        pa.Check.str_contains("EUR"),
    ],
)
def test_pattern_without_anchors_is_refused(check: pa.Check) -> None:
    """It would be content with "xxUSD"."""
    with pytest.raises(ContractError, match=r"is content with .* is not anchored") as caught:
        of_column(str, field(check=check)).columns()
    assert "matches=" in str(caught.value.hint)
    assert of_column(str, field(check=pa.Check.str_matches("^(?:EUR|USD)$"))).columns()


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ({"strict": False}, "it would let columns pass", "remove strict"),
        ({"strict": "filter"}, "it would let columns pass", "remove strict"),
        ({"coerce": True}, "it would turn values into others", "remove coerce"),
        ({"unique": ["x"]}, r"unique = \['x'\]: it would count absent values", "remove unique"),
        ({"drop_invalid_rows": True}, "drop rows without a trace", "remove drop_invalid_rows"),
        ({"add_missing_columns": True}, "make up a column", "remove add_missing_columns"),
        ({"ordered": True}, "this can never fail", "remove ordered"),
        ({"dtype": int}, "overrule the types", "remove dtype"),
        ({"metadata": {"owner": "x"}}, "nothing reads it", "remove metadata"),
        ({"from_format": "csv"}, "nothing reads it", "remove from_format"),
        ({"strcit": True}, "Config says 'strcit', which nothing knows", "did you mean 'strict'"),
        ({"greater_than": 3}, "which nothing knows", "checks stand in field"),
    ],
)
def test_option_that_takes_a_promise_back(option: dict[str, Any], message: str, hint: str) -> None:
    """Of pandera's options a contract may say its name, its title and its description."""
    said = type("Config", (), {"title": "Numbers", "strict": True})
    assert of_column(int, Config=said).columns()
    with pytest.raises(ContractError, match=message) as caught:
        of_column(int, Config=type("Config", (said,), option)).columns()
    assert caught.value.where == "tests.unit.made.Made.Config"
    assert hint in str(caught.value.hint)


def helper(self: Any) -> pl.Expr:
    """A method that nobody applies."""
    return pl.col("x") > 0


@rule
def applied(self: Any) -> pl.Expr:
    """A method that is."""
    return pl.col("x") > 0


def asked(cls: Any, data: Any) -> pl.LazyFrame:
    """A check as pandera has it."""
    return data.lazyframe.select(pl.col("x") > 0)


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ({"owner": "sales"}, "'owner' says nothing here", r"Files(..., owner=...)"),
        ({"tolerence": "2 %"}, "'tolerence' says nothing here", "Files(..., tolerate=...)"),
        ({"uniqe": True}, "'uniqe' says nothing here", "Model(..., unique=...)"),
        ({"LIMIT": 3}, "'LIMIT' says nothing here", "constants stand outside"),
        ({"positive": helper}, "'positive' is no rule: nothing applies it", "write @rule above it"),
        ({"positive": classmethod(helper)}, "is no rule", "begins with an underscore"),
        ({"positive": property(helper)}, "is no rule", "begins with an underscore"),
        ({"m": pa.check("x")(asked)}, "'m' is a check of pandera's", "field(check=pa.Check(...))"),
        ({"m": pa.dataframe_check(asked)}, "'m' is a check of pandera's", "@rule"),
        ({"y": field()}, "The column 'y' has no type", "write y: str = field()"),
        ({"_y": field()}, "'_y' would be ignored", "write y: ... = field(reads='_y')"),
        ({"x": applied}, "'x' is a rule and a column", "rename one"),
        ({"x": 3}, "'x' is not declared with field()", "write x: ... = field()"),
        ({"x": pa.Field(gt=0)}, "'x' is not declared with field()", "write x: ... = field()"),
    ],
)
def test_member_that_nobody_reads(body: dict[str, Any], message: str, hint: str) -> None:
    """What looks like metadata, a rule or a column, and is none."""
    made = contract({"id": (int, key()), "x": (int, field())}, **body)
    with pytest.raises(ContractError, match=message) as caught:
        made.columns()
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "body",
    [
        {"row_rules": classmethod(lambda cls: {})},
        {"to_schema": classmethod(lambda cls: None)},
        {"_built": classmethod(lambda cls: None)},
        {"validate": applied},
        {"key": field()},
    ],
)
def test_what_contracts_do_cannot_be_replaced(body: dict[str, Any]) -> None:
    """Not by a rule either, nor by a column that happens to have that name."""
    with pytest.raises(ContractError, match="is something that every contract has") as caught:
        contract({"id": (int, key()), "x": (int, field())}, **body)
    assert "reads=" in str(caught.value.hint)


def test_helpers_of_rules_have_a_place() -> None:
    """What begins with an underscore is the contract's own affair."""
    made = of_column(int, _limit=3, _helper=helper, positive=applied)
    assert "positive" in made.rules()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (pl.col("x") == pl.col("x"), "is never broken"),
        ((pl.col("x") >= pl.col("x")).alias("y"), "is never broken"),
        (pl.col("x").eq_missing(pl.col("x")), "is never broken"),
        (pl.col("x").is_null() | pl.col("x").is_not_null(), "is never broken"),
        ((pl.col("x") > 0) | ~(pl.col("x") > 0), "is never broken"),
        ((pl.col("x") > 0) | (pl.col("x") <= 0), "is never broken"),
        ((pl.col("x") > 0) | pl.lit(value=True), "is never broken"),
        (~(pl.col("x") < pl.col("x")), "is never broken"),
        (pl.when(pl.col("x") > 0).then(statement=True), "is never broken"),
        (
            pl.when(pl.col("x") > 0).then(pl.col("x") == pl.col("x")).otherwise(statement=True),
            "is never broken",
        ),
        ((pl.col("x") == pl.col("x")).fill_null(value=True), "is never broken"),
        (pl.col("x") != pl.col("x"), "is broken by every row"),
        ((pl.col("x") > 0) & (pl.col("x") <= 0), "is broken by every row"),
        ((pl.col("x") < pl.col("x")) & (pl.col("id") > 0), "is broken by every row"),
        (pl.col("x") + 1, "answers with Int64, not with true or false"),
        (pl.col("x").str.len_chars() > 1, "cannot be applied"),
        (pl.col("x", "id") > 0, "answers several times for each row"),
        (pl.col("x") > pl.col("x").mean(), "judges a row by the rows beside it"),
        (pl.col("x") > pl.col("x").shift(), "judges a row by the rows beside it"),
        (pl.col("x").cum_sum() < 3, "judges a row by the rows beside it"),
        (pl.col("x").sum().over("id") < 10, "judges a row by the rows beside it"),
        (pl.col("x") < pl.col("x").max() + 1, "judges a row by the rows beside it"),
        (pl.col("x").count().over("id") < 2, "judges a row by the rows beside it"),
        (pl.col("x").is_unique() | (pl.col("id") < 0), "judges a row by the rows beside it"),
    ],
)
def test_rule_that_is_decided_beforehand(expression: pl.Expr, message: str) -> None:
    """It says the same of every row, or of other rows than its own."""
    made = of_column(int, told=rule(lambda self: expression))
    with pytest.raises(ContractError, match=message) as caught:
        made.columns()
    assert "'told'" in caught.value.message or "told" in caught.value.message


@pytest.mark.parametrize(
    "expression",
    [
        pl.col("x") == pl.col("id"),
        pl.col("x").is_null() | pl.col("id").is_not_null(),
        (pl.col("x") > 0) | (pl.col("x") < 0),
        (pl.col("x") > 0) | ~(pl.col("id") > 0),
        (pl.col("x") > 0).fill_null(value=True),
        pl.when(pl.col("x") > 0).then(pl.col("id") > 0),
        pl.max_horizontal("x", "id") < 9,
        pl.concat_list("x", "id").list.eval(pl.element().sum()).list.first() < 9,
        pl.concat_list("x", "id").list.sum() < 9,
        pl.col("x").is_in(pl.lit(pl.Series([1, 2])).implode()),
        (pl.col("x") > 0) & (pl.col("x") == pl.col("x")),
    ],
)
def test_rule_that_is_not_decided_beforehand(expression: pl.Expr) -> None:
    """Nothing is refused that some row breaks, and some row keeps."""
    assert "told" in of_column(int, told=rule(lambda self: expression)).rules()


class Base(Contract):
    """A contract to extend."""

    id: str = key()
    n: int = field(ge=0, le=9)
    code: str = field(matches="[a-z]", nullable=True)
    kind: str = field(isin=("a", "b"))
    account: str = field(check=iban)

    @rule
    def small(self) -> pl.Expr:
        """Less than something."""
        return pl.col("n") < 8


def extended(column: str, kind: Any, declared: Any) -> type[Contract]:
    """A contract that extends another, with one column declared anew."""
    space = {"__annotations__": {column: kind}, "__module__": __name__, column: declared}
    return type(Contract)("More", (Base,), space)


@pytest.mark.parametrize(
    ("column", "kind", "declared", "lost"),
    [
        ("n", int, field(ge=0), "n: less_than_or_equal_to"),
        ("n", int, field(ge=-1, le=9), "n: greater_than_or_equal_to"),
        ("n", int, field(ge=0, le=9, nullable=True), "n: not_null"),
        ("n", pl.Int32, field(ge=0, le=9), "n: type Int64"),
        ("code", str, field(matches="[a-zA-Z]"), "code: matches"),
        ("code", str, field(), "code: matches"),
        ("kind", str, field(isin=("a", "b", "c")), "kind: isin"),
        ("account", str, field(), "account: iban"),
        ("account", str, field(check=compared(lambda c: c != "", name="iban")), "account: iban"),
        ("id", str, field(), "id: key"),
    ],
)
def test_extension_that_takes_a_promise_back(
    column: str, kind: Any, declared: Any, lost: str
) -> None:
    """A column that is declared anew keeps all that was promised of it, or is refused."""
    message = f"extends Base, and does not keep what that promises: {lost}"
    with pytest.raises(ContractError, match=message):
        extended(column, kind, declared).columns()


@pytest.mark.parametrize(
    ("column", "kind", "declared"),
    [
        ("n", int, field(ge=0, le=5)),
        ("n", int, field(ge=0, le=9, check=pa.Check.ne(3))),
        ("kind", str, field(isin=("a",))),
        ("code", str, field(matches="[a-z]")),
        ("account", str, field(check=iban, gt="")),
    ],
)
def test_extension_may_promise_more(column: str, kind: Any, declared: Any) -> None:
    """What is narrower keeps what is wider."""
    assert set(extended(column, kind, declared).rules()) >= {"n:less_than_or_equal_to", "small"}


def test_extension_keeps_the_rules_of_its_base() -> None:
    """A rule of the same name that says something else is a rule taken back."""

    class Kept(Base):
        """The same again."""

        @rule
        def small(self) -> pl.Expr:
            """Less than something."""
            return pl.col("n") < 8

    class Lost(Base):
        """Another one."""

        @rule
        def small(self) -> pl.Expr:
            """Less than something else."""
            return pl.col("n") < 800

    class Softer(Base):
        """The same, and nothing follows from it."""

        @rule(severity=Severity.WARN)
        def small(self) -> pl.Expr:
            """Less than something."""
            return pl.col("n") < 8

    class Silent(Base):
        """None any more."""

        small = None

    assert "small" in Kept.rules()
    for taken, message in (
        (Lost, r"promises: small\."),
        (Softer, "promises: small: severity"),
        (Silent, "'small' says nothing here"),
    ):
        with pytest.raises(ContractError, match=message):
            taken.columns()


def test_editors_know_every_argument() -> None:
    """No argument is passed on unseen: type checkers refuse what nobody knows, and so does Python.

    A mark in the package tells them that its types are meant.
    """
    for declare in (field, key, rule):
        kinds = {each.kind for each in inspect.signature(declare).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            declare(colour="blue")  # type: ignore[call-overload, call-arg]
    assert (Path(sluicegate.__file__).parent / "py.typed").is_file()
