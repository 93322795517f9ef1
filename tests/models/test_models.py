"""The dbt project: what it promises about payments in EUR, and that each promise can be broken."""

import json
import random
from decimal import ROUND_HALF_UP, Decimal

import pytest
from dbt.cli.main import dbtRunner

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import PII
from tests.unit.raw_lake import (
    PROJECT,
    ROOT,
    build_here,
    create_raw,
    open_writable,
    put,
    put_reference,
)

RATES = """
INSERT INTO lake.raw.fx_rates
    SELECT currency, rate_date::DATE, rate + day(rate_date) / 1000, 'rates', row_number() OVER ()
    FROM (VALUES ('USD', 1.1637), ('JPY', 161.25), ('HUF', 389.17), ('XAF', 104000.5))
            AS quotes(currency, rate),
        range(TIMESTAMP '2026-01-05', TIMESTAMP '2026-01-17', INTERVAL 1 DAY) AS d(rate_date)
    WHERE isodow(rate_date) < 6;
"""
"""Weekday rates from 5 to 16 January 2026, so that the 18th is a Sunday and the 24th too late."""

PAYMENT = """
INSERT INTO lake.raw.payments VALUES (?, ?, NULL, ?, ?, ?, 'FR1420041010050500013M02606', ?, ?, ?,
    'order', ?, 'batch', ?)
"""

REVERSED = """
INSERT INTO lake.raw.refunds
    SELECT 'r' || payment_id, payment_id, booked_at + INTERVAL 1 HOUR, booked_at + INTERVAL 2 HOUR,
        CASE WHEN _line % 2 = 0 THEN amount ELSE greatest(amount / 3, 0.01) END,
        CASE WHEN _line % 7 = 0 THEN 'CHF' ELSE currency END, 'other',
        ['succeeded', 'pending', 'failed'][1 + _line % 3], 'batch', _line
    FROM lake.raw.payments WHERE _line % 4 = 0;
INSERT INTO lake.raw.chargebacks
    SELECT 'k' || payment_id, CASE WHEN _line % 9 = 0 THEN 'unknown' ELSE payment_id END,
        booked_at + to_hours(_line % 4 - 1), booked_at + INTERVAL 90 HOUR,
        CASE WHEN _line % 3 > 0 THEN booked_at + INTERVAL 90 HOUR END, amount, currency, 'visa',
        '10.4', ['open', 'won', 'lost'][1 + _line % 3], 'batch', _line
    FROM lake.raw.payments WHERE _line % 5 = 0;
"""
"""Refunds and chargebacks of every fate."""


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
            f"M{dice.randrange(1, 9):06}",
            f"C{dice.randrange(1, 9):07}",
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
    with open_writable(folder) as connection:
        create_raw(connection)
        put_reference(connection)
        connection.execute(RATES)
        connection.executemany(PAYMENT, payments())
        connection.execute(REVERSED)
        numbers = range(1, 8)
        moved = "2025-12-01 10:00:00+00"
        put(
            connection,
            "customers",
            *({"customer_id": f"C{n:07}", "updated_at": moved} for n in numbers),
        )
        put(
            connection,
            "merchants",
            *({"merchant_id": f"M{n:06}", "mcc": "9998" if n == 1 else "5411"} for n in numbers),
        )
    return folder, build_here(folder, folder / "target", unit_tests=True)


@pytest.fixture(scope="module")
def branch(built):
    """A connection to the branch that was built."""
    folder, _ = built
    with open_writable(folder) as connection:
        yield connection


def test_project_builds_clean(built):
    """Good data build every model and pass every check, and dbt has nothing to warn about."""
    _, outcome = built
    assert [(check.name, check.message) for check in outcome.failed] == []
    assert outcome.complete
    assert outcome.warnings == ()
    assert {check.status for check in outcome.checks} == {"pass"}


def test_models_and_schemas(built):
    """Staging is views, history is snapshots, the rest is tables; each in its schema."""
    _, outcome = built
    kinds = {"staging": "view", "snapshots": "snapshot", "intermediate": "table", "marts": "table"}
    assert {model.kind == kinds[model.schema] for model in outcome.models} == {True}
    assert {model.rows is None for model in outcome.models if model.kind == "view"} == {True}
    assert {bool(model.rows) for model in outcome.models if model.kind != "view"} == {True}
    assert {model.schema for model in outcome.models} == kinds.keys()


def test_everything_is_described(built):
    """Every model, source, test macro and column of the project has a description."""
    folder, _ = built
    target = folder / "target"
    where = [f"--project-dir={PROJECT}", f"--profiles-dir={PROJECT}", f"--target-path={target}"]
    assert dbtRunner().invoke(["--quiet", "parse", *where, f"--log-path={target}"]).success
    manifest = json.loads((target / "manifest.json").read_text())
    kinds = ("model", "snapshot")
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]
    sources = manifest["sources"].values()
    # A source's columns are described by its contract.
    assert {source["name"] for source in sources} == load_catalogue(ROOT).sources.keys()
    for node in [*nodes, *sources]:
        assert node["description"].strip(), node["name"]
        assert node["columns"] or node in sources, node["name"]
        for column in node["columns"].values():
            assert column["description"].strip(), f"{node['name']}.{column['name']}"
    for unit in manifest["unit_tests"].values():
        assert unit["description"].strip(), unit["name"]
    own = [m for m in manifest["macros"].values() if m["package_name"] == "sluicegate"]
    for macro in own:
        if not macro["name"].startswith("test_"):
            assert macro["description"].strip(), macro["name"]


PLAIN = {"stg_customers", "stg_merchants", "stg_mcc_codes", "stg_refunds", "stg_chargebacks"}
"""Models that only name columns."""


def test_every_model_has_unit_tests(built):
    """No model's logic goes without a unit test; dbt has none for snapshots."""
    _, outcome = built
    tested = {check.model for check in outcome.checks if check.kind == "unit"}
    assert tested == {m.name for m in outcome.models if m.kind != "snapshot"} - PLAIN


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
    """Behind staging there are the customers' numbers, and the merchants' names, and no more."""
    found = branch.execute(
        "SELECT DISTINCT column_name FROM duckdb_columns() WHERE database_name = 'lake' "
        "AND schema_name IN ('snapshots', 'intermediate', 'marts')"
    ).fetchall()
    personal = {
        column.name
        for source in load_catalogue(ROOT).sources.values()
        for column in source.contract.columns()
        if column.pii is not PII.NONE
    }
    assert {"debtor_iban", "email", "street", "born_on"} <= personal
    assert personal.intersection(name for (name,) in found) == {"customer_id", "legal_name"}


ONE_PAYMENT = "WHERE payment_id = (SELECT min(payment_id) FROM lake.marts.payments_eur"
ONE_ECB = f"{ONE_PAYMENT} WHERE rate_source = 'ecb')"
ONE_EUR = f"{ONE_PAYMENT} WHERE currency = 'EUR')"
EUR, NET = "lake.marts.payments_eur", "lake.marts.payments_net"
VOLUME, COVERAGE = "lake.marts.daily_corridor_volume", "lake.marts.fx_coverage"
BY_MERCHANT, UNMATCHED = "lake.marts.daily_merchant_volume", "lake.marts.unmatched_reversals"
CUSTOMERS, MERCHANTS = "lake.marts.customers", "lake.marts.merchants"
ONE = f"{CUSTOMERS} LIMIT 1"
UNCONVERTED = "rate_source = 'none', rate_date = NULL, rate = NULL, amount_eur = NULL"

TAMPERINGS = [
    ("DELETE FROM lake.marts.customer_credit_features", {"features_are_there"}),
    (f"INSERT INTO {EUR} FROM {EUR} {ONE_ECB}", {"every_payment_is_modelled_once"}),
    (f"DELETE FROM {EUR} {ONE_ECB}", {"every_payment_is_modelled_once", "payments_stay_payments"}),
    (f"UPDATE {EUR} SET payment_id = 'new' {ONE_ECB}", {"every_payment_is_modelled_once"}),
    (f"UPDATE {EUR} SET amount = amount + 0.01 {ONE_ECB}", {"amounts_survive_modelling"}),
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
    (f"UPDATE {COVERAGE} SET payments = payments + 1", {"coverage_adds_up"}),
    (f"UPDATE {COVERAGE} SET converted_payments = 9", {"coverage_adds_up"}),
    (f"DELETE FROM {COVERAGE} WHERE currency = 'EUR'", {"coverage_adds_up"}),
    (f"UPDATE {COVERAGE} SET currency = 'ABC'", {"coverage_adds_up"}),
    *(
        (f"UPDATE {table} SET {column} = {column} + 1", {"daily_volume_adds_up"})
        for table in (VOLUME, BY_MERCHANT)
        for column in (
            *("payments", "unconverted_payments", "volume_eur"),
            *("refunded_eur", "charged_back_eur", "net_eur"),
        )
    ),
    *(
        (f"DELETE FROM {table} WHERE booked_on = '2026-01-08'", {"daily_volume_adds_up"})
        for table in (VOLUME, BY_MERCHANT)
    ),
    (f"UPDATE {VOLUME} SET corridor = 'XX-XX'", {"daily_volume_adds_up"}),
    (f"INSERT INTO {NET} FROM {NET} {ONE_EUR}", {"payments_stay_payments"}),
    (f"UPDATE {NET} SET amount = amount + 0.01 {ONE_EUR}", {"payments_stay_payments"}),
    (f"UPDATE {NET} SET amount_eur = amount_eur + 0.01 {ONE_EUR}", {"payments_stay_payments"}),
    (f"UPDATE {NET} SET refunded = refunded + 0.01", {"reversals_add_up"}),
    (f"UPDATE {NET} SET charged_back = charged_back + 0.01", {"reversals_add_up"}),
    (f"UPDATE {NET} SET refunds = refunds + 1 WHERE refunds > 0", {"reversals_add_up"}),
    (f"DELETE FROM {UNMATCHED} WHERE kind = 'chargeback'", {"reversals_add_up"}),
    (f"INSERT INTO {UNMATCHED} FROM {UNMATCHED} LIMIT 1", {"reversals_add_up"}),
    (f"UPDATE {UNMATCHED} SET currency = 'XTS'", {"reversals_add_up"}),
    (
        f"INSERT INTO {CUSTOMERS} SELECT * REPLACE (2 AS version) FROM {ONE}",
        {"versions_do_not_overlap"},
    ),
    (
        f"INSERT INTO {CUSTOMERS} SELECT * REPLACE (0 AS version, now() AS valid_to) FROM {ONE}",
        {"versions_do_not_overlap"},
    ),
    (f"DELETE FROM {MERCHANTS} WHERE NOT is_known", {"every_merchant_is_there"}),
    (f"DELETE FROM {MERCHANTS} WHERE NOT mcc_is_listed", {"every_merchant_is_there"}),
    (f"UPDATE {MERCHANTS} SET payments = payments + 1", {"every_merchant_is_there"}),
    (f"UPDATE {MERCHANTS} SET volume_eur = volume_eur + 1", {"every_merchant_is_there"}),
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
