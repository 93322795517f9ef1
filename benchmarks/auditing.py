"""One audit of a large table in the lake, by us or by hand; tells its CPU without imports.

python -m benchmarks.auditing make|ours|by_hand --folder=F [--rows=N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.validating import CHANNELS, COUNTRIES, CURRENCIES, REQUIRED, STATES

TABLE = "raw.payments"


def main() -> None:
    """Do one side, and print what it took and what it found."""
    parser = argparse.ArgumentParser(description="One audit of a large table.")
    parser.add_argument("side", choices=("make", "ours", "by_hand"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.side == "make":
        make(chosen.folder, chosen.rows)
        return
    told = (ours if chosen.side == "ours" else by_hand)(chosen.folder)
    sys.stdout.write(json.dumps(told))


def make(folder: Path, rows: int) -> None:
    """Publish the rows of the validation benchmark, one of a hundred of them wrong."""
    from benchmarks import validating
    from sluicegate.lake import Lake

    validating.make(folder / "dirty.parquet", rows, dirty=True)
    lake = Lake(folder / "lake")
    lake.prepare()
    with lake.branch("prod", "prod") as branch:
        with branch.session() as session:
            session.execute("CREATE SCHEMA lake.raw")
            session.execute(
                f"CREATE TABLE lake.{TABLE} AS FROM read_parquet(?)",
                [str(folder / "dirty.parquet")],
            )
        lake.publish(branch, run="prod")


def ours(folder: Path) -> dict[str, Any]:
    """As a run audits what it would publish: the contract's rules, the key's among them."""
    from benchmarks.validating_contract import Payments
    from sluicegate.lake import Lake, Table
    from sluicegate.quality.contracts import audit_table

    with Lake(folder / "lake").read("prod") as session:
        session.scalar(f"SELECT count(*) FROM lake.{TABLE}")
        began = time.process_time()
        checks = audit_table(Table.of(TABLE), Payments, session)
        spent = time.process_time() - began
    return {"cpu": spent, "counts": {check.name: check.failures for check in checks}}


def by_hand(folder: Path) -> dict[str, Any]:
    """The same counts, as one aggregate that a person would write, and one for the key."""
    from sluicegate.lake import Lake

    def listed(values: tuple[str, ...]) -> str:
        return ", ".join(f"'{value}'" for value in values)

    breaks = {f"{name}:not_null": f"{name} IS NULL" for name in REQUIRED}
    breaks |= {
        "payment_id:matches": "NOT regexp_full_match(payment_id, 'P[0-9]{10}')",
        "merchant_id:matches": "NOT regexp_full_match(merchant_id, 'M[0-9]{6}')",
        "currency:isin": f"currency NOT IN ({listed(CURRENCIES)})",
        "country:isin": f"country NOT IN ({listed(COUNTRIES)})",
        "status:isin": f"status NOT IN ({listed(STATES)})",
        "channel:isin": f"channel NOT IN ({listed(CHANNELS)})",
        "booked_at:greater_than_or_equal_to": "booked_at < TIMESTAMPTZ '2026-01-01 00:00:00+00'",
        "booked_at:less_than": "booked_at >= TIMESTAMPTZ '2027-01-01 00:00:00+00'",
        "amount:greater_than": "amount <= 0",
        "amount:less_than": "amount >= 1000000",
        "fee:greater_than_or_equal_to": "fee < 0",
        "fee:less_than": "fee >= 10000",
        "attempts:greater_than_or_equal_to": "attempts < 1",
        "attempts:less_than_or_equal_to": "attempts > 9",
        "settles_after_booking": "settled_at < booked_at",
        "fee_below_amount": "fee > amount",
        "failed_never_settles": "status = 'failed' AND settled_at IS NOT NULL",
        "settled_has_a_moment": "status = 'settled' AND settled_at IS NULL",
    }
    counts = ", ".join(f"count(*) FILTER ({sql})" for sql in breaks.values())
    with Lake(folder / "lake").read("prod") as session:
        session.scalar(f"SELECT count(*) FROM lake.{TABLE}")
        began = time.process_time()
        (found,) = session.rows(f"SELECT {counts} FROM lake.{TABLE}")
        twice = session.scalar(f"SELECT count(*) - count(DISTINCT payment_id) FROM lake.{TABLE}")
        spent = time.process_time() - began
    return {
        "cpu": spent,
        "counts": {**dict(zip(breaks, found, strict=True)), "payment_id:unique": twice},
    }


if __name__ == "__main__":
    main()
