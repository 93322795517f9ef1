"""Two versions of a contract: every kind of change, judged; and judged as the data would say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from sluicegate.contracts import (
    PII,
    Agrees,
    Date,
    Dimension,
    Mask,
    Model,
    Money,
    Rate,
    Reference,
    Severity,
    UtcTimestamp,
    field,
    iban,
    judge,
    key,
    rule,
)
from sluicegate.errors import ContractError
from sluicegate.sources import (
    Delimited,
    Detected,
    Drift,
    Excel,
    FixedWidth,
    Json,
    JsonPages,
    Load,
    Ndjson,
    Parquet,
    daily,
    within,
)
from sluicegate.versions import Verdict, compare
from sluicegate.versions.describe import of_model
from tests.unit.made import bound, broken, changes, contract, of_column

R, W, BOTH, SAFE = "readers", "writers", "readers writers", ""


@rule
def positive(self: Any) -> pl.Expr:
    return pl.col("x") > 0


@rule(severity=Severity.WARN)
def suspicious(self: Any) -> pl.Expr:
    return pl.col("x") > 0


@rule(dimension=Dimension.TIMELINESS)
def timely(self: Any) -> pl.Expr:
    return pl.col("x") > 0


@rule
def small(self: Any) -> pl.Expr:
    return pl.col("x") < pl.col("id")


@rule
def between(self: Any) -> pl.Expr:
    return pl.col("x").is_between(0, 4, closed="both")


@rule
def strictly_between(self: Any) -> pl.Expr:
    return pl.col("x").is_between(0, 4, closed="none")


def even(data: Any) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) % 2 == 0)


def odd(data: Any) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) % 2 == 1)


EVEN, ODD = (pa.Check(check, name="parity") for check in (even, odd))

# Type, what its column was declared with, what it is declared with, whom that breaks.
VALUES: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
    (Money, {"gt": 0}, {"ge": 0}, R),
    (Money, {"ge": 0}, {"gt": 0}, W),
    (Money, {"gt": 0}, {"ge": 0.01}, SAFE),
    (Rate, {"gt": 0}, {"ge": 0.01}, W),
    (int, {"gt": 0}, {"ge": 1}, SAFE),
    (int, {"ge": 0, "le": 9}, {"ge": 0, "le": 12}, R),
    (int, {"ge": 0}, {"le": 0}, BOTH),
    (int, {"ge": 0, "le": 1}, {"isin": (0, 1)}, SAFE),
    (int, {"ge": 0, "le": 2}, {"isin": (0, 2)}, W),
    (int, {"isin": (0, 1)}, {"ge": 0}, R),
    (Money, {"gt": -(10**16) + 1}, {}, R),
    (pl.Int32, {"le": 2**31 - 2}, {}, R),
    (pl.Float64, {"gt": 0.5}, {"ge": 0.5}, R),
    (pl.Float64, {"gt": 0.5}, {"ge": 0.75}, W),
    (Date, {"ge": date(2026, 1, 1)}, {"gt": date(2025, 12, 31)}, SAFE),
    (Date, {"ge": date(2026, 1, 1)}, {"ge": date(2025, 1, 1)}, R),
    (
        UtcTimestamp,
        {"ge": datetime(2026, 1, 1, tzinfo=UTC)},
        {"ge": datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)},
        W,
    ),
    (str, {"isin": ("a", "b")}, {"isin": ("b", "a")}, None),
    (str, {"isin": ("a", "b")}, {"isin": ("a",)}, W),
    (str, {"isin": ("a", "b")}, {"isin": ("a", "b", "c")}, R),
    (str, {"isin": ("a", "b")}, {}, R),
    (str, {"matches": "[ab]"}, {"isin": ("a", "b")}, W),
    (str, {"matches": "[ab]"}, {"isin": ("a", "c")}, BOTH),
    (str, {"matches": "[0-9]{4}"}, {"matches": r"\d{4}"}, BOTH),
    (str, {"matches": "a"}, {}, R),
    (str, {}, {"matches": "a"}, W),
    (str, {"check": iban}, {}, R),
    (str, {}, {"check": iban}, W),
    (int, {"check": EVEN}, {"check": ODD}, BOTH),
    (int, {"check": pa.Check.ne(3)}, {"check": pa.Check.ne(4)}, BOTH),
    (str, {}, {"nullable": True}, R),
    (str, {"nullable": True}, {}, W),
    (str, {}, {"since": "2026-10-01"}, R),
    (str, {"since": "2026-10-01"}, {"nullable": True}, W),
    (str, {"nullable": True}, {"since": "2026-10-01"}, SAFE),
    (str, {"since": "2026-10-01"}, {"since": "2026-11-01"}, SAFE),
    (str, {}, {"reads": "X"}, W),
    (str, {}, {"pii": PII.DIRECT}, R),
    (str, {"pii": PII.DIRECT}, {"pii": PII.INDIRECT}, R),
    (str, {"pii": PII.DIRECT}, {"pii": PII.DIRECT, "mask": Mask.SHAPE}, R),
    (str, {"pii": PII.DIRECT}, {"pii": PII.DIRECT, "domain": "name"}, R),
    (str, {}, {"references": "a.b"}, W),
    (str, {"references": "a.b"}, {}, R),
    (str, {"references": "a.b"}, {"references": "a.c"}, BOTH),
    (str, {}, {"description": "For people."}, None),
    (int, {"gt": 0}, {"gt": 0, "severity": Severity.WARN}, R),
    (int, {"gt": 0, "severity": Severity.WARN}, {"gt": 0}, W),
    (int, {"gt": 0, "severity": Severity.WARN}, {"gt": 5, "severity": Severity.WARN}, SAFE),
    (int, {"gt": 0, "severity": Severity.WARN}, {}, SAFE),
    (int, {}, {"gt": 0, "severity": Severity.WARN}, SAFE),
    (int, {"gt": 0}, {"gt": 0, "dimension": Dimension.TIMELINESS}, SAFE),
]


@pytest.mark.parametrize(("kind", "old", "new", "whom"), VALUES)
def test_change_of_a_column(kind: Any, old: Any, new: Any, whom: str | None) -> None:
    """Judged by what it accepts, and by what it says of a person. None: no change at all."""
    before, after = (bound(of_column(kind, field(**options))) for options in (old, new))
    assert broken(before, after) == (whom or "")
    assert bool(changes(before, after)) == (whom is not None)


@pytest.mark.parametrize(
    ("old", "new", "why"), [(0, 1, "shown is masked"), (1, 0, "masked is shown")]
)
def test_class_of_personal_data(old: int, new: int, why: str) -> None:
    """Higher or lower, readers have to know, for different reasons."""
    classes = (PII.INDIRECT, PII.DIRECT)
    columns = [field(pii=classes[each], mask=Mask.SHAPE) for each in (old, new)]
    before, after = (bound(of_column(str, column)) for column in columns)
    (change,) = changes(before, after)
    assert why in change.readers


@pytest.mark.parametrize(
    ("old", "new", "whom"),
    [
        ((), (positive,), W),
        ((positive,), (), R),
        ((positive,), (positive, small), W),
        ((positive, small), (positive,), R),
    ],
)
def test_rules_over_several_columns_come_and_go(old: Any, new: Any, whom: str) -> None:
    """What is not asked any more may be published; what is newly asked may be refused."""
    before, after = (
        bound(of_column(int, **{each.__name__: each for each in rules})) for rules in (old, new)
    )
    assert broken(before, after) == whom


@pytest.mark.parametrize(
    ("old", "new", "whom", "how"),
    [
        (positive, suspicious, R, "only warns now"),
        (suspicious, positive, W, "rejects now"),
        (positive, timely, SAFE, "counts for another dimension of quality"),
        (None, suspicious, SAFE, "is new"),
        (suspicious, None, SAFE, "was removed"),
    ],
)
def test_what_a_rule_stands_for(old: Any, new: Any, whom: str, how: str) -> None:
    """A rule that only warns refuses nothing, and what it is counted as is nobody's business."""
    before, after = (
        bound(of_column(int, **({} if each is None else {"ruled": each}))) for each in (old, new)
    )
    (change,) = changes(before, after)
    assert (broken(before, after), change.how) == (whom, how)


def test_a_rule_that_changed_cannot_be_decided() -> None:
    """Not even if polars prints both alike: its text hides which ends belong to a range."""
    old, new = (bound(of_column(int, ends=each)) for each in (between, strictly_between))
    assert old.rules["ends"].expression == new.rules["ends"].expression
    assert broken(old, new) == BOTH


def test_a_rule_under_another_name_is_the_same() -> None:
    """Only the quarantine calls it by its name."""
    old, new = (bound(of_column(int, **{name: positive})) for name in ("a", "b"))
    (change,) = changes(old, new)
    assert (change.how, broken(old, new)) == ("was renamed", SAFE)


BASE = {"id": (int, key()), "x": (str, field(nullable=True))}


@pytest.mark.parametrize(
    ("columns", "options", "whom"),
    [
        ({"y": (str, field())}, {}, W),
        ({"y": (str, field(nullable=True))}, {}, W),
        ({"y": (str, field(nullable=True))}, {"format": Ndjson()}, SAFE),
        ({"y": (str, field(nullable=True))}, {"format": Json("data")}, SAFE),
        ({"y": (str, field(since="2026-10-01"))}, {}, SAFE),
        ({"y": (str, field(since="2026-10-01"))}, {"format": Delimited(header=False)}, W),
        ({"y": (str, field(since="2026-10-01"))}, {"format": Excel(header_row=None)}, W),
        ({"y": (str, field(since="2026-10-01"))}, {"format": Excel()}, SAFE),
    ],
)
def test_a_column_that_is_new(columns: Any, options: Any, whom: str) -> None:
    """It breaks writers unless a batch may lack it, which depends on how batches name columns."""
    assert broken(bound(contract(BASE), **options), bound(contract(BASE | columns), **options)) == (
        whom
    )


def test_a_column_that_is_gone() -> None:
    """It breaks whoever reads it, and whoever delivers columns by position."""
    old, new = contract(BASE | {"y": (str, field())}), contract(BASE)
    assert broken(bound(old), bound(new)) == R
    plain = Delimited(header=False)
    assert broken(bound(old, format=plain), bound(new, format=plain)) == BOTH


def test_a_column_under_another_name() -> None:
    """Writers go on as before if it reads what it read; a key is renamed as a key."""
    old = bound(contract(BASE))
    new = bound(contract({"number": (int, key(reads="id")), "x": BASE["x"]}))
    (change,) = changes(old, new)
    assert (change.how, change.before, change.after) == ("was renamed", "id", "number")
    assert broken(old, new) == R


def test_order_of_columns() -> None:
    """It matters where batches have no header, and there only."""
    old, new = contract(BASE), contract(dict(reversed(BASE.items())))
    plain = Delimited(header=False)
    assert broken(bound(old), bound(new)) == SAFE
    assert broken(bound(old, format=plain), bound(new, format=plain)) == W


def test_another_type_and_another_key() -> None:
    """Both break both: values of one type may be none of the other, rows are told apart anew."""
    assert broken(bound(of_column(int)), bound(of_column(str))) == BOTH
    assert broken(bound(of_column(int)), bound(of_column(int, key()))) == BOTH


@pytest.mark.parametrize(
    ("old", "new", "whom"),
    [
        ({"tolerate": "2 %"}, {"tolerate": "3 %"}, R),
        ({"tolerate": "10 %"}, {"tolerate": "9 %"}, W),
        ({"may_be_empty": False}, {"may_be_empty": True}, R),
        ({"may_be_empty": True}, {"may_be_empty": False}, W),
        ({"fresh": within("36 h")}, {"fresh": within("2 days")}, R),
        ({"fresh": within("2 days")}, {"fresh": within("36 h")}, W),
        ({"fresh": within("2 days")}, {}, R),
        ({}, {"fresh": daily(by="06:00", tz="UTC")}, W),
        ({"fresh": within("2 days")}, {"fresh": daily(by="06:00", tz="UTC")}, BOTH),
        ({"load": Load.APPEND}, {"load": Load.MERGE}, R),
        ({"load": Load.MERGE}, {"load": Load.APPEND}, W),
        ({"load": Load.MERGE}, {"load": Load.REPLACE, "may_shrink": "5 %"}, BOTH),
        ({"load": Load.REPLACE, "may_shrink": "5 %"}, {"load": Load.MERGE}, R),
        ({"load": Load.APPEND}, {"load": Load.REPLACE, "may_shrink": "5 %"}, BOTH),
        ({"load": Load.REPLACE, "may_shrink": "5 %"}, {"load": Load.APPEND}, BOTH),
        (
            {"load": Load.REPLACE, "may_shrink": "5 %"},
            {"load": Load.REPLACE, "may_shrink": "50 %"},
            R,
        ),
        (
            {"load": Load.REPLACE, "may_shrink": "5 %"},
            {"load": Load.REPLACE, "may_shrink": "1 %"},
            W,
        ),
        ({"match": "a/*.csv"}, {"match": "b/*.csv"}, BOTH),
        ({"format": Delimited(",")}, {"format": Delimited(";")}, W),
        ({"format": Ndjson()}, {"format": Ndjson("cp1252")}, W),
        ({"format": FixedWidth({"x": 2})}, {"format": FixedWidth({"x": 3})}, W),
        ({"format": Json("data")}, {"format": Json("data.items")}, W),
        ({"format": Excel()}, {"format": Excel(moments={"x": "UTC"})}, W),
        ({"owner": "a"}, {"owner": "b"}, SAFE),
        ({"ignore": ("a",)}, {"ignore": ("b",)}, SAFE),
        ({}, {"drift": Drift.REFUSE}, W),
        ({"drift": Drift.QUARANTINE}, {}, SAFE),
        ({"drift": Drift.REFUSE}, {"drift": Drift.EVOLVE}, R),
        ({"drift": Drift.EVOLVE}, {"drift": Drift.QUARANTINE}, W),
        ({}, {"reference": Reference("raw.codes", on={"x": "code"})}, SAFE),
    ],
)
def test_terms_of_a_source(old: Any, new: Any, whom: str) -> None:
    """How much may be missing, how late, how rows replace each other, where they come from."""
    made = of_column(int)
    before, after = bound(made, **old), bound(made, **new)
    assert broken(before, after) == whom
    assert changes(before, after)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Ndjson(), Ndjson("UTF8")),
        (FixedWidth({"id": 8, "x": 2}), FixedWidth({"x": (9, 10), "id": (1, 8)})),
    ],
)
def test_format_that_is_declared_in_other_words(old: Any, new: Any) -> None:
    """It is the same format, and told in the same words."""
    made = of_column(int)
    assert not changes(bound(made, format=old), bound(made, format=new))


@pytest.mark.parametrize(
    "form",
    [Detected(), Detected(encoding="cp1252"), Delimited(), Excel(), Json(), JsonPages(), Parquet()],
    ids=repr,
)
def test_every_format_is_told(form: Any) -> None:
    """In a snapshot, by itself and beside another one."""
    made = of_column(int)
    assert not changes(bound(made, format=form), bound(made, format=form))
    assert changes(bound(made, format=form), bound(made, format=Ndjson()))


@pytest.mark.parametrize(
    ("old", "new", "whom"),
    [
        ({}, {"agrees": (Agrees("raw.made"),)}, W),
        ({"agrees": (Agrees("raw.made"),)}, {}, R),
        ({"agrees": (Agrees("raw.a"),)}, {"agrees": (Agrees("raw.b"),)}, BOTH),
        ({"unique": True}, {"unique": False}, R),
        ({"unique": False}, {"unique": True}, W),
        ({"may_be_empty": False}, {"may_be_empty": True}, R),
        ({}, {"reference": Reference("raw.codes", on={"x": "code"})}, SAFE),
    ],
)
def test_terms_of_a_model(old: Any, new: Any, whom: str) -> None:
    """What dbt builds has dbt for its writer."""
    made = of_column(int)
    before, after = (of_model(Model("marts.made", contract=made, **each)) for each in (old, new))
    assert broken(before, after) == whom
    assert changes(before, after)


def test_a_new_column_of_a_model_must_be_built() -> None:
    """Whether or not it may be absent."""
    columns = [BASE, BASE | {"y": (str, field(nullable=True))}]
    old, new = (of_model(Model("marts.made", contract=contract(each))) for each in columns)
    assert broken(old, new) == W


@pytest.mark.parametrize(
    ("kind", "before", "now"),
    [
        (int, {"le": str(2**63)}, {}),
        (int, {"ge": str(-(2**63))}, {}),
        (Money, {"gt": str(-(10**16))}, {}),
        (pl.Int32, {"ge": str(-(2**31)), "lt": str(2**31)}, {}),
        (str, {"isin": ("a", "b"), "matches": "a"}, {"isin": ("a",)}),
    ],
)
def test_what_was_written_down_and_would_be_refused_now(
    kind: Any, before: dict[str, Any], now: dict[str, Any]
) -> None:
    """Bounds that everything keeps are none, also in a snapshot of before they were refused."""
    new = bound(of_column(kind, field(**now)))
    key_, x = bound(of_column(kind)).columns
    old = replace(new, columns=(key_, replace(x, **before)))
    assert broken(old, new) == broken(new, old) == SAFE


def test_what_else_is_applied_cannot_be_decided() -> None:
    """An option of pandera that a contract set, and a source that becomes a model."""
    old = bound(of_column(int))
    assert broken(old, replace(old, options={"strict": "False"})) == BOTH
    model = replace(of_model(Model("raw.made", contract=of_column(int))), table=old.table)
    assert broken(old, model) == BOTH


def test_datasets_come_and_go() -> None:
    """A new one breaks nobody; one that is gone breaks who reads it."""
    made = bound(of_column(int))
    (new,) = compare({}, {"raw.made": made})
    (gone,) = compare({"raw.made": made}, {})
    assert (new.verdict, gone.verdict) == (Verdict.SAFE, Verdict.READERS)
    assert (new.owner, gone.owner) == ("somebody", "somebody")


# The same, by what happens to data.

UNIVERSE: dict[Any, list[Any]] = {
    int: [None, -(2**63), *range(-4, 9), 2**63 - 1],
    str: [None, "", "a", "b", "ab", "aa", "1", "z"],
    Money: [None, *(Decimal(n) / 100 for n in (-(10**17), *range(-3, 4), 49, 50, 51, 10**17))],
}
BOUNDS: dict[Any, list[Any]] = {int: [*range(-2, 4)], Money: [0, 0.01, 0.5, 0.004], str: []}
LISTS: dict[Any, list[Any]] = {
    int: [-1, 0, 1, 2, 3],
    str: ["a", "b", "ab", "aa", "1"],
    Money: [Decimal("0.01"), Decimal("0.50")],
}
PATTERNS = ["a", "a+", "[ab]*", "[0-9]"]
RULES = {"positive": positive, "small": small}
CHECKS = {"even": EVEN, "odd": ODD}


@st.composite
def specs(draw: Any, kind: Any) -> tuple[Any, ...]:
    """How a column is declared, as something that can be hashed."""
    options: dict[str, Any] = {}
    if draw(st.integers(0, 2)) == 0:
        chosen = draw(st.sets(st.sampled_from(LISTS[kind]), min_size=1))
        options["isin"] = tuple(sorted(chosen))
    elif kind is str and draw(st.booleans()):
        options["matches"] = draw(st.sampled_from(PATTERNS))
    else:
        for side in (("gt", "ge"), ("lt", "le")) if BOUNDS[kind] else ():
            if draw(st.booleans()):
                options[draw(st.sampled_from(side))] = draw(st.sampled_from(BOUNDS[kind]))
    if draw(st.booleans()):
        options["nullable"] = True
    rules = draw(st.sets(st.sampled_from(sorted(RULES)))) if kind is int else ()
    check = draw(st.sampled_from([None, None, *CHECKS])) if kind is int else None
    spec = kind, tuple(options.items()), tuple(sorted(rules)), check
    try:
        made(spec)
    except ContractError:
        # No value keeps its bounds.
        reject()
    return spec


pairs = st.sampled_from([int, str, Money]).flatmap(lambda kind: st.tuples(specs(kind), specs(kind)))


@cache
def made(spec: tuple[Any, ...]) -> Any:
    """A contract, and the values of its universe that it takes."""
    kind, options, rules, check = spec
    more = {} if check is None else {"check": CHECKS[check]}
    declared = field(**dict(options), **more)
    one = of_column(kind, declared, **{name: RULES[name] for name in rules})
    values = pl.Series("x", UNIVERSE[kind], dtype=one.columns()[1].dtype)
    frame = pl.DataFrame({"id": pl.Series([2] * len(values), dtype=pl.Int64), "x": values})
    taken = ~judge(one, frame).rejected
    return bound(one), frozenset(n for n, fits in enumerate(taken) if fits)


@settings(max_examples=200)
@given(pairs)
@example(((int, (("gt", 0),), (), None), (int, (("ge", 1),), (), None)))
def test_verdict_is_what_data_say(pair: Any) -> None:
    """A value that only the new one takes breaks readers; one that only the old one took, writers.

    What can be decided is decided: without patterns, own checks and rules the verdict is not
    stricter than the data.
    """
    (old, took), (new, takes) = made(pair[0]), made(pair[1])
    found = changes(old, new)
    breaks = (any(c.readers for c in found), any(c.writers for c in found))
    said = (bool(takes - took), bool(took - takes))
    assert all(ours or not theirs for ours, theirs in zip(breaks, said, strict=True))
    if all(
        "matches" not in dict(options) and not (rules or check) for _, options, rules, check in pair
    ):
        assert breaks == said


@settings(max_examples=200)
@given(pairs)
def test_backwards_readers_and_writers_swap(pair: Any) -> None:
    """What widens one way narrows the other way; and nothing differs from itself."""
    old, new = made(pair[0])[0], made(pair[1])[0]
    forth, back = broken(old, new), broken(new, old)
    swapped = {R: W, W: R}
    assert back == swapped.get(forth, forth)
    assert changes(old, old) == ()
    assert (changes(old, new) == ()) == (old == new)
