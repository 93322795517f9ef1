"""The dbt project: what it promises about payments in EUR, and that each promise can be broken."""

import json
import random
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from sluicegate.lake.connection import attach, connect
from sluicegate.warehouse import build

PROJECT = Path(__file__).parents[2] / "dbt_project"

PAYMENTS = """
CREATE SCHEMA lake.raw;
CREATE TABLE lake.raw.payments (
    payment_id VARCHAR, booked_at TIMESTAMPTZ, settled_at TIMESTAMPTZ, amount DECIMAL(18,2),
    currency VARCHAR, debtor_iban VARCHAR, creditor_iban VARCHAR, merchant_id VARCHAR,
    customer_id VARCHAR, status VARCHAR, description VARCHAR, channel VARCHAR, _batch VARCHAR,
    _line BIGINT);
CREATE TABLE lake.raw.fx_rates (
    currency VARCHAR, rate_date DATE, rate DECIMAL(18,6), _batch VARCHAR, _line BIGINT);
INSERT INTO lake.raw.fx_rates
    SELECT currency, rate_date::DATE, rate + day(rate_date) / 1000, 'rates', row_number() OVER ()
    FROM (VALUES ('USD', 1.1637), ('JPY', 161.25), ('HUF', 389.17), ('XAF', 104000.5))
            AS quotes(currency, rate),
        range(TIMESTAMP '2026-01-05', TIMESTAMP '2026-01-17', INTERVAL 1 DAY) AS d(rate_date)
    WHERE isodow(rate_date) < 6;
"""
"""Weekday rates from 5 to 16 January 2026, so that the 18th is a Sunday and the 24th too late."""

PAYMENT = """
INSERT INTO lake.raw.payments VALUES (?, ?, NULL, ?, ?, ?, 'FR1420041010050500013M02606', 'm1',
    'c1', ?, 'order', ?, 'batch', ?)
"""


def open_writable(catalog, files):
    """Open a catalog the way a branch does."""
    connection = connect()
    attach(connection, catalog, files, read_only=False)
    return connection


def payments() -> list[tuple[object, ...]]:
    """A few hundred payments over every currency, status and kind of day, from a fixed seed."""
    dice = random.Random(7)
    days = ["08", "10", "11", "16", "18", "23", "24"]
    return [
        (
            f"p{n:03}",
            f"2026-01-{dice.choice(days)} {dice.randrange(24):02}:30:00+00",
            Decimal(dice.randrange(1, 10 ** dice.randint(1, 14))) / 100,
            dice.choice(["EUR", "USD", "JPY", "HUF", "XAF", "XAU"]),
            dice.choice(["DE89370400440532013000", "GB29NWBK60161331926819"]),
            dice.choice(["authorised", "captured", "settled", "failed"]),
            dice.choice(["web", "app", None]),
            n,
        )
        for n in range(300)
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The real project, built once on a branch of clean data."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "files").mkdir()
    connection = open_writable(folder / "catalog.db", folder / "files")
    connection.execute(PAYMENTS)
    connection.executemany(PAYMENT, payments())
    connection.close()
    outcome = build(
        folder / "catalog.db", folder / "files", project=PROJECT, target=folder / "target"
    )
    return folder, outcome


@pytest.fixture(scope="module")
def branch(built):
    """A connection to the branch that was built."""
    folder, _ = built
    with open_writable(folder / "catalog.db", folder / "files") as connection:
        yield connection


def test_project_builds_clean(built):
    """Good data build every model and pass every check, and dbt has nothing to warn about."""
    _, outcome = built
    assert outcome.complete
    assert outcome.failed == ()
    assert outcome.warnings == ()
    assert {check.status for check in outcome.checks} == {"pass"}


def test_models_and_schemas(built):
    """Staging is views; everything behind it is tables, in schemas called as in the project."""
    _, outcome = built
    assert {(m.schema, m.name): (m.kind, m.rows is None) for m in outcome.models} == {
        ("staging", "stg_payments"): ("view", True),
        ("staging", "stg_fx_rates"): ("view", True),
        ("intermediate", "int_rates_in_force"): ("table", False),
        ("marts", "payments_eur"): ("table", False),
        ("marts", "daily_corridor_volume"): ("table", False),
        ("marts", "fx_coverage"): ("table", False),
    }


def test_everything_is_described(built):
    """Every model, source, test macro and column of the project has a description."""
    folder, _ = built
    target = folder / "target"
    where = [f"--project-dir={PROJECT}", f"--profiles-dir={PROJECT}", f"--target-path={target}"]
    assert dbtRunner().invoke(["--quiet", "parse", *where, f"--log-path={target}"]).success
    manifest = json.loads((target / "manifest.json").read_text())
    nodes = [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]
    documented = [*nodes, *manifest["sources"].values()]
    assert len(documented) == 8
    for node in documented:
        assert node["description"].strip(), node["name"]
        assert node["columns"], node["name"]
        for column in node["columns"].values():
            assert column["description"].strip(), f"{node['name']}.{column['name']}"
    for unit in manifest["unit_tests"].values():
        assert unit["description"].strip(), unit["name"]
    own = [m for m in manifest["macros"].values() if m["package_name"] == "sluicegate"]
    for macro in own:
        if not macro["name"].startswith("test_"):
            assert macro["description"].strip(), macro["name"]


def test_every_model_has_unit_tests(built):
    """No model's logic goes without a unit test."""
    _, outcome = built
    tested = {check.model for check in outcome.checks if check.kind == "unit"}
    assert tested == {model.name for model in outcome.models}


def test_amounts_equal_decimal_arithmetic(branch):
    """Every converted amount is, to the cent, what exact decimal arithmetic makes of it."""
    rows = branch.execute(
        "SELECT amount, rate, amount_eur FROM lake.marts.payments_eur WHERE rate IS NOT NULL"
    ).fetchall()
    assert len(rows) > 100
    for amount, rate, amount_eur in rows:
        exact = (amount / rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert amount_eur == exact


def test_personal_data_stay_in_staging(branch):
    """No mart carries an IBAN or the free text of a payment."""
    columns = {
        name
        for (name,) in branch.execute(
            "SELECT column_name FROM duckdb_columns() "
            "WHERE database_name = 'lake' AND schema_name = 'marts'"
        ).fetchall()
    }
    assert columns.isdisjoint({"debtor_iban", "creditor_iban", "description"})


ONE_PAYMENT = "WHERE payment_id = (SELECT min(payment_id) FROM lake.marts.payments_eur"
ONE_ECB = f"{ONE_PAYMENT} WHERE rate_source = 'ecb')"
ONE_EUR = f"{ONE_PAYMENT} WHERE currency = 'EUR')"
RAW, RATES = "lake.raw.payments", "lake.raw.fx_rates"
IN_FORCE, EUR = "lake.intermediate.int_rates_in_force", "lake.marts.payments_eur"
VOLUME, COVERAGE = "lake.marts.daily_corridor_volume", "lake.marts.fx_coverage"
UNCONVERTED = "rate_source = 'none', rate_date = NULL, rate = NULL, amount_eur = NULL"

TAMPERINGS = [
    (f"UPDATE {RAW} SET payment_id = NULL {ONE_ECB}", {"not_null_stg_payments_payment_id"}),
    (f"INSERT INTO {RAW} FROM {RAW} {ONE_ECB}", {"unique_stg_payments_payment_id"}),
    (f"UPDATE {RAW} SET booked_at = NULL {ONE_ECB}", {"not_null_stg_payments_booked_at"}),
    (f"UPDATE {RAW} SET amount = NULL {ONE_ECB}", {"not_null_stg_payments_amount"}),
    (f"UPDATE {RAW} SET currency = NULL {ONE_ECB}", {"not_null_stg_payments_currency"}),
    (f"UPDATE {RAW} SET currency = 'xEUR' {ONE_ECB}", {"currency_is_a_code"}),
    (f"UPDATE {RAW} SET debtor_iban = NULL {ONE_ECB}", {"not_null_stg_payments_corridor"}),
    (f"UPDATE {RAW} SET debtor_iban = 'D' {ONE_ECB}", {"corridor_is_two_countries"}),
    (f"UPDATE {RAW} SET status = NULL {ONE_ECB}", {"not_null_stg_payments_status"}),
    (f"UPDATE {RAW} SET status = 'lost' {ONE_ECB}", {"known_status"}),
    (f"UPDATE {RAW} SET channel = 'fax' {ONE_ECB}", {"known_channel"}),
    (f"UPDATE {RATES} SET currency = NULL", {"not_null_stg_fx_rates_currency"}),
    (f"UPDATE {RATES} SET rate_date = NULL", {"not_null_stg_fx_rates_rate_date"}),
    (f"UPDATE {RATES} SET rate = 0", {"rates_are_positive"}),
    (f"INSERT INTO {RATES} FROM {RATES} LIMIT 1", {"one_rate_a_currency_and_day"}),
    (f"INSERT INTO {IN_FORCE} FROM {IN_FORCE} LIMIT 1", {"one_rate_in_force_a_currency_and_day"}),
    (f"UPDATE {IN_FORCE} SET rate_source = 'guess'", {"known_source_of_rate_in_force"}),
    (
        f"INSERT INTO {EUR} FROM {EUR} {ONE_ECB}",
        {"unique_payments_eur_payment_id", "every_payment_is_modelled_once"},
    ),
    (f"DELETE FROM {EUR} {ONE_ECB}", {"every_payment_is_modelled_once"}),
    (f"UPDATE {EUR} SET payment_id = 'new' {ONE_ECB}", {"every_payment_is_modelled_once"}),
    (f"UPDATE {EUR} SET amount = amount + 0.01 {ONE_ECB}", {"amounts_survive_modelling"}),
    (f"UPDATE {EUR} SET rate_source = 'guess' {ONE_ECB}", {"known_rate_source"}),
    (f"UPDATE {EUR} SET rate_date = booked_on + 1 {ONE_ECB}", {"no_rate_from_the_future"}),
    (f"UPDATE {EUR} SET rate_date = booked_on - 8 {ONE_ECB}", {"no_rate_too_old"}),
    (f"UPDATE {EUR} SET rate_date = rate_date - 1 {ONE_ECB}", {"no_newer_rate_was_available"}),
    (
        f"UPDATE {EUR} SET {UNCONVERTED} {ONE_ECB}",
        {"no_newer_rate_was_available", "coverage_adds_up"},
    ),
    (f"UPDATE {EUR} SET rate = rate + 0.000001 {ONE_ECB}", {"rates_are_as_published"}),
    (f"UPDATE {EUR} SET amount_eur = NULL {ONE_ECB}", {"rate_columns_agree"}),
    (f"UPDATE {EUR} SET rate_date = booked_on {ONE_EUR}", {"rate_columns_agree"}),
    (f"UPDATE {EUR} SET amount_eur = amount_eur + 0.01 {ONE_EUR}", {"euros_stay_as_they_are"}),
    (f"UPDATE {EUR} SET currency = 'EUR' {ONE_ECB}", {"euros_stay_as_they_are"}),
    (f"UPDATE {VOLUME} SET volume_eur = volume_eur + 0.01", {"daily_volume_adds_up"}),
    (f"UPDATE {VOLUME} SET payments = payments + 1", {"daily_volume_adds_up"}),
    (
        f"UPDATE {VOLUME} SET unconverted_payments = unconverted_payments + 1",
        {"daily_volume_adds_up"},
    ),
    (
        f"DELETE FROM {VOLUME} WHERE booked_on = (SELECT min(booked_on) FROM {VOLUME})",
        {"daily_volume_adds_up"},
    ),
    (f"UPDATE {VOLUME} SET corridor = 'XX-XX'", {"corridors_have_payments"}),
    (f"INSERT INTO {VOLUME} FROM {VOLUME} LIMIT 1", {"one_volume_a_corridor_and_day"}),
    (f"UPDATE {COVERAGE} SET payments = payments + 1", {"coverage_adds_up"}),
    (f"UPDATE {COVERAGE} SET unconverted_payments = 9", {"coverage_adds_up"}),
    (f"DELETE FROM {COVERAGE} WHERE currency = 'EUR'", {"coverage_adds_up"}),
    (f"UPDATE {COVERAGE} SET currency = 'ABC'", {"covered_currencies_have_payments"}),
    (f"INSERT INTO {COVERAGE} FROM {COVERAGE} LIMIT 1", {"one_coverage_a_currency_and_day"}),
]
"""What somebody could do to the data, and the checks that must notice."""


@pytest.mark.parametrize(("tampering", "noticed_by"), TAMPERINGS)
def test_tampering_is_noticed(built, branch, tampering, noticed_by):
    """A check whose promise is broken finds the rows that break it."""
    _, outcome = built
    queries = {check.name: check.compiled_sql for check in outcome.checks if check.kind == "data"}
    branch.execute("BEGIN")
    try:
        branch.execute(tampering)
        quiet = {name for name in noticed_by if not branch.execute(queries[name]).fetchall()}
    finally:
        branch.execute("ROLLBACK")
    assert quiet == set()


def test_every_check_can_fail(built):
    """No check of the data is decoration: there is a tampering for each."""
    _, outcome = built
    proven = set().union(*(noticed_by for _, noticed_by in TAMPERINGS))
    assert {check.name for check in outcome.checks if check.kind == "data"} == proven
