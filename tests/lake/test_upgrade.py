"""A lake that an earlier version wrote stays readable, and can be worked on.

``tests/fixtures/lake-<version>.tar.gz`` was written by that version's own code: two runs of a
source that merges (a correction, so a file of deletions; three rejected rows), a view and a table.
"""

from __future__ import annotations

import tarfile
from decimal import Decimal
from pathlib import Path

import pytest

from sluicegate import __version__
from sluicegate.ingestion import accounts, create, ingest, raw_table
from sluicegate.lake import Lake
from sluicegate.lake.backup import back_up
from sluicegate.lake.restore import restore
from sluicegate.lake.show import show
from sluicegate.release import Ledger
from sluicegate.sources import Load
from tests.unit.kit import orders, source

FIXTURES = Path(__file__).parent.parent / "fixtures"
ORDERS = "SELECT order_id, amount FROM lake.raw.orders ORDER BY 1"
BEFORE = [("a", Decimal("5.00")), ("b", Decimal("20.00"))]
NOW = [("a", Decimal("50.00")), ("b", Decimal("20.00")), ("d", Decimal("30.00"))]


@pytest.fixture
def old(tmp_path: Path) -> Lake:
    """The lake of the version before."""
    with tarfile.open(FIXTURES / "lake-0.1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return Lake(tmp_path / "lake")


def test_there_is_a_lake_of_the_version_before() -> None:
    """Whoever raises the minor version keeps a lake of the one before."""
    major, minor = map(int, __version__.split(".")[:2])
    assert (FIXTURES / f"lake-{major}.{minor - 1}.tar.gz").is_file()


def test_every_generation_reads_as_it_was(old: Lake) -> None:
    """Rows, views, accounts, the log of the ref and the ledger."""
    newest, first = old.refs.log("dev")
    for generation, expected in ((first.generation, BEFORE), (newest.generation, NOW)):
        with old.read(generation) as session:
            assert session.rows(ORDERS) == expected
            assert session.rows("SELECT count(*) FROM lake.marts.big_orders") == [
                (len([amount for _, amount in expected if amount > 10]),)
            ]
            assert session.scalar(f"SELECT count(*) FROM {accounts.QUARANTINE.sql}") == 2
            assert accounts.last_runs(session)["orders"]["left_out"] == {}
    assert {table.name: table.rows for table in show(old, "dev").tables}["raw.orders"] == 3
    assert len(list(Ledger(old.store, "dev").entries())) == 4


def test_work_goes_on(old: Lake, tmp_path: Path) -> None:
    """A run publishes on top, a rollback goes back behind it, a backup carries it elsewhere."""
    first = list(old.refs.log("dev"))[-1]
    mine = source("orders", load=Load.MERGE)
    with old.branch("dev", "run-3") as branch:
        with branch.session() as session:
            accounts.open_accounts(session)
            create(mine, session)
            known = accounts.manifest(session, "orders")
            ingest(mine, [orders(tmp_path, "a,,7.00,", "")], session, "run-3")
            assert accounts.last_runs(session)["orders"]["left_out"] == {"blank": 1}
            assert len(known) == 2
        old.publish(branch, run="run-3")
    with old.read("dev") as session:
        assert session.rows(ORDERS) == [("a", Decimal("7.00")), *NOW[1:]]
    back_up(old, tmp_path / "backups")
    elsewhere = Lake(tmp_path / "elsewhere")
    restore(tmp_path / "backups", elsewhere)
    elsewhere.rollback("dev", first.generation)
    with elsewhere.read("dev") as session:
        assert session.rows(ORDERS) == BEFORE
        assert session.scalar(f"SELECT count(*) FROM {raw_table(mine).sql}") == 2
