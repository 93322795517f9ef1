"""The suite that proves rules: it fails where a rule cannot, and where somebody ignores one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from sluicegate.contracts import (
    Contract,
    Date,
    Model,
    Money,
    Reading,
    Severity,
    Verdict,
    field,
    key,
    rule,
)
from sluicegate.contracts.promise import Promises
from sluicegate.contracts.readings import read
from sluicegate.contracts.verdict import judge
from sluicegate.errors import ContractError
from sluicegate.quality.check import verdict_of
from sluicegate.quality.compiled import compiled
from sluicegate.quality.contracts import _Broken
from sluicegate.sources import (
    Delimited,
    Excel,
    FixedWidth,
    Json,
    JsonPages,
    Ndjson,
    Parquet,
    Source,
)
from sluicegate.sources.records import Records, rejects_of
from sluicegate.testing import contract_suite
from sluicegate.testing.patterns import texts_of
from sluicegate.testing.proof import cases_of, prove
from tests.support import ROOT
from tests.unit.kit import Orders, source

BUILT = Model("marts.orders", contract=Orders)
PROJECT = """
from sluicegate.contracts import Contract, field, key
from sluicegate.sources import Files, Load

class Orders(Contract):
    order_id: str = key()
    amount: int = field({})

source = Files(
    "orders", contract=Orders, match="*.csv", load=Load.APPEND, tolerate="1 %", owner="x"
)
"""


def proven_by(contract: type[Contract]) -> dict[str, str]:
    """What cannot be proven of a contract that a model is bound to."""
    return prove(Model("marts.tried", contract=contract))


def project(folder: Path, options: str) -> Path:
    """A project with one contract."""
    (folder / "contracts").mkdir()
    (folder / "contracts" / "orders.py").write_text(PROJECT.format(options))
    return folder


def test_there_is_a_test_a_rule(tmp_path: Path) -> None:
    """Each is called after its dataset and its rule, and can be run by itself."""
    suite = contract_suite(project(tmp_path, "gt=0"))
    (mark,) = suite.pytestmark  # type: ignore[attr-defined]
    assert mark.kwargs["ids"] == [
        "orders-order_id:not_null",
        "orders-amount:not_null",
        "orders-amount:greater_than",
        "orders-amount:integer",
        "orders-record:encoding",
        "orders-record:quoting",
        "orders-record:fields",
        "orders-order_id:unique",
        "orders-zero_rows",
    ]
    for dataset, case in mark.args[1]:
        suite(dataset, case)


def test_what_is_not_proven_fails(tmp_path: Path) -> None:
    """The test of that rule, with the contract and what to do; those of other rules do not."""
    check = "check=__import__('pandera.polars').polars.Check(lambda d: d.lazyframe.select("
    always = f"{check}__import__('polars').col(d.key).is_in([13]).not_().or_(True)), name='odd')"
    suite = contract_suite(project(tmp_path, always))
    suite("orders", "amount:integer")
    with pytest.raises(pytest.fail.Exception, match=r"Orders: no datum found .* amount:odd: give"):
        suite("orders", "amount:odd")


def test_project_without_contracts_is_an_error(tmp_path: Path) -> None:
    """A suite without a test would be skipped."""
    with pytest.raises(ContractError, match="declares no source"):
        contract_suite(tmp_path)


def terminals() -> Source:
    """The source that the README adds."""
    spec = spec_from_file_location("terminals", ROOT / "docs/examples/terminals.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    # Where a class looks for the names of its types.
    sys.modules["terminals"] = module
    spec.loader.exec_module(module)
    return module.source


PLACES = {"order_id": 20, "booked_at": 30, "amount": 40, "paid": 40}


@pytest.mark.parametrize(
    "declared",
    [
        terminals(),
        BUILT,
        source("orders"),
        source("orders", format=Delimited(" ", header=False)),
        source("orders", format=Delimited(";", encoding="cp1252")),
        source("orders", format=Delimited(encoding="latin-1")),
        source("orders", format=FixedWidth(PLACES, header=True, optional=("paid",))),
        source("orders", format=FixedWidth(PLACES, encoding="utf-16")),
        source("orders", format=FixedWidth(dict.fromkeys(PLACES, 1))),
        source("orders", format=Ndjson()),
        source("orders", format=Json("data.items")),
        source("orders", format=Json(encoding="utf-16")),
        source("orders", format=Excel()),
        source("orders", format=Excel(sheet="May", header_row=3)),
        source("orders", format=Excel(header_row=None)),
        source("orders", format=Parquet()),
        source("orders", format=JsonPages("data"), may_be_empty=True),
    ],
    ids=[
        *("terminals", "model", "csv", "headless", "cp1252", "latin_1", "fixed"),
        *(
            "fixed_utf_16",
            "narrow",
            "ndjson",
            "json",
            "json_utf_16",
            "excel",
            "excel_below",
            "excel_headless",
            "parquet",
            "pages",
        ),
    ],
)
def test_every_rule_of_a_good_contract_is_proven(declared: Source | Model) -> None:
    """In every format that a source may have."""
    assert prove(declared) == {}
    read = {*cases_of(declared)} - {*declared.contract.rules(), "zero_rows"}
    assert bool(read) == isinstance(declared, Source)


def without(rule: str) -> Callable[..., Verdict]:
    """A judge that looks away."""

    def lenient(contract: type[Contract], frame: pl.DataFrame) -> Verdict:
        verdict = judge(contract, frame)
        return replace(verdict, broken={n: m for n, m in verdict.broken.items() if n != rule})

    return lenient


def too_much(contract: type[Contract], frame: pl.DataFrame) -> Verdict:
    """A judge to whom nothing is right."""
    verdict = judge(contract, frame)
    return replace(verdict, broken={**verdict.broken, "paid:odd": verdict.rejected | True})


def boundary(contract: type[Contract], frame: pl.DataFrame) -> Verdict:
    """A judge who takes ``gt`` for ``ge``."""
    verdict = judge(contract, frame)
    name = "amount:greater_than"
    return replace(
        verdict,
        broken={
            n: m & (frame["amount"] < 0) if n == name else m for n, m in verdict.broken.items()
        },
    )


def silent(column: Any, texts: pl.Series) -> Reading:
    """A reading that takes what it cannot read for absent."""
    return Reading(read(column, texts).value)


def forgetful(self: Delimited, content: Path, **options: Any) -> Iterator[Records]:
    """A reader that drops what it cannot parse."""
    for part in READ(self, content, **options):
        yield replace(part, rejects=rejects_of([]))


READ = Delimited.read
RULES = compiled(Orders)


@pytest.mark.parametrize(
    ("place", "sabotage", "case", "message"),
    [
        ("ingestion.sift.judge", without("not_overpaid"), "not_overpaid", "nothing, as a batch"),
        ("ingestion.sift.judge", too_much, "paid:odd", "breaks nothing is said to break it"),
        ("ingestion.sift.read", silent, "paid:decimal", "nothing, as a batch"),
        ("testing.proof.judge", without("not_overpaid"), "not_overpaid", "nothing, as a frame"),
        ("testing.pools.judge", boundary, "amount:greater_than", r"'0'\), which is not greater"),
        ("testing.pools.judge", without("amount:greater_than"), "amount:greater_than", "it takes"),
        (
            "quality.contracts.compiled",
            lambda _: RULES | {"amount:greater_than": "false"},
            "amount:greater_than",
            "audited in place, 0 rows break",
        ),
        (
            "quality.contracts.compiled",
            lambda _: RULES | {"amount:not_null": "true"},
            "amount:not_null",
            "rows break amount:not_null, not 1",
        ),
        (
            "quality.contracts._taken_twice",
            lambda *_: _Broken(0),
            "order_id:unique",
            "0 rows break order_id:unique, not 1",
        ),
        (
            "quality.contracts.verdict_of",
            lambda *given, **told: verdict_of(*given, **{**told, "may_be_empty": True}),
            "zero_rows",
            "without a row",
        ),
        ("sources.Delimited.read", forgetful, "record:fields", "records are read as"),
    ],
)
def test_who_ignores_a_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch, place: str, sabotage: Any, case: str, message: str
) -> None:
    """Wherever rows are judged: on their way in, as a frame, and in place."""
    monkeypatch.setattr(f"sluicegate.{place}", sabotage)
    wrong = prove(source("orders"))
    assert case in wrong
    assert re.search(message, wrong[case]), wrong[case]


def luhn(data: Any) -> pl.LazyFrame:
    """Nothing that anybody could guess."""
    return data.lazyframe.select(pl.col(data.key) != "xyzzy-17")


def _raises(data: Any) -> pl.LazyFrame:
    if "ann" in data.lazyframe.collect()[data.key]:
        raise ValueError
    return data.lazyframe.select(pl.col(data.key) != "b")


class Needed(Contract):
    """Rules that need a value, one of which only warns."""

    id: str = key()
    day: Date = field(nullable=True)
    paid: Money = field(nullable=True, le=100, severity=Severity.WARN)

    @rule
    def day_is_told(self) -> pl.Expr:
        """Whatever else there is."""
        return pl.col("day").is_not_null()

    @rule(severity=Severity.WARN)
    def paid_is_told(self) -> pl.Expr:
        """Nothing follows from it."""
        return pl.col("paid").is_not_null()


@pytest.mark.parametrize("case", ["day:date", "paid:decimal"])
def test_text_that_cannot_be_read_is_tried_where_a_rule_needs_its_value(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """It breaks that rule too, and no case passes untried."""
    declared = source("needed", contract=Needed)
    assert prove(declared) == {}
    monkeypatch.setattr("sluicegate.ingestion.sift.read", silent)
    assert "is said to break" in prove(declared)[case]


@pytest.mark.parametrize(
    ("warnings", "cases"),
    [
        (list, {"day_is_told", "id:not_null", "day:date", "id:unique"}),
        (lambda promises: [], {"paid:less_than_or_equal_to", "paid_is_told"}),
    ],
    ids=["nothing rejects", "nothing warns"],
)
def test_who_ignores_severity_is_noticed(
    monkeypatch: pytest.MonkeyPatch, warnings: Callable[[Any], list[str]], cases: set[str]
) -> None:
    """A rule that rejects sets its datum aside and fails an audit; one that warns does neither."""
    monkeypatch.setattr(Promises, "warnings", property(warnings))
    for declared, apart in (
        (source("needed", contract=Needed), set()),
        (Model("marts.needed", contract=Needed), {"day:date"}),
    ):
        wrong = prove(declared)
        assert wrong.keys() >= cases - apart, wrong
        in_batch = isinstance(declared, Source)
        assert in_batch or all("audited in place" in why for why in wrong.values())


class Guessed(Contract):
    """Rules for whose data nobody can look."""

    name: str = key()
    code: str = field(check=pa.Check(luhn, name="magic"))
    a: int = field()
    b: int = field()

    @rule
    def far_apart(self) -> pl.Expr:
        """Hardly ever broken."""
        return pl.col("a") * 7919 + pl.col("b") * 31 != 123_456_787

    @rule
    def always(self) -> pl.Expr:
        """True of everything, which is not to be seen."""
        return pl.col("a").is_in([1]) | (pl.col("a") != 1)


def test_rule_without_a_known_datum_is_not_proven() -> None:
    """The message says how to give one."""
    wrong = proven_by(Guessed)
    assert wrong["code:magic"].endswith("breaks code:magic: give one with field(breaks=...)")
    assert wrong["far_apart"].endswith("breaks far_apart: give one with @rule(breaks={...})")
    assert "no datum found that breaks always" in wrong["always"]
    assert wrong.keys() == {"code:magic", "far_apart", "always"}


def told(breaks: Any, **datum: Any) -> type[Contract]:
    """The same rules, with data that are given by hand."""

    class Told(Contract):
        """Rules for whose data nobody needs to look."""

        name: str = key()
        code: str = field(check=pa.Check(luhn, name="magic"), breaks=breaks)
        a: int = field()
        b: int = field()

        @rule(breaks=datum)
        def far_apart(self) -> pl.Expr:
            """Hardly ever broken."""
            return pl.col("a") * 7919 + pl.col("b") * 31 != 123_456_787

    return Told


@pytest.mark.parametrize(
    ("breaks", "datum", "wrong"),
    [
        ("xyzzy-17", {"a": 0, "b": 3_982_477}, {}),
        (
            ("xyzzy-17", "?"),
            {"a": 31, "b": 3_974_558},
            {"code:magic": "'?', which is given in breaks="},
        ),
        ("?", {"a": 0, "b": 1}, {"code:magic": "'?', which is", "far_apart": "does not break"}),
        ("xyzzy-17", {"c": 0}, {"far_apart": "there is no column 'c'"}),
        ("xyzzy-17", {"a": "0"}, {"far_apart": "'0' is no value of 'a'"}),
    ],
)
def test_datum_may_be_given(breaks: Any, datum: dict[str, Any], wrong: dict[str, str]) -> None:
    """What is given is held to it: a value that breaks nothing is none."""
    found = proven_by(told(breaks, **datum))
    assert found.keys() == wrong.keys()
    assert all(part in found[name] for name, part in wrong.items())


def test_example_is_held_to_its_column() -> None:
    """One that a check refuses is told; nothing else could be made of a pattern nobody can read."""

    class Shown(Contract):
        """A text that Python's patterns cannot tell."""

        name: str = key(matches=r"\p{Lu}\d", example="Ä1")
        other: str = field(matches="[a-z]", example="A")

    wrong = proven_by(Shown)
    assert wrong.keys() == {"other:matches"}
    assert "it refuses 'A', which is given in example=" in wrong["other:matches"]


class Implied(Contract):
    """Rules that others imply."""

    name: str = key()
    whole: int = field(ge=0)
    part: int = field(ge=0)
    share: int = field(gt=0, check=pa.Check(lambda d: d.lazyframe.select(pl.col(d.key) > -1)))

    @rule
    def part_of_whole(self) -> pl.Expr:
        """Nothing is more than the whole."""
        return pl.col("part") <= pl.col("whole")


def test_rule_that_never_breaks_alone_is_not_proven() -> None:
    """Whatever breaks it breaks another one too: it could be removed, and nothing would change."""
    wrong = proven_by(Implied)
    assert "breaks whole:greater_than_or_equal_to alone" in wrong["whole:greater_than_or_equal_to"]
    assert "each one breaks part_of_whole too" in wrong["whole:greater_than_or_equal_to"]
    assert "each one breaks share:greater_than too" in wrong["share:<lambda>"]
    assert len(wrong) == 2


def contracts_of_nothing() -> list[Any]:
    """Contracts no row of which can be found."""

    class Never(Contract):
        """No text looks like that."""

        name: str = key(matches=r"a\bb")

    class Torn(Contract):
        """Two rules that cannot be kept together."""

        a: int = key()
        b: int = field()

        @rule
        def less(self) -> pl.Expr:
            """One way round."""
            return pl.col("a") < pl.col("b")

        @rule
        def more(self) -> pl.Expr:
            """And the other."""
            return pl.col("a") > pl.col("b")

    class Raising(Contract):
        """A check that does not take every value of its type."""

        name: str = key()
        code: str = field(check=pa.Check(_raises, name="number"))

    return [
        pytest.param(Never, "keeps every check of name: give one with field", id="no value"),
        pytest.param(Torn, r"no row found that keeps (less|more)", id="no row"),
        pytest.param(Raising, "cannot be applied", id="raises"),
    ]


@pytest.mark.parametrize(("contract", "message"), contracts_of_nothing())
def test_contract_that_no_row_keeps_is_not_proven(contract: type[Contract], message: str) -> None:
    """None of its rules is, since it cannot be told what breaks what."""
    wrong = proven_by(contract)
    assert wrong.keys() >= {*cases_of(Model("marts.tried", contract=contract))}
    assert all(re.search(message, why) for why in wrong.values()), wrong


class Odd(Contract):
    """Types and names that sources do not have."""

    id: pl.UInt8 = key()
    day: Date = key(isin=None)
    flag: pl.Boolean = field()
    share: pl.Float64 = field(ge=0, lt=1)
    small: pl.Int8 = field(ge=-3, le=100)
    amount: Money = field(nullable=True, gt=0.25, le=2)
    order: str = field(isin=("it's", 'a "b"'))
    at: pl.Datetime = field()
    when: pl.Time = field(example=time(12))
    several: pl.List(pl.Int64) = field(example=[1, 2])  # type: ignore[valid-type]


def test_types_of_models_are_known() -> None:
    """Whatever dbt may build."""
    assert proven_by(Odd) == {}


def test_versions_may_share_a_key() -> None:
    """Where a key need not be unique, nothing is said of that."""
    versions = Model("snapshots.orders", contract=Orders, unique=False)
    assert Orders.unique_rule() not in cases_of(versions)
    assert prove(versions) == {}


@pytest.mark.parametrize(
    "pattern", ["[A-Z]{2}-[0-9]+", r"a|bc|(d)?e*f", r"[^@ ]+@\w+\.\d", "[äöü]x.", "(?:A4[0-9])+?"]
)
def test_texts_match_their_pattern(pattern: str) -> None:
    """They are made from it, are all different, and the same every time."""
    made = texts_of(pattern, 40)
    assert len(made) == len(set(made)) > 1
    assert pl.Series(made).str.contains(f"^(?:{pattern})$").all()
    assert made == texts_of(pattern, 40)


@pytest.mark.parametrize("pattern", [r"\p{L}+", "[[:alpha:]", "(?=a)", "(a)(?P=b)"])
def test_pattern_that_python_does_not_know_gives_no_text(pattern: str) -> None:
    """Then an example has to be given."""
    assert texts_of(pattern, 4) == []


def test_workbooks_and_single_records_do_without_pytest() -> None:
    """An environment that only runs the platform does not have it."""
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from sluicegate.testing import broken_rules\n"
        "from sluicegate.testing.workbooks import workbook\n"
        "assert workbook({'Sheet': [['a']]})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
