"""A branch with the raw tables of every source, and hands to put rows in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sluicegate.catalogue import load_catalogue
from sluicegate.ingestion.table import sql_type
from sluicegate.lake import Folder
from sluicegate.lake.connection import Connection, attach, connect
from sluicegate.warehouse import Build, build

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dbt_project"
IBAN = "FR1420041010050500013M02606"


@cache
def columns(source: str) -> dict[str, str]:
    """The columns of a source's raw table with their types, as its contract declares them."""
    contract = load_catalogue(ROOT).source(source).contract
    return {column.name: sql_type(column.dtype) for column in contract.columns()}


def open_writable(folder: Path) -> Connection:
    """Open the branch in a folder the way a branch is opened."""
    connection = connect()
    attach(connection, folder / "catalog.db", Folder(folder).files, read_only=False)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def create_raw(connection: Connection) -> None:
    """Create the raw table of every source, without NOT NULL, so that tests may break it."""
    connection.execute("CREATE SCHEMA lake.raw")
    for source in load_catalogue(ROOT).sources:
        declared = {**columns(source), "_batch": "VARCHAR", "_line": "BIGINT"}
        body = ", ".join(f"{name} {kind}" for name, kind in declared.items())
        connection.execute(f"CREATE TABLE lake.raw.{source} ({body})")


def put(connection: Connection, source: str, *rows: dict[str, Any]) -> None:
    """Insert rows at once; what a row does not say is what the defaults say, or NULL."""
    names = [*columns(source), "_batch", "_line"]
    full = [{"_batch": "b", "_line": 1, **DEFAULTS.get(source, {}), **row} for row in rows]
    marks = ", ".join(["(" + ", ".join("?" for _ in names) + ")"] * len(full))
    values = [row.get(name) for row in full for name in names]
    connection.execute(f"INSERT INTO lake.raw.{source} VALUES {marks}", values)


DEFAULTS: dict[str, dict[str, Any]] = {
    "payments": {
        "amount": 10,
        "currency": "EUR",
        "debtor_iban": "DE89370400440532013000",
        "creditor_iban": IBAN,
        "merchant_id": "M000001",
        "customer_id": "C0000001",
        "status": "captured",
        "description": "order",
        "channel": "web",
    },
    "customers": {
        "name": "Ada Example",
        "email": "ada@example.org",
        "born_on": "1980-01-02",
        "segment": "retail",
        "kyc_level": "full",
        "credit_limit_eur": 1500,
        "street": "Example Street 1",
        "city": "Berlin",
        "country": "DE",
    },
    "merchants": {
        "legal_name": "Example Foods",
        "mcc": "5411",
        "country": "DE",
        "iban": IBAN,
        "onboarded_on": "2025-03-15",
        "risk_tier": "low",
        "updated_at": "2025-12-01 00:00:00+00",
    },
    "refunds": {"amount": 10, "currency": "EUR", "reason": "other", "status": "succeeded"},
    "chargebacks": {
        "amount": 10,
        "currency": "EUR",
        "network": "visa",
        "reason_code": "10.4",
        "status": "open",
    },
}


def refund(number: str, payment: str, at: str, **more: Any) -> dict[str, Any]:
    """A refund that was asked for at a moment and has not changed since."""
    return {"refund_id": number, "payment_id": payment, "created_at": at, "updated_at": at, **more}


def chargeback(number: str, payment: str, at: str, **more: Any) -> dict[str, Any]:
    """A chargeback that was opened at a moment."""
    return {
        "chargeback_id": number,
        "payment_id": payment,
        "opened_at": at,
        "updated_at": at,
        **more,
    }


def put_reference(connection: Connection) -> None:
    """Three merchant categories, and one row of each credit data set."""
    codes = [("5411", "Groceries"), ("7995", "Betting"), ("5967", "Telemarketing")]
    put(connection, "mcc_codes", *({"mcc": mcc, "description": text} for mcc, text in codes))
    numbers = {"BIGINT": 1, "VARCHAR": "A11"}
    german = {name: numbers[kind] for name, kind in columns("german_credit").items()}
    put(connection, "german_credit", german)
    kinds = columns("taiwan_credit")
    taiwan = {name: 1 if kind == "BIGINT" else 100 for name, kind in kinds.items()}
    put(connection, "taiwan_credit", taiwan)


def build_here(folder: Path, target: Path, *, unit_tests: bool = False) -> Build:
    """Build the project on the branch in a folder."""
    return build(
        folder / "catalog.db",
        Folder(folder).files,
        project=PROJECT,
        target=target,
        unit_tests=unit_tests,
    )


def ask(folder: Path, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Ask the branch in a folder."""
    with open_writable(folder) as connection:
        return connection.execute(query, parameters).fetchall()
