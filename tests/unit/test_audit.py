"""Audits: each check of a contract fails on a datum made for it, and looking at nothing is none."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import polars as pl
import pytest

from sluicegate.contracts import (
    ISO_4217,
    PII,
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
from sluicegate.lake import Session, Table
from sluicegate.quality import contracts as auditing
from sluicegate.quality.check import Check, Outcome
from sluicegate.quality.contracts import audit_table
from tests.unit.kit import fresh_name


class Payments(Contract):
    """Every kind of promise."""

    payment_id: str = key()
    day: int = key()
    booked_at: UtcTimestamp = field()
    amount: Money = field(gt=0, le=100)
    share: int = field(nullable=True, ge=0, lt=10)
    currency: str = field(isin=ISO_4217)
    account: str = field(check=iban, pii=PII.DIRECT)
    corridor: str = field(matches="[A-Z]{2}-[A-Z]{2}")

    @rule
    def share_of_amount(self) -> pl.Expr:
        """The part is not more than the whole."""
        return pl.col("share") <= pl.col("amount")


GOOD: dict[str, Any] = {
    "payment_id": "p1",
    "day": 1,
    "booked_at": "2026-10-30T10:00:00Z",
    "amount": "50.00",
    "share": 5,
    "currency": "EUR",
    "account": "DE89370400440532013000",
    "corridor": "DE-FR",
}
TYPES = {
    "payment_id": "VARCHAR",
    "day": "BIGINT",
    "booked_at": "TIMESTAMPTZ",
    "amount": "DECIMAL(18,2)",
    "share": "BIGINT",
    "currency": "VARCHAR",
    "account": "VARCHAR",
    "corridor": "VARCHAR",
}


def stored(session: Session, *rows: dict[str, Any], **types: str) -> Table:
    """A table with these rows."""
    table = Table("audits", fresh_name("payments"))
    kinds = {name: kind for name, kind in {**TYPES, **types}.items() if kind}
    session.create(table, kinds)
    if rows:
        marks = ", ".join("?" * len(kinds))
        values = [row[name] for row in rows for name in kinds]
        session.execute(
            f"INSERT INTO {table.sql} VALUES {', '.join([f'({marks})'] * len(rows))}", values
        )
    return table


def failed(checks: list[Check]) -> dict[str, int]:
    """The checks that do not hold, with their failures."""
    return {check.name: check.failures for check in checks if check.outcome is not Outcome.PASS}


def test_good_table_passes_every_check(session: Session) -> None:
    """There is one check a rule, and each looked at every row."""
    checks = audit_table(stored(session, GOOD, {**GOOD, "day": 2}), Payments, session)
    assert [check.name for check in checks] == list(Payments.rules())
    assert {(check.outcome, check.looked_at) for check in checks} == {(Outcome.PASS, 2)}


@pytest.mark.parametrize(
    ("datum", "broken"),
    [
        ({"payment_id": None}, "payment_id:not_null"),
        ({"booked_at": None}, "booked_at:not_null"),
        ({"amount": "0.00", "share": None}, "amount:greater_than"),
        ({"amount": "100.01"}, "amount:less_than_or_equal_to"),
        ({"share": -1}, "share:greater_than_or_equal_to"),
        ({"share": 10}, "share:less_than"),
        ({"currency": "XXX"}, "currency:isin"),
        ({"account": "DE00370400440532013000"}, "account:iban"),
        ({"corridor": "DE-FRA"}, "corridor:matches"),
        ({"share": 9, "amount": "8.00"}, "share_of_amount"),
        ({"payment_id": "p1", "day": 1}, "payment_id+day:unique"),
    ],
)
def test_each_check_fails_on_its_datum(
    session: Session, datum: dict[str, Any], broken: str
) -> None:
    """One wrong value among good ones, and exactly its check fails, on exactly that row."""
    table = stored(session, GOOD, {**GOOD, "payment_id": "p2", **datum})
    checks = audit_table(table, Payments, session)
    assert failed(checks) == {broken: 1}
    (check,) = (check for check in checks if check.name == broken)
    assert (check.outcome, check.looked_at) == (Outcome.FAIL, 2)
    row = {"payment_id": "p2", "day": 1, **datum}
    assert check.rows == (f"payment_id={row['payment_id']}, day={row['day']}",)
    assert "1 of 2 rows" in check.message


def test_every_copy_is_counted(session: Session) -> None:
    """Of three rows with one key, two are too many; a few keys are shown, not all."""
    rows = [{**GOOD, "payment_id": f"p{n % 7}"} for n in range(21)]
    checks = audit_table(stored(session, *rows), Payments, session)
    assert failed(checks) == {"payment_id+day:unique": 14}
    (check,) = (check for check in checks if check.outcome is Outcome.FAIL)
    assert len(check.rows) == 5


@pytest.mark.parametrize(
    ("may_be_empty", "outcome"), [(False, Outcome.ERROR), (True, Outcome.PASS)]
)
def test_empty_table(session: Session, may_be_empty: bool, outcome: Outcome) -> None:
    """Looking at nothing is an error, unless nothing is an answer."""
    checks = audit_table(stored(session), Payments, session, may_be_empty=may_be_empty)
    assert {check.outcome for check in checks} == {outcome}


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"corridor": ""}, "does not have: corridor"),
        ({"share": "INTEGER"}, "wrong datatype .share"),
        ({"amount": "DOUBLE"}, "wrong datatype .amount"),
    ],
)
def test_table_of_another_shape_is_an_error(
    session: Session, types: dict[str, str], message: str
) -> None:
    """A missing column or another type cannot be audited, which is no pass."""
    (check,) = audit_table(stored(session, GOOD, **types), Payments, session)
    assert (check.name, check.outcome) == ("applies", Outcome.ERROR)
    assert re.search(message, check.message)


def test_missing_table_is_an_error(session: Session) -> None:
    """Also where the table might be empty."""
    (check,) = audit_table(Table("audits", "none"), Payments, session, may_be_empty=True)
    assert (check.name, check.outcome) == ("exists", Outcome.ERROR)


def test_more_columns_than_promised_are_nobodys_business(session: Session) -> None:
    """Lineage columns do not stand in the contract."""
    table = stored(session, {**GOOD, "_batch": "0f"}, _batch="VARCHAR")
    assert failed(audit_table(table, Payments, session)) == {}


class Shops(Contract):
    """What may be absent, and a rule of each kind that needs it."""

    shop_id: str = key()
    opened_on: Date = field()
    closed_on: Date = field(nullable=True, ge=date(2020, 1, 1))
    rooms: int = field(nullable=True)
    owner: str = field(nullable=True, check=iban)

    @rule
    def closes_late(self) -> pl.Expr:
        """Nobody closes before he opens."""
        return pl.col("closed_on") >= pl.col("opened_on")

    @rule(severity=Severity.WARN)
    def few_rooms(self) -> pl.Expr:
        """Arithmetic is left to pandera."""
        return pl.col("rooms") * 2 < 100

    @rule
    def either(self) -> pl.Expr:
        """Whether something is absent can always be told."""
        return pl.col("closed_on").is_null() | (pl.col("closed_on") > pl.col("opened_on"))


DAY = date(2026, 1, 1)
NOTHING = (DAY, None, None, None)
IDLE = {"closed_on:greater_than_or_equal_to", "owner:iban", "closes_late", "few_rooms"}


@pytest.mark.parametrize(
    ("row", "outcomes"),
    [
        (NOTHING, {}),
        (
            (DAY, date(2026, 2, 1), None, None),
            {"closed_on:greater_than_or_equal_to": "pass", "closes_late": "pass"},
        ),
        (
            (date(2019, 5, 1), date(2019, 6, 1), None, None),
            {"closed_on:greater_than_or_equal_to": "fail", "closes_late": "pass"},
        ),
        ((DAY, None, 49, None), {"few_rooms": "pass"}),
        ((DAY, None, 50, None), {"few_rooms": "warn"}),
        ((DAY, None, None, "DE89370400440532013000"), {"owner:iban": "pass"}),
        ((DAY, None, None, "DE00"), {"owner:iban": "fail"}),
    ],
)
def test_a_rule_without_a_value_to_judge_is_idle(
    session: Session, row: tuple[Any, ...], outcomes: dict[str, str]
) -> None:
    """It is no pass and stops nothing; one row with a value is enough, and only that is counted."""
    table = Table("audits", fresh_name("shops"))
    kinds = ("VARCHAR", "DATE", "DATE", "BIGINT", "VARCHAR")
    session.create(table, dict(zip(Shops.to_schema().columns, kinds, strict=True)))
    for name, values in (("a", NOTHING), ("b", NOTHING), ("c", row)):
        session.execute(f"INSERT INTO {table.sql} VALUES (?, ?, ?, ?, ?)", [name, *values])
    checks = {check.name: check for check in audit_table(table, Shops, session)}
    every = dict.fromkeys(checks, ("pass", 3)) | dict.fromkeys(IDLE, ("idle", 0))
    every |= {name: (outcome, 1) for name, outcome in outcomes.items()}
    assert {name: (each.outcome, each.looked_at) for name, each in checks.items()} == every
    assert {each.outcome.value for each in checks.values() if each.blocks} <= {"fail"}
    for name in IDLE - outcomes.keys():
        assert checks[name].message == "none of 3 rows has a value to judge"


class People(Contract):
    """Rows that are found again only by something personal."""

    iban: str = key(pii=PII.DIRECT)
    customer: str = key(pii=PII.INDIRECT)
    n: int = key()
    amount: int = field(gt=0)


def test_personal_keys_are_masked(session: Session) -> None:
    """What is shown of a row that broke a check names no person, a copy of a key neither."""
    table = Table("audits", fresh_name("people"))
    names = ("iban", "customer", "n", "amount")
    session.create(table, dict(zip(names, ("VARCHAR", "VARCHAR", "BIGINT", "BIGINT"), strict=True)))
    session.execute(f"INSERT INTO {table.sql} VALUES ('DE1', 'Eva', 7, 0), ('DE1', 'Eva', 7, 1)")
    checks = audit_table(table, People, session)
    assert failed(checks) == {"amount:greater_than": 1, "iban+customer+n:unique": 1}
    shown = [check.to_dict() for check in checks if check.outcome is Outcome.FAIL]
    assert [check["rows"] for check in shown] == [["iban=***, customer=***, n=7"]] * 2
    assert "DE1" not in str(shown)
    assert "Eva" not in str(shown)


def test_versions_may_share_a_key(session: Session) -> None:
    """Where a table holds versions, nothing is said of keys, and everything else is checked."""
    table = stored(session, GOOD, {**GOOD, "share": 20})
    checks = audit_table(table, Payments, session, unique=False)
    assert failed(checks) == {"share:less_than": 1}
    assert "payment_id+day:unique" not in {check.name for check in checks}


@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_slices_change_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However a table is cut up, every row is judged once."""
    monkeypatch.setattr(auditing, "ROWS_AT_ONCE", at_once)
    rows = [{**GOOD, "payment_id": f"p{n}", "share": 20 if n % 3 else 1} for n in range(9)]
    rows[0] |= {"payment_id": None}
    checks = audit_table(stored(session, *rows), Payments, session)
    assert failed(checks) == {"payment_id:not_null": 1, "share:less_than": 6}


class Named(Contract):
    """A key whose name is also one that SQL likes."""

    n: int = key()
    order: str = key()


def test_key_of_any_name(session: Session) -> None:
    """Columns may be called as they like."""
    table = Table("audits", fresh_name("named"))
    session.create(table, {"n": "BIGINT", "order": "VARCHAR"})
    session.execute(f"INSERT INTO {table.sql} VALUES (5, 'a'), (6, 'a'), (6, 'a')")
    assert failed(audit_table(table, Named, session)) == {"n+order:unique": 1}
