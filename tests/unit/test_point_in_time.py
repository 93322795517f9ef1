"""Credit features never see their future; and the models tell a story that unfolds over days."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sluicegate.lake.connection import Connection
from tests.unit.raw_lake import (
    build_here,
    chargeback,
    create_raw,
    open_writable,
    put,
    put_reference,
    refund,
)

AS_OF = datetime(2026, 1, 18, 23, tzinfo=UTC)
"""Monday, 19 January 2026, 00:00 in Berlin: in the middle of the data."""

MODELS = (
    *("stg_payments", "stg_fx_rates", "stg_refunds", "stg_chargebacks"),
    *("int_rates_in_force", "payments_eur", "int_reversals", "payments_net"),
    *("unmatched_reversals", "daily_merchant_volume", "customers"),
    *("int_merchant_risk_known", "int_customer_weeks", "customer_credit_features"),
)
"""Everything that the features are made of, in an order in which it can be built."""

FEATURES = "FROM lake.marts.customer_credit_features WHERE as_of <= ? ORDER BY ALL"


def moment(dice: random.Random, first: datetime, days: float) -> datetime:
    """A moment within some days from another, often that very moment."""
    return first + timedelta(seconds=dice.choice([0, 1, dice.uniform(0, days * 86_400)]))


def payment(dice: random.Random, number: str, booked: datetime) -> dict[str, Any]:
    """A payment between anybody and anybody."""
    status = dice.choice(["settled", "settled", "captured", "authorised", "failed"])
    arrived = booked + timedelta(days=dice.uniform(0, 9)) if status == "settled" else None
    return {
        "payment_id": number,
        "booked_at": booked,
        "settled_at": arrived,
        "amount": dice.randrange(1, 90_000) / 100,
        "currency": dice.choice(["EUR", "USD", "XAU"]),
        "merchant_id": f"M{dice.randrange(1, 7):06}",
        "customer_id": f"C{dice.randrange(1, 9):07}",
        "status": status,
    }


def dispute(dice: random.Random, number: str, paid: str, opened: datetime) -> dict[str, Any]:
    """A chargeback that may have been decided within days."""
    status = dice.choice(["open", "won", "lost"])
    decided = None if status == "open" else moment(dice, opened, 12)
    return chargeback(number, paid, str(opened), resolved_at=decided, status=status)


def write_world(connection: Connection, dice: random.Random) -> None:
    """January 2026: customers, merchants, their payments, and what was given back of them."""
    first = datetime(2026, 1, 1, 9, tzinfo=UTC)
    moments = [moment(dice, dice.choice([first, AS_OF]), 17) for _ in range(240)]
    moments.append(AS_OF - timedelta(seconds=1))
    paid = [payment(dice, f"p{n}", booked) for n, booked in enumerate(moments)]
    put(connection, "payments", *paid)
    days = [first.date() + timedelta(days=n) for n in range(-3, 33)]
    quotes = [{"currency": "USD", "rate_date": day, "rate": 1 + day.day / 100} for day in days]
    put(connection, "fx_rates", *quotes)
    # Some ask before they pay, and some for what nobody paid.
    pairs = [(f"{n}", dice.choice([*paid, None])) for n in range(90)]
    asked = [(n, p["payment_id"], p["booked_at"]) if p else (n, f"no{n}", first) for n, p in pairs]
    waits = [timedelta(days=dice.uniform(-1, 12)) for _ in asked]
    later = [(number, p, at + wait) for (number, p, at), wait in zip(asked, waits, strict=True)]
    states = ["pending", "succeeded", "failed"]
    refunds = [refund(n, p, str(at), status=dice.choice(states)) for n, p, at in later[:45]]
    put(connection, "refunds", *refunds)
    put(connection, "chargebacks", *(dispute(dice, n, p, at) for n, p, at in later[45:]))
    known = ["2025-11-01 10:00:00+00", "2026-01-13 10:00:00+00", AS_OF]
    people = [{"customer_id": f"C{n:07}", "updated_at": known[n % 3]} for n in range(1, 8)]
    put(connection, "customers", *people)
    codes = ["5411", "7995", "5967", "9998", "7995"]
    listed = [{"merchant_id": f"M{n:06}", "mcc": mcc} for n, mcc in enumerate(codes, 1)]
    put(connection, "merchants", *listed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A branch with a month of everything, built by dbt."""
    made = tmp_path_factory.mktemp("month")
    (made / "files").mkdir()
    with open_writable(made) as connection:
        create_raw(connection)
        put_reference(connection)
        write_world(connection, random.Random(11))
    outcome = build_here(made, made / "target")
    assert outcome.complete
    assert not outcome.failed
    return made


@pytest.fixture(scope="module")
def queries(folder: Path) -> dict[str, str]:
    """The queries of the models, as dbt compiled them."""
    compiled = folder / "target" / "compiled"
    return {file.stem: file.read_text() for file in compiled.rglob("models/**/*.sql")}


@pytest.fixture(scope="module")
def memory(folder: Path, queries: dict[str, str]) -> Iterator[Connection]:
    """What is raw and history there, in memory, where building takes no time."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1; ATTACH ':memory:' AS lake")
        for schema in ("raw", "staging", "snapshots", "intermediate", "marts"):
            connection.execute(f"CREATE SCHEMA lake.{schema}")
        with open_writable(folder) as branch:
            tables = branch.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
                " WHERE database_name = 'lake' AND schema_name IN ('raw', 'snapshots')"
            ).fetchall()
            for (table,) in tables:
                branch.execute(f"COPY lake.{table} TO '{folder / table}.parquet'")
                connection.execute(f"CREATE TABLE lake.{table} AS FROM '{folder / table}.parquet'")
        yield connection


def rebuild(connection: Connection, queries: dict[str, str]) -> None:
    """Build the models in memory."""
    for name in MODELS:
        prefix = name.split("_")[0]
        schema = {"stg": "staging", "int": "intermediate"}.get(prefix, "marts")
        connection.execute(f"CREATE OR REPLACE TABLE lake.{schema}.{name} AS {queries[name]}")


def features(connection: Connection) -> list[tuple[Any, ...]]:
    """The features of every Monday up to ours."""
    return connection.execute(FEATURES, [AS_OF]).fetchall()


def change_the_future(connection: Connection, seed: int) -> None:
    """Add, change and delete facts, all of them at or after ours, everywhere that has facts."""
    dice = random.Random(seed)

    def some(key: str, share: int) -> str:
        return f"hash({key} || '{seed}') % {share} = 0"

    def later() -> str:
        return f"'{moment(dice, AS_OF, 12)}'::TIMESTAMPTZ"

    at = f"'{AS_OF}'::TIMESTAMPTZ"
    orphans = [
        number
        for (number,) in connection.execute(
            "SELECT payment_id FROM lake.raw.refunds UNION SELECT payment_id FROM"
            " lake.raw.chargebacks EXCEPT SELECT payment_id FROM lake.raw.payments"
        ).fetchall()
    ]
    new = [*(f"n{n}" for n in range(25)), *orphans]
    put(connection, "payments", *(payment(dice, n, moment(dice, AS_OF, 12)) for n in new))
    everybody = connection.execute("SELECT payment_id FROM lake.raw.payments").fetchall()
    paid = [number for (number,) in everybody]
    for n in range(20):
        asked = moment(dice, AS_OF, 12)
        put(connection, "refunds", refund(f"n{n}", dice.choice(paid), str(asked)))
        put(connection, "chargebacks", dispute(dice, f"n{n}", dice.choice(paid), asked))
    script = f"""
    DELETE FROM lake.raw.payments WHERE booked_at >= {at} AND {some("payment_id", 4)};
    UPDATE lake.raw.payments
        SET amount = amount + 1, customer_id = 'C0000001', merchant_id = 'M000002',
            status = 'failed', booked_at = {later()}, settled_at = NULL
        WHERE booked_at >= {at} AND {some("amount", 3)};
    -- Money that had not arrived arrives, or does not.
    UPDATE lake.raw.payments SET settled_at = {later()}, status = 'settled'
        WHERE booked_at < {at} AND coalesce(settled_at, {at}) >= {at} AND status <> 'failed'
            AND {some("payment_id", 3)};
    UPDATE lake.raw.payments SET settled_at = NULL, status = 'captured'
        WHERE booked_at < {at} AND settled_at >= {at} AND {some("amount", 3)};
    DELETE FROM lake.raw.refunds WHERE created_at >= {at} AND {some("refund_id", 3)};
    UPDATE lake.raw.refunds
        SET status = '{dice.choice(["failed", "succeeded"])}', updated_at = {later()}
        WHERE {some("refund_id", 2)};
    DELETE FROM lake.raw.chargebacks WHERE opened_at >= {at} AND {some("chargeback_id", 3)};
    UPDATE lake.raw.chargebacks
        SET status = '{dice.choice(["won", "lost"])}', resolved_at = greatest(opened_at, {later()})
        WHERE coalesce(resolved_at, {at}) >= {at} AND {some("chargeback_id", 2)};
    UPDATE lake.raw.fx_rates SET rate = rate * 2 WHERE rate_date >= '2026-01-19';
    {new_versions("customers_history", "customer_id", "'FR' AS country", later(), seed)}
    {new_versions("merchants_history", "merchant_id", "'7995' AS mcc", later(), seed)}
    {new_versions("merchants_history", "merchant_id", "'5411' AS mcc", later(), seed + 1)}
    -- Customers are deleted, and what only the future knows is something else.
    UPDATE lake.snapshots.customers_history SET dbt_valid_to = greatest({later()}, dbt_valid_from)
        WHERE dbt_valid_to IS NULL AND {some("dbt_scd_id", 3)};
    UPDATE lake.snapshots.customers_history SET segment = 'premium' WHERE dbt_valid_from >= {at};
    """
    connection.execute(script)


def new_versions(table: str, key: str, change: str, begins: str, seed: int) -> str:
    """End the valid version of some, and begin another one, as a snapshot does."""
    history = f"lake.snapshots.{table}"
    valid = f"""
        WHERE dbt_valid_to IS NULL AND dbt_valid_from < {begins} AND hash({key} || '{seed}') % 2 = 0
    """
    return f"""
    INSERT INTO {history}
        SELECT * REPLACE ({change}, NULL AS dbt_valid_to, 'new' AS dbt_scd_id,
            {begins} + INTERVAL 1 YEAR AS dbt_valid_from)
        FROM {history} {valid};
    UPDATE {history} SET dbt_valid_to = {begins} {valid};
    UPDATE {history} SET dbt_valid_from = {begins} WHERE dbt_scd_id = 'new';
    UPDATE {history} SET dbt_scd_id = hash({key}, {begins}) WHERE dbt_scd_id = 'new';
    """


def leaks(connection: Connection, queries: dict[str, str], seeds: range) -> list[int]:
    """The seeds of futures that change a feature of the past."""
    rebuild(connection, queries)
    before, found = features(connection), []
    assert len(before) > 10
    for seed in seeds:
        connection.execute("BEGIN")
        try:
            change_the_future(connection, seed)
            rebuild(connection, queries)
            if features(connection) != before:
                found.append(seed)
        finally:
            connection.execute("ROLLBACK")
    return found


def test_no_feature_sees_its_future(memory: Connection, queries: dict[str, str]) -> None:
    """Whatever happens at or after a moment, the features of that moment stay, to the bit."""
    assert leaks(memory, queries, range(25)) == []


WEEKS, FINAL, RISK = "int_customer_weeks", "customer_credit_features", "int_merchant_risk_known"
LEAKS = {
    "the Monday itself counts": (WEEKS, r"8 - isodow\(booked_on\)", "(8 - isodow(booked_on)) % 7"),
    "settled as it is today": (WEEKS, r"cast\(settled_at at .*? as date\)", "booked_on"),
    "lost as it is today": (WEEKS, r"cast\(resolved_at at", "cast(asked_at at"),
    "refunds as they ended": (WEEKS, r"where booked_at <= asked_at", "where is_netted"),
    "payments that came later": (WEEKS, r"where booked_at <= asked_at", "where true"),
    "a week too many": (FINAL, "3 preceding and current row", "3 preceding and 1 following"),
    "the last payment of all": (
        FINAL,
        r"max\(last_booked_on\) over \w+",
        "max(last_booked_on) over (partition by customer_id)",
    ),
    "merchants of next week": (FINAL, r"between paid.monday and", "between paid.monday - 7 and"),
    "customers of today": (FINAL, r"versions.valid_from < .*\n.*", "versions.is_current"),
    "a version that begins then": (FINAL, "versions.valid_from <", "versions.valid_from <="),
    "a version that ends then": (FINAL, r"(valid_to, 'infinity'\)) >=", r"\1 >"),
    "categories of today": (RISK, r"versions.dbt_valid_from < .*\n.*", "dbt_valid_to is null"),
    "a category that begins then": (RISK, "dbt_valid_from <", "dbt_valid_from <="),
}
"""Mistakes that a model could make: where, what is written there, and what could be instead."""


@pytest.mark.parametrize("mistake", LEAKS)
def test_leak_is_noticed(memory: Connection, queries: dict[str, str], mistake: str) -> None:
    """The test above can fail: it does for every way in which a feature could see its future."""
    model, right, wrong = LEAKS[mistake]
    spoiled, count = re.subn(right, wrong, queries[model])
    assert count
    assert leaks(memory, {**queries, model: spoiled}, range(6))
