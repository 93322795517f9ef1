"""JSON Schema of a row: it takes what the contract takes, and refuses what the contract refuses."""

from __future__ import annotations

import json
import math
import os
import random
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from jsonschema import Draft202012Validator

from sluicegate.contracts import (
    PII,
    Contract,
    Date,
    Mask,
    Model,
    Money,
    Severity,
    UtcTimestamp,
    field,
    iban,
    judge,
)
from sluicegate.contracts import key as key_column
from sluicegate.exports.dataset import Dataset, dataset_of
from sluicegate.exports.json_schema import UNTOLD, schema_of, text_of
from sluicegate.exports.words import rules_of
from sluicegate.sources import LINE, Ndjson
from sluicegate.versions.describe import of_model
from tests.unit.made import bound, contract, of_column
from tests.unit.test_compiled import VALUES, Everything


def of_table(made: type[Contract]) -> Dataset:
    """A table that dbt builds."""
    return dataset_of(of_model(Model("marts.made", contract=made)), made)


def sent(made: type[Contract], **options: Any) -> Dataset:
    """A source of it."""
    return dataset_of(bound(made, **options), made)


def takes(dataset: Dataset, row: dict[str, Any]) -> bool:
    """Whether a validator takes a row."""
    schema = schema_of(dataset)
    Draft202012Validator.check_schema(schema)
    return bool(Draft202012Validator(schema).is_valid(row))


def as_json(value: Any) -> Any:
    """A typed value as JSON has it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


EVERYTHING = of_table(Everything)
VALIDATOR = Draft202012Validator(schema_of(EVERYTHING))


def few_at_a_time(dice: random.Random) -> dict[str, Any]:
    """A row of which little is there, so that some break nothing."""
    row = dict.fromkeys(VALUES) | {"needed": "x", "weight": 0.5}
    row |= {name: dice.choice(VALUES[name]) for name in dice.sample([*VALUES], dice.randrange(4))}
    # JSON has no such numbers.
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def test_verdicts_are_those_of_the_contract() -> None:
    """For every rule that the schema tells, on rows made at random."""
    dice = random.Random(os.environ["TEST_SEED"])
    rows = [{"id": number, **few_at_a_time(dice)} for number in range(400)]
    types = {column.name: column.dtype for column in Everything.columns()}
    frame = pl.DataFrame(rows, schema=types, orient="row")
    verdict = judge(Everything, frame)
    assert 50 < verdict.rejected.sum() < 350
    untold = schema_of(EVERYTHING)[UNTOLD]
    broken = verdict.broken
    for number, row in enumerate(frame.iter_rows(named=True)):
        refused = {rule for rule, mask in broken.items() if mask[number]}
        told = {name: as_json(value) for name, value in row.items()}
        # A text that does not even look like an account number is refused, too.
        if "account:iban" not in refused or refused - untold.keys():
            assert VALIDATOR.is_valid(told) == (not refused - untold.keys()), (row, refused)


def test_no_rule_is_dropped() -> None:
    """What JSON Schema cannot tell is told in words: each rule is in one of both."""
    assert set(schema_of(EVERYTHING)[UNTOLD]) == {
        *("id:unique", "loose:matches", "account:iban", "own:<lambda>"),
        *("day:greater_than_or_equal_to", "day:less_than", "born:greater_than_or_equal_to"),
        *("in_order", "same_when_flagged", "either", "adds_up", "mixed"),
    }
    assert {each.rule for each in rules_of(EVERYTHING)} == set(Everything.rules())
    words = schema_of(EVERYTHING)[UNTOLD]
    assert words["day:less_than"] == "less than 2026-03-01"
    assert words["in_order"] == "A comparison of two columns."
    assert words["own:<lambda>"] == "passes the check `<lambda>`"


@pytest.mark.parametrize(
    ("kind", "declared", "good", "bad"),
    [
        (int, field(gt=0, le=9), [1, 9], [0, 10, 1.5, "1", None]),
        (Money, field(gt=Decimal("-1.50"), lt=2), [-1.49, 1.99, 0], [-1.5, 2, "1.0"]),
        (Money, field(isin=[Decimal("0.10"), Decimal(3)]), [0.1, 3], [0.2]),
        (Date, field(), ["2026-02-28"], ["28.02.2026", "2026-02-28\n", 20260228]),
        (Date, field(isin=[date(2026, 1, 1)]), ["2026-01-01"], ["2026-01-02"]),
        (UtcTimestamp, field(), ["2026-10-30T14:05:11+01:00"], ["2026-10-30T14:05:11", ""]),
        (str, field(), ["x"], ["", None, 1]),
        (str, field(nullable=True), ["", None, "x"], [1]),
        (str, field(isin=["a", 'it\'s \\ "b"']), ["a", 'it\'s \\ "b"'], ["", "A", "aa"]),
        (str, field(nullable=True, isin=["a"]), ["a", "", None], ["b"]),
        (str, field(matches="EUR|USD"), ["EUR"], ["xEUR", "USDx", "EUR\n", ""]),
        (str, field(nullable=True, matches="EUR|USD"), ["EUR", "", None], ["xEUR", "\n"]),
        (str, field(matches="\\[\"[A-Z\\\\]+'"), ["[\"A\\'"], ['["A"', "A"]),
        (str, field(check=iban), ["DE89370400440532013000"], ["DE8937040044", "de89", ""]),
        (pl.Boolean, field(), [True, False], ["true", 0]),
        (pl.Float64, field(ge=0.25), [0.25, 1], [0.2]),
    ],
)
def test_each_kind_of_check(kind: Any, declared: Any, good: list[Any], bad: list[Any]) -> None:
    """A source's record that keeps it is taken, and one that breaks it is refused."""
    dataset = sent(of_column(kind, declared))
    assert [value for value in good if not takes(dataset, {"id": 1, "x": value})] == []
    assert [value for value in bad if takes(dataset, {"id": 1, "x": value})] == []


@pytest.mark.parametrize(
    ("kind", "declared", "breaks", "untold"),
    [
        (int, {"gt": 0}, 0, {"x:greater_than": "greater than 0 (only warns)"}),
        (str, {"isin": ["a"]}, "b", {"x:isin": "one of `a` (only warns)"}),
        (str, {"matches": "[a-c]+"}, "d", {"x:matches": "all of it matches `[a-c]+` (only warns)"}),
        (str, {"check": iban}, "DE",
         {"x:iban": "an IBAN whose check digits are right (only warns)"}),
    ],
)  # fmt: skip
def test_what_only_warns_is_words(
    kind: Any, declared: dict[str, Any], breaks: Any, untold: dict[str, str]
) -> None:
    """The row is published, so the schema has to take it; without the severity it does not."""
    warning = sent(of_column(kind, field(**declared, severity=Severity.WARN)))
    assert takes(warning, {"id": 1, "x": breaks})
    assert not takes(warning, {"id": 1, "x": None})
    assert untold.items() <= schema_of(warning)[UNTOLD].items()
    assert not takes(sent(of_column(kind, field(**declared))), {"id": 1, "x": breaks})


@pytest.mark.parametrize("pattern", [r"\d+", r"\w", "a.b", "(?i)a", "^a", "é", r"[\d]", r"[a&&b]"])
def test_patterns_that_others_read_otherwise_are_words(pattern: str) -> None:
    """Rust's classes are those of Unicode: where engines disagree, the schema does not judge."""
    schema = schema_of(sent(of_column(str, field(matches=pattern))))
    assert "pattern" not in schema["properties"]["x"]
    assert pattern in schema[UNTOLD]["x:matches"]


def test_bound_that_no_json_number_holds_is_words() -> None:
    """It would be another bound."""
    schema = schema_of(sent(of_column(Money, field(lt=Decimal("1234567890123456.78")))))
    assert schema[UNTOLD]["x:less_than"] == "less than 1234567890123456.78"


def test_records_are_nested_and_named_as_they_are_sent() -> None:
    """JSON nests what ``reads`` says; a delimited header has the name as it is."""
    made = contract(
        {
            "id": (int, key_column(reads=LINE)),
            "city": (str, field(reads="address.city")),
            "zip": (
                str,
                field(nullable=True, reads="address.zip", pii=PII.INDIRECT, mask=Mask.SHAPE),
            ),
            "day": (Date, field(since="2026-01-01", reads="more.day")),
        }
    )
    nested = sent(made, format=Ndjson())
    assert takes(nested, {"address": {"city": "Bonn"}})
    assert takes(nested, {"address": {"city": "Bonn", "zip": None}, "more": None, "new": 1})
    assert not takes(nested, {"address": {"zip": "53111"}})
    assert not takes(nested, {"address": None})
    assert not takes(nested, {"city": "Bonn"})
    assert takes(sent(made), {"address.city": "Bonn"})
    assert not takes(sent(made), {"address": {"city": "Bonn"}})
    found = schema_of(nested)["properties"]
    assert found["address"]["properties"]["zip"]["description"] == "Personal data (indirect)."
    assert found["more"]["properties"]["day"]["description"] == "Sent since 2026-01-01."
    assert "id" not in found


def test_file_says_who_made_it_and_is_json() -> None:
    """Without descriptions there are none, and names of any kind are themselves."""
    made = contract({"no": (int, key_column()), 'a "b": \\c': (str, field())})
    written = json.loads(text_of(sent(made), "Made here."))
    assert written["$comment"] == "Made here."
    assert "description" not in written
    assert set(written["properties"]) == {"no", 'a "b": \\c'}
