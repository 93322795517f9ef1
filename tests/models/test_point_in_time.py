"""Credit features never see their future; and the models tell a story that unfolds over days."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sluicegate.lake.connection import Connection
from tests.models.month import AS_OF, dispute, moment, payment, write_world
from tests.unit.raw_lake import (
    ask,
    build_here,
    chargeback,
    create_raw,
    open_writable,
    put,
    put_reference,
    refund,
)

MODELS = (
    *("stg_payments", "stg_fx_rates", "stg_refunds", "stg_chargebacks"),
    *("int_rates_in_force", "payments_eur", "int_reversals", "payments_net"),
    *("unmatched_reversals", "daily_merchant_volume", "customers"),
    *("int_merchant_risk_known", "int_customer_weeks", "customer_credit_features"),
)
"""Everything that the features are made of, in an order in which it can be built."""

FEATURES = "FROM lake.marts.customer_credit_features WHERE as_of <= ? ORDER BY ALL"


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


def leaks(connection: Connection, queries: dict[str, str], seeds: range) -> Iterator[int]:
    """The seeds of futures that change a feature of the past, as they are found."""
    rebuild(connection, queries)
    before = features(connection)
    assert len(before) > 10
    for seed in seeds:
        connection.execute("BEGIN")
        try:
            change_the_future(connection, seed)
            rebuild(connection, queries)
            seen = features(connection)
        finally:
            connection.execute("ROLLBACK")
        if seen != before:
            yield seed


def test_no_feature_sees_its_future(memory: Connection, queries: dict[str, str]) -> None:
    """Whatever happens at or after a moment, the features of that moment stay, to the bit."""
    assert list(leaks(memory, queries, range(12))) == []


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
    assert next(leaks(memory, {**queries, model: spoiled}, range(6)), None) is not None


def test_features_are_what_counting_by_hand_gives(
    memory: Connection, queries: dict[str, str]
) -> None:
    """Counted anew for every row, from facts by their moments, each is the same."""
    rebuild(memory, queries)
    counted = memory.execute(
        """
        WITH rows AS (FROM lake.marts.customer_credit_features),
        paid AS (
            SELECT customer_id, as_of, (as_of AT TIME ZONE 'Europe/Berlin')::DATE AS day,
                p.* EXCLUDE (customer_id), p.status <> 'failed' AS counts,
                p.booked_at >= as_of - INTERVAL 7 DAY AS in_7d,
                p.booked_at >= as_of - INTERVAL 28 DAY AS in_28d
            FROM rows JOIN lake.marts.payments_eur p USING (customer_id) WHERE p.booked_at < as_of
        ),
        payments AS (
            SELECT customer_id, as_of,
                count(*) FILTER (counts AND in_7d) AS payments_7d,
                coalesce(sum(amount_eur) FILTER (counts AND in_7d), 0) AS volume_eur_7d,
                count(*) FILTER (counts AND in_28d) AS payments_28d,
                coalesce(sum(amount_eur) FILTER (counts AND in_28d), 0) AS volume_eur_28d,
                count(DISTINCT merchant_id) FILTER (counts AND in_28d) AS merchants_28d,
                count(*) FILTER (counts AND coalesce(settled_at, as_of) >= as_of) AS unsettled,
                date_diff('day', min(booked_on), day) AS first,
                date_diff('day', max(booked_on), day) AS last
            FROM paid GROUP BY customer_id, as_of, day
        ),
        asked AS (
            SELECT customer_id, as_of,
                count(*) FILTER (kind = 'refund' AND asked_at >= as_of - INTERVAL 28 DAY)
                    AS refunds,
                count(*) FILTER (kind = 'chargeback') AS chargebacks,
                count(*) FILTER (kind = 'chargeback' AND r.status = 'lost' AND resolved_at < as_of)
                    AS lost
            FROM paid JOIN lake.intermediate.int_reversals r USING (payment_id, customer_id)
            WHERE asked_at >= paid.booked_at AND asked_at < as_of GROUP BY ALL
        )
        SELECT customer_id, as_of, p.payments_7d, p.volume_eur_7d, p.payments_28d, p.volume_eur_28d,
            p.merchants_28d, unsettled, first, last, coalesce(refunds, 0),
            coalesce(asked.chargebacks, 0), coalesce(lost, 0)
        FROM payments p LEFT JOIN asked USING (customer_id, as_of) ORDER BY ALL
        """
    ).fetchall()
    modelled = memory.execute(
        """
        SELECT customer_id, as_of, payments_7d, volume_eur_7d, payments_28d, volume_eur_28d,
            merchants_28d, unsettled_payments, days_since_first_payment, days_since_last_payment,
            refunds_28d, chargebacks, chargebacks_lost
        FROM lake.marts.customer_credit_features ORDER BY ALL
        """
    ).fetchall()
    assert modelled == counted
    assert {as_of.day for _, as_of, *_ in modelled} == {11, 18, 25, 1}
    # Nothing that is compared is zero everywhere.
    assert all(any(column) for column in zip(*modelled, strict=True))


def test_a_chargeback_that_arrives_before_its_payment(
    memory: Connection, queries: dict[str, str]
) -> None:
    """It is unmatched until the payment is there, and netted then; one that is older never is."""
    story = "SELECT reason FROM lake.marts.unmatched_reversals WHERE reversal_id = 'early'"
    net = "SELECT net, net_eur FROM lake.marts.payments_net WHERE payment_id = 'awaited'"
    memory.execute("BEGIN")
    try:
        put(memory, "chargebacks", chargeback("early", "awaited", "2026-01-20 12:00:00+00"))
        rebuild(memory, queries)
        assert memory.execute(story).fetchall() == [("payment_unknown",)]
        paid = {"payment_id": "awaited", "booked_at": "2026-01-20 11:00:00+00", "amount": 25}
        put(memory, "payments", paid)
        rebuild(memory, queries)
        assert memory.execute(story).fetchall() == []
        assert memory.execute(net).fetchall() == [(15, 15)]
        memory.execute(
            "UPDATE lake.raw.payments SET booked_at = '2026-01-20 12:00:01+00'"
            " WHERE payment_id = 'awaited'"
        )
        rebuild(memory, queries)
        assert memory.execute(story).fetchall() == [("before_payment",)]
        assert memory.execute(net).fetchall() == [(25, 25)]
    finally:
        memory.execute("ROLLBACK")


def test_dbt_builds_on_what_it_built_before(folder: Path, tmp_path: Path) -> None:
    """Customers change, leave and come back, a merchant moves: history grows, the past stays."""
    days = shutil.copytree(folder, tmp_path / "days")
    before = ask(days, FEATURES, [AS_OF])
    with open_writable(days) as connection:
        # The newest export: one has moved, one is gone.
        connection.execute(
            "UPDATE lake.raw.customers SET country = 'FR', updated_at = '2026-02-01 10:00:00+00'"
            " WHERE customer_id = 'C0000001'"
        )
        connection.execute("DELETE FROM lake.raw.customers WHERE customer_id = 'C0000003'")
        connection.execute(
            "UPDATE lake.raw.merchants SET mcc = '7995', updated_at = '2026-01-20 10:00:00+00'"
        )
    outcome = build_here(days, folder / "target")
    assert outcome.complete
    assert not outcome.failed
    versions = (
        "SELECT version, country, is_current, is_deleted FROM lake.marts.customers"
        " WHERE customer_id = ? ORDER BY version"
    )
    moved = [(1, "DE", False, False), (2, "FR", True, False)]
    assert ask(days, versions, ["C0000001"]) == moved
    assert ask(days, versions, ["C0000002"]) == [(1, "DE", True, False)]
    assert ask(days, versions, ["C0000003"]) == [(1, "DE", False, True)]
    assert ask(days, FEATURES, [AS_OF]) == before

    with open_writable(days) as connection:
        back = {"customer_id": "C0000003", "updated_at": "2025-11-01 10:00:00+00"}
        put(connection, "customers", back)
    assert build_here(days, folder / "target").complete
    assert ask(days, versions, ["C0000003"]) == [(1, "DE", False, False), (2, "DE", True, False)]
    assert ask(days, versions, ["C0000001"]) == moved
    assert ask(days, FEATURES, [AS_OF]) == before
