"""ODCS documents: every rule is in one of them, in the standard's words, as SQL or as text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pandera.polars as pa
import polars as pl
import pytest
import yaml

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import (
    Contract,
    Date,
    Dimension,
    Model,
    Money,
    Severity,
    field,
    iban,
    key,
    rule,
)
from sluicegate.exports import datasets_of
from sluicegate.exports.dataset import Dataset, dataset_of
from sluicegate.exports.odcs import document_of, text_of
from sluicegate.exports.words import BOUNDS, rules_of
from sluicegate.sources import daily, within
from sluicegate.versions.describe import of_model
from tests.support import ROOT
from tests.unit.made import bound, contract, of_column
from tests.unit.test_compiled import Everything

OPTIONS = dict(
    zip(
        ("exclusiveMinimum", "minimum", "exclusiveMaximum", "maximum"),
        (check for check, _ in BOUNDS.values()),
        strict=True,
    ),
    pattern="matches",
)


def told(document: dict[str, Any]) -> Iterator[str]:
    """The rules that a document tells, by the names that they have in quarantine."""
    (table,) = document["schema"]
    keys = [each for each in table["properties"] if each.get("primaryKey")]
    if keys:
        yield f"{'+'.join(each['name'] for each in keys)}:unique"
    for each in table["properties"]:
        if each["required"]:
            yield f"{each['name']}:not_null"
        options = each.get("logicalTypeOptions", {})
        others = [quality["name"] for quality in each.get("quality", ())]
        # It tells what an account number looks like, which is not all of its rule.
        shape = f"{each['name']}:iban" in others
        yield from (
            f"{each['name']}:{OPTIONS[option]}"
            for option in options
            if option != "pattern" or not shape
        )
        yield from others
    yield from (each["name"] for each in table.get("quality", ()) if each["name"] != "not_empty")


def kind_of(dataset: Dataset, rule: str) -> str:
    """How a rule is told that has no word of its own: ``library``, ``sql`` or ``text``."""
    (table,) = document_of(dataset)["schema"]
    every = [table, *table["properties"]]
    return {q["name"]: q["type"] for each in every for q in each.get("quality", ())}.get(rule, "")


DATASETS = [
    *datasets_of(load_catalogue(ROOT)),
    dataset_of(of_model(Model("marts.everything", contract=Everything)), Everything),
]


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.table)
def test_no_rule_is_dropped_and_none_is_told_twice(dataset: Dataset) -> None:
    """The document tells the rules of the contract: these, and each once."""
    assert sorted(told(document_of(dataset))) == sorted(each.rule for each in rules_of(dataset))


def test_how_rules_are_told() -> None:
    """As SQL where that means the same as the contract, as text where it may not."""
    everything = DATASETS[-1]
    kinds = {each.rule: kind_of(everything, each.rule) for each in rules_of(everything)}
    assert {rule for rule, kind in kinds.items() if kind == "sql"} == {
        *("chosen:isin", "rating:isin", "day:greater_than_or_equal_to", "day:less_than"),
        *("in_order", "same_when_flagged", "either", "born:greater_than_or_equal_to"),
    }
    assert {rule for rule, kind in kinds.items() if kind == "text"} == {
        *("loose:matches", "account:iban", "own:<lambda>"),
        *("adds_up", "mixed"),
    }
    assert [rule for rule, kind in kinds.items() if kind == "library"] == ["text:isin"]


def test_what_there_is_besides_rules() -> None:
    """Owner, types, classes, terms; the version is another one if anything promised is."""
    (payments,) = (each for each in DATASETS if each.table == "raw.payments")
    document = yaml.safe_load(text_of(payments, "Made here."))
    assert text_of(payments, "Made here.").startswith("# Made here.\napiVersion: v3.1.0\n")
    assert (document["id"], document["team"]) == ("raw.payments", {"name": "payments"})
    columns = {each["name"]: each for each in document["schema"][0]["properties"]}
    assert columns["amount"]["physicalType"] == "decimal(18, 2)"
    assert columns["debtor_iban"]["classification"] == "pii_direct"
    assert {"property": "since", "value": "2026-10-16"} in columns["channel"]["customProperties"]
    assert document["slaProperties"][1]["value"] == "06:00"
    narrow, wide = (of_column(int, field(ge=bound)) for bound in (1, 0))
    versions = {document_of(dataset_of(bound(made), made))["version"] for made in (narrow, wide)}
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("fresh", "wanted"),
    [
        (within("36 h"), [("freshness", 36, "h")]),
        (within("48 h"), [("freshness", 2, "d")]),
        (daily(by="06:00", tz="Europe/Berlin"),
         [("frequency", 1, "d"), ("timeOfAvailability", "06:00", None)]),
        (None, []),
    ],
    ids=["hours", "days", "daily", "never"],
)  # fmt: skip
def test_freshness_is_a_service_level(fresh: Any, wanted: list[Any]) -> None:
    """And so is the share of rejected rows above which a batch is refused."""
    made = of_column(int)
    options = {} if fresh is None else {"fresh": fresh}
    document = document_of(dataset_of(bound(made, tolerate="0.5 %", **options), made))
    levels = document["slaProperties"]
    found = [(each["property"], each["value"], each.get("unit")) for each in levels]
    assert found == [*wanted, ("errorRate", 0.5, "percent")]


def test_versions_of_one_key_are_no_duplicates() -> None:
    """A table that may hold several of them promises no primary key, and may be empty."""
    made = contract({"no": (int, key()), "at": (Date, field(nullable=True))})
    rules = of_model(Model("marts.made", contract=made, unique=False, may_be_empty=True))
    (table,) = document_of(dataset_of(rules, made))["schema"]
    assert "primaryKey" not in table["properties"][0]
    assert table["properties"][0]["required"] is True
    assert "quality" not in table


class Mild(Contract):
    no: int = key()
    size: int = field(gt=0, severity=Severity.WARN, dimension=Dimension.TIMELINESS)
    code: str = field(isin=["a", "b"], severity=Severity.WARN)
    form: str = field(matches="[a-c]+", severity=Severity.WARN)
    account: str = field(check=iban, severity=Severity.WARN)
    day: Date = field(references="marts.days.day")

    @rule(severity=Severity.WARN, dimension=Dimension.COMPLETENESS)
    def known(self) -> pl.Expr:
        """Small ones have the code a."""
        return (pl.col("size") > 9) | (pl.col("code") == "a")

    @rule
    def of_one(self) -> pl.Expr:
        return pl.col("size") != 7


def test_what_only_warns_is_no_option_and_says_so() -> None:
    """Each rule is of its dimension, in the standard's words; options have no severity."""
    made = dataset_of(of_model(Model("marts.mild", contract=Mild)), Mild)
    (table,) = document_of(made)["schema"]
    options = {each["name"]: each.get("logicalTypeOptions") for each in table["properties"]}
    every = [q for each in (table, *table["properties"]) for q in each.get("quality", ())]
    assert set(options.values()) == {None}
    assert {each["name"]: (each["dimension"], each.get("severity")) for each in every} == {
        "not_empty": ("completeness", None),
        "size:greater_than": ("timeliness", "warning"),
        "code:isin": ("conformity", "warning"),
        "form:matches": ("conformity", "warning"),
        "account:iban": ("conformity", "warning"),
        "day:references": ("consistency", None),
        "known": ("completeness", "warning"),
        "of_one": ("conformity", None),
    }
    told = {each["name"]: each.get("description") for each in every}
    assert told["known"] == "Small ones have the code a. (only warns)"


def test_what_is_absent_names_nothing_that_is_missing() -> None:
    """Even where the other table has no rows: to SQL, NULL is not in an empty list."""
    made = dataset_of(of_model(Model("marts.mild", contract=Mild)), Mild)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA marts; CREATE TABLE marts.days (day DATE)")
        broken = connection.sql(
            "SELECT day::VARCHAR FROM (VALUES (NULL::DATE), (DATE '2026-01-01')) AS mild (day) "
            f"WHERE {made.sql['day:references']}"
        )
        assert broken.fetchall() == [("2026-01-01",)]


class Awkward(Contract):
    no: int = key()
    code: str = field(isin=["it's", "${table}", 'a"b\\'])
    limit: Money = field(lt=Decimal("1234567890123456.78"))
    account: str = field(check=iban)
    size: str = field(check=pa.Check.str_length(1, 3))

    @rule
    def odd(self) -> pl.Expr:
        return pl.col("code") != "{table}"

    @rule
    def quoted(self) -> pl.Expr:
        return pl.col("code") != "it's"


def test_awkward_texts() -> None:
    """Quotes survive; what a tool would put a name in place of is told as text."""
    dataset = dataset_of(of_model(Model("marts.awkward", contract=Awkward)), Awkward)
    text = text_of(dataset, "")
    (table,) = yaml.safe_load(text)["schema"]
    columns = {each["name"]: each for each in table["properties"]}
    (listed,) = columns["code"]["quality"]
    assert listed["arguments"]["validValues"] == ["${table}", 'a"b\\', "it's"]
    (limit,) = columns["limit"]["quality"]
    assert limit["query"] == (
        'SELECT count(*) FROM ${table} WHERE NOT ("limit" < 1234567890123456.78)'
    )
    assert "description" not in table
    quality = {each["name"]: each for each in table["quality"]}
    assert quality["odd"]["type"] == "text"
    assert quality["quoted"]["query"].endswith("""WHERE NOT ("code" <> 'it''s')""")
    (size,) = columns["size"]["quality"]
    assert size["description"] == "passes the check `str_length` (max_value=3, min_value=1)"
