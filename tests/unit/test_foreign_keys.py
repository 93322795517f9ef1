"""References: what names nobody waits in quarantine; and totals that must agree, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import (
    PII,
    Agrees,
    Contract,
    Dimension,
    Mask,
    Model,
    Money,
    Severity,
    field,
    key,
    rule,
)
from sluicegate.errors import ContractError
from sluicegate.ingestion import Selection, ingest, raw_table, replay
from sluicegate.ingestion.tally import Tally
from sluicegate.lake import Archive, Session, Table
from sluicegate.quality.agreement import audit_agreements
from sluicegate.quality.check import Check, Outcome
from sluicegate.quality.conservation import audit_batches, audit_conservation, stock
from sluicegate.quality.contracts import audit_model, audit_source, examine_model
from sluicegate.sources import Batch, Files, Load
from tests.unit.kit import batch, fresh_name


class Shops(Contract):
    """One row a shop."""

    shop_id: int = key()


class Sales(Contract):
    """One row a sale, in a shop that is known."""

    sale_id: str = key()
    shop_id: int = field(nullable=True)
    amount: Money = field()


def selling(shops: Files, **options: Any) -> type[Contract]:
    """The contract of sales in the shops of a source."""

    class Here(Sales):
        """One row a sale."""

        shop_id: int = field(nullable=True, references=f"{shops.name}.shop_id", **options)

    return Here


def declared(contract: type[Contract], **options: Any) -> Files:
    """A source of this contract."""
    terms: dict[str, Any] = {"load": Load.APPEND, "tolerate": "100 %", "owner": "sales", **options}
    return Files(fresh_name("trade"), contract=contract, match="*.csv", **terms)


def outcome(checks: list[Check], rule: str = "shop_id:references") -> tuple[Outcome, int, int]:
    """What one check says."""
    (check,) = [each for each in checks if each.name == rule]
    return check.outcome, check.failures, check.looked_at


@pytest.mark.parametrize("load", Load)
def test_what_names_nobody_waits_for_it(
    session: Session, archive: Archive, tmp_path: Path, load: Load
) -> None:
    """It is set aside with its reason; when the other is there, a replay lets it in."""
    shops = declared(Shops)
    shrink = {"may_shrink": "100 %"} if load is Load.REPLACE else {}
    sales = declared(selling(shops), load=load, **shrink)
    ingest(shops, [batch(tmp_path, "shop_id\n1\n")], session, "first")
    raw = b"sale_id,shop_id,amount\na,1,1.00\nb,2,2.00\nc,,3.00\nd,2,x\ne,2,2.00\n"
    name, content, size = archive.keep_bytes(raw)
    before = stock(sales, session)
    intake = ingest(sales, [Batch(name, "sales.csv", content, size)], session, "second")
    checks = audit_conservation(sales, before, stock(sales, session), intake)
    checks += audit_batches(sales, intake, session, "second")
    assert {check.outcome for check in checks} == {Outcome.PASS}
    (receipt,) = intake.receipts
    assert (receipt.published, receipt.quarantined) == (2, 3)
    assert receipt.rejections == {"amount:decimal": 1, "shop_id:references": 2}
    assert receipt.examples["shop_id:references"] == "sales.csv, line 3"
    assert outcome(audit_source(sales, session, [name])) == (Outcome.PASS, 0, 1)

    (unchanged,) = replay(sales, archive, session, "third", Selection()).receipts
    assert (unchanged.published, unchanged.quarantined) == (0, 3)
    ingest(shops, [batch(tmp_path, "shop_id\n2\n")], session, "fourth")
    (released,) = replay(sales, archive, session, "fifth", Selection()).receipts
    assert (released.published, released.quarantined) == (2, 1)
    there = session.rows(f"SELECT sale_id FROM {raw_table(sales).sql} ORDER BY 1")
    assert there == [("a",), ("b",), ("c",), ("e",)]


def test_a_rejected_row_is_no_deleted_one(session: Session, tmp_path: Path) -> None:
    """Where batches are the whole, a row whose shop has gone keeps what is published of it."""
    shops = declared(Shops, load=Load.REPLACE, may_shrink="100 %")
    sales = declared(selling(shops), load=Load.REPLACE, may_shrink="100 %")
    ingest(shops, [batch(tmp_path, "shop_id\n1\n2\n")], session, "first")
    header = "sale_id,shop_id,amount\n"
    ingest(sales, [batch(tmp_path, header + "a,1,1.00\nb,2,2.00\n")], session, "second")
    ingest(shops, [batch(tmp_path, "shop_id\n1\n")], session, "third")
    again = batch(tmp_path, header + "a,1,1.00\nb,2,2.50\n")
    intake = ingest(sales, [again], session, "fourth")
    assert (intake.receipts[0].deduplicated, intake.receipts[0].quarantined) == (1, 1)
    assert (intake.receipts[0].removed, intake.refusals) == (0, [])
    # What was published when its shop was there stays, and the audit is of what arrived.
    assert outcome(audit_source(sales, session, [again.id])) == (Outcome.PASS, 0, 0)
    assert outcome(audit_source(sales, session)) == (Outcome.PASS, 0, 0)


def test_the_audit_of_what_arrived_can_fail(session: Session, tmp_path: Path) -> None:
    """Were an orphan let in after all, it would be found where it lies, and told by its key."""
    shops = declared(Shops)
    sales = declared(selling(shops))
    ingest(shops, [batch(tmp_path, "shop_id\n1\n")], session, "first")
    made = batch(tmp_path, "sale_id,shop_id,amount\na,1,1.00\n")
    ingest(sales, [made], session, "second")
    session.execute(f"UPDATE {raw_table(sales).sql} SET shop_id = 7")
    checks = audit_source(sales, session, [made.id])
    assert outcome(checks) == (Outcome.FAIL, 1, 1)
    assert checks[-1].rows == ("sale_id=a",)
    session.execute(f"ALTER TABLE {raw_table(shops).sql} RENAME shop_id TO number")
    assert "does not have the column 'shop_id'" in audit_source(sales, session)[-1].message
    session.execute(f"DROP TABLE {raw_table(shops).sql}")
    assert outcome(audit_source(sales, session, [made.id]))[0] is Outcome.ERROR


MODULE = """
from sluicegate.contracts import *
from sluicegate.sources import Files, Load

class Shops(Contract):
    shop_id: int = key()
    name: str = field(nullable=True, {name})

class Sales(Contract):
    sale_id: str = key()
    shop_id: {type} = field({sales})
    buyer: str = field(nullable=True, {buyer})

class Totals(Contract):
    shop_id: int = key({totals})
    sold: int = field()
    share: pl.Float64 = field(nullable=True)

terms = {{"load": Load.APPEND, "tolerate": "1 %", "owner": "sales"}}
sales = Files("sales", contract=Sales, match="s*.csv", **terms)
shops = Files("shops", contract=Shops, match="t*.csv", **terms)
totals = Model("marts.totals", contract=Totals, agrees=({agrees}))
"""
PARTS = dict.fromkeys(("name", "sales", "buyer", "totals", "agrees"), "") | {"type": "int"}


def project(folder: Path, **parts: str) -> Path:
    """A project whose contracts say this."""
    (folder / "contracts").mkdir()
    text = "import polars as pl\n" + MODULE.format(**{**PARTS, **parts})
    (folder / "contracts" / "trade.py").write_text(text)
    return folder


def test_what_is_referred_to_comes_first(tmp_path: Path) -> None:
    """Sources are taken in in an order in which nobody waits for what is still to come."""
    made = project(
        tmp_path, sales="references='shops.shop_id'", totals="references='sales.shop_id'"
    )
    assert list(load_catalogue(made).sources) == ["shops", "sales"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"sales": "references='shops'"}, "names no column of a dataset"),
        ({"sales": "references='shop.shop_id'"}, "no dataset 'shop' (.|\\n)*did you mean 'shops'"),
        ({"sales": "references='shops.shop'"}, "no column 'shop'(.|\\n)*did you mean 'shop_id'"),
        ({"sales": "references='shops.name'"}, "Int64, and shops.name.* is String"),
        ({"sales": "references='marts.totals.shop_id'"}, "built when all sources are in"),
        ({"sales": "nullable=True, references='sales.shop_id'"}, "refers to its own source"),
        (
            {"name": "references='sales.sale_id'", "sales": "references='shops.shop_id'"},
            "sales, shops refer to each other in a circle",
        ),
        (
            {"name": "pii=PII.DIRECT", "buyer": "references='shops.name'"},
            "would replace the two in different ways",
        ),
        (
            {"name": "pii=PII.DIRECT", "buyer": "pii=PII.DIRECT, references='shops.name'"},
            "would replace the two in different ways",
        ),
        ({"agrees": "Agrees('marts.total'),"}, "'marts.total', which is no other table"),
        (
            {"sales": "pii=PII.INDIRECT", "agrees": "Agrees('raw.sales', by=('shop_id',)),"},
            "'marts.totals' is NONE of personal data, and 'shop_id' of 'raw.sales'",
        ),
        ({"agrees": "Agrees('marts.totals'),"}, "which is no other table"),
        ({"agrees": "Agrees('raw.sales', 'sold'),"}, "column 'sold', which the contract does not"),
        ({"agrees": "Agrees('raw.sales', 'share', 'shop_id'),"}, "its sum is not exact"),
        ({"agrees": "Agrees('raw.sales', 'sold', 'buyer'),"}, "its sum is not exact"),
        (
            {"type": "str", "agrees": "Agrees('raw.sales', by=('shop_id',)),"},
            "'shop_id', which is Int64 here and String there",
        ),
        (
            {"agrees": "Agrees('raw.sales'), Agrees('raw.sales'),"},
            "says agrees:raw.sales:rows twice",
        ),
    ],
)
def test_what_cannot_be_held_is_refused(
    tmp_path: Path, parts: dict[str, str], message: str
) -> None:
    """With the project, before any data move."""
    with pytest.raises(ContractError, match=message):
        load_catalogue(project(tmp_path, **parts))


class Days(Contract):
    """One row a day and shop."""

    day: int = key()
    shop_id: int = key()
    rows: int = field(nullable=True)
    total: Money = field(nullable=True)


class Slips(Contract):
    """One row a slip."""

    slip_id: int = key()
    day: int = field(nullable=True)
    amount: Money = field(nullable=True)
    who: str = field(nullable=True, pii=PII.INDIRECT, mask=Mask.TEXT)


Made = Callable[..., list[Check]]


@pytest.fixture
def agreeing(session: Session) -> Made:
    """Audits a table of days that is to agree with a table of slips."""

    def run(days: str, slips: str, *agrees: tuple[Any, ...], may_be_empty: bool = True) -> Any:
        one, other = Table("agreeing", fresh_name("days")), Table("agreeing", fresh_name("slips"))
        session.create(one, dict.fromkeys(("day", "shop_id", "rows"), "BIGINT") | {"total": MONEY})
        session.create(other, {"slip_id": "BIGINT", "day": "BIGINT", "amount": MONEY})
        for table, values in ((one, days), (other, slips)):
            if values:
                session.execute(f"INSERT INTO {table.sql} VALUES {values}")
        promised = tuple(Agrees(str(other), *each) for each in agrees)
        model = Model(str(one), contract=Days, agrees=promised, may_be_empty=may_be_empty)
        found = audit_model(model, session)
        return [check for check in found if check.name.startswith("agrees:")]

    return run


MONEY = "DECIMAL(18,2)"
DAYS = "(1, 1, 2, 3.00), (1, 2, 1, 0.10), (2, 1, 1, -5.00)"
SLIPS = "(1, 1, 1.00), (2, 1, 2.00), (3, 1, 0.10), (4, 2, -5.00)"
BY_DAY = ("total", "amount", ("day",))


@pytest.mark.parametrize(
    ("days", "slips", "agrees", "failures"),
    [
        (DAYS, SLIPS, BY_DAY, 0),
        (DAYS, SLIPS, ("total", "amount", ()), 0),
        (DAYS, SLIPS, (None, None, ()), 1),
        (DAYS, SLIPS + ", (5, 2, 0.01)", BY_DAY, 1),
        (DAYS, SLIPS + ", (5, 2, 0.01), (6, 1, -0.01)", BY_DAY, 2),
        (DAYS, SLIPS + ", (5, 2, 0.01), (6, 1, -0.01)", ("total", "amount", ()), 0),
        (DAYS, SLIPS + ", (5, 3, 0.00)", BY_DAY, 1),
        (DAYS, SLIPS + ", (5, NULL, 0.01)", BY_DAY, 1),
        (DAYS + ", (NULL, 1, 1, 0.01)", SLIPS + ", (5, NULL, 0.01)", BY_DAY, 0),
        (DAYS, "", BY_DAY, 2),
        ("", SLIPS, BY_DAY, 2),
        ("", SLIPS, ("total", "amount", ()), 1),
        ("", "", ("total", "amount", ()), 0),
    ],
)
def test_totals_agree_in_every_group(
    agreeing: Made, days: str, slips: str, agrees: tuple[Any, ...], failures: int
) -> None:
    """A cent, a group too many, and what two groups have exchanged are noticed."""
    (check,) = agreeing(days, slips, agrees)
    assert (check.failures, check.outcome is Outcome.FAIL) == (failures, failures > 0)


def test_a_disagreement_is_told_with_both_totals(agreeing: Made) -> None:
    """The group, what stands here, and what stands there."""
    (check,) = agreeing(DAYS, SLIPS + ", (5, 2, 0.01)", BY_DAY)
    assert check.rows == (f"day=2: {Decimal('-5.00')} against {Decimal('-4.99')}",)
    assert "in 1 of 2 groups it is not so that sum(total) = sum(amount) of " in check.message


def test_no_group_is_no_agreement(agreeing: Made) -> None:
    """Two empty tables agree on nothing, unless that is an answer."""
    (check,) = agreeing("", "", BY_DAY, may_be_empty=False)
    assert check.outcome is Outcome.ERROR


def test_a_model_names_what_is_there(session: Session) -> None:
    """A reference of a model is checked over the whole table, whoever left it behind."""
    parents, children = (Table("agreeing", fresh_name(stem)) for stem in ("parents", "children"))

    class Child(Contract):
        """One row a child."""

        child_id: int = key()
        parent: int = field(nullable=True, references=f"{parents}.parent_id")

    session.create(parents, {"parent_id": "BIGINT"})
    session.create(children, {"child_id": "BIGINT", "parent": "BIGINT"})
    session.execute(f"INSERT INTO {parents.sql} VALUES (1), (NULL)")
    session.execute(f"INSERT INTO {children.sql} VALUES (1, 1), (2, NULL), (3, 2)")
    checks = audit_model(Model(str(children), contract=Child), session)
    assert outcome(checks, "parent:references") == (Outcome.FAIL, 1, 2)
    assert checks[-1].rows == ("child_id=3",)
    session.execute(f"UPDATE {children.sql} SET parent = NULL")
    checks = audit_model(Model(str(children), contract=Child), session)
    assert outcome(checks, "parent:references") == (Outcome.IDLE, 0, 0)


def test_names_of_columns_are_no_matter(session: Session) -> None:
    """A group or a total may be called as a query would call something."""
    one, other = (Table("agreeing", fresh_name(stem)) for stem in ("mine", "theirs"))

    class Named(Contract):
        """One row of each group."""

        total: str = key()
        rows: int = field()

    for table, values in ((one, "('a', 1), ('b', 2)"), (other, "('a', 2), ('b', 1)")):
        session.create(table, {"total": "VARCHAR", "rows": "BIGINT"})
        session.execute(f"INSERT INTO {table.sql} VALUES {values}")
    agrees = (Agrees(str(other), "rows", by=("total",)),)
    (check,) = audit_agreements(Model(str(one), contract=Named, agrees=agrees), session)
    assert check.rows == ("total=a: 1 against 2", "total=b: 2 against 1")
    agrees = (Agrees(str(other), by=("rows",)),)
    (check,) = audit_agreements(Model(str(one), contract=Named, agrees=agrees), session)
    assert check.outcome is Outcome.PASS


def test_later_batches_that_name_nobody_outdate_nothing(
    session: Session, archive: Archive, tmp_path: Path
) -> None:
    """Of two corrections in quarantine the earlier comes back, if the later still has to wait."""
    shops = declared(Shops)
    sales = declared(selling(shops), load=Load.MERGE)
    ingest(shops, [batch(tmp_path, "shop_id\n1\n")], session, "first")
    for number, line in enumerate(("k,1,1.00", "k,2,2.00", "k,3,3.00")):
        raw = f"sale_id,shop_id,amount\n{line}\n".encode()
        name, content, size = archive.keep_bytes(raw)
        ingest(sales, [Batch(name, f"{number}.csv", content, size)], session, f"run {number}")
    ingest(shops, [batch(tmp_path, "shop_id\n2\n")], session, "then")
    receipts = replay(sales, archive, session, "again", Selection()).receipts
    assert [(each.published, each.quarantined) for each in receipts] == [(1, 0), (0, 1)]
    there = session.rows(f"SELECT sale_id, amount FROM {raw_table(sales).sql}")
    assert there == [("k", Decimal("2.00"))]


def test_a_row_fails_a_dimension_once(session: Session, tmp_path: Path) -> None:
    """A warning and a reference of one dimension are one failed row."""
    shops = declared(Shops)

    class Warned(selling(shops)):  # type: ignore[misc] # made where its shops are known
        """One row a sale."""

        @rule(severity=Severity.WARN)
        def small(self) -> pl.Expr:
            """A sale of more than its shop is odd."""
            return pl.col("amount") < pl.col("shop_id")

    ingest(shops, [batch(tmp_path, "shop_id\n1\n")], session, "first")
    made = batch(tmp_path, "sale_id,shop_id,amount\na,2,5.00\nb,2,1.00\nc,1,0.50\nd,1,7.00\n")
    (receipt,) = ingest(declared(Warned), [made], session, "second").receipts
    assert receipt.tallies[Dimension.CONSISTENCY] == Tally(4, 3)
    assert (receipt.warnings, receipt.rejections) == ({"small": 1}, {"shop_id:references": 2})


def test_references_of_a_model_count_for_consistency(session: Session) -> None:
    """Like a rule over several columns; a row that breaks both fails once."""
    parents, children = (Table("agreeing", fresh_name(stem)) for stem in ("parents", "children"))

    class Child(Contract):
        """One row a child."""

        child_id: int = key()
        parent: int = field(nullable=True, references=f"{parents}.parent_id")

        @rule
        def younger(self) -> pl.Expr:
            """Numbers are given in turn."""
            return pl.col("parent") + 0 < pl.col("child_id")

    session.create(parents, {"parent_id": "BIGINT"})
    session.create(children, {"child_id": "BIGINT", "parent": "BIGINT"})
    session.execute(f"INSERT INTO {parents.sql} VALUES (1), (2), (NULL)")
    session.execute(f"INSERT INTO {children.sql} VALUES (1, 2), (2, 9), (3, NULL), (4, 7)")
    tallies = examine_model(Model(str(children), contract=Child), session).tallies
    assert tallies[Dimension.CONSISTENCY] == Tally(4, 3)


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
@pytest.mark.parametrize("load", [Load.APPEND, Load.MERGE])
def test_what_is_there_twice_is_counted_in_parts_too(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Load, at_once: int
) -> None:
    """Where a batch is cut is no matter of quality."""
    monkeypatch.setattr(import_module("sluicegate.ingestion.ingest"), "ROWS_AT_ONCE", at_once)
    made = batch(tmp_path, "sale_id,shop_id,amount\n" + "a,1,1.00\nb,1,1.00\n" * 2)
    (receipt,) = ingest(declared(Sales, load=load), [made], session, "run").receipts
    assert receipt.tallies[Dimension.UNIQUENESS] == Tally(4, 2)
