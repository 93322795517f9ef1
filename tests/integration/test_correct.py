"""Corrections and rollbacks: published data change when they should, and come back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from polars.testing import assert_frame_equal

from tests.integration.conftest import Provider, Run
from tests.support import Site, assert_same, in_euro


def test_a_revised_rate_supersedes_the_published_one(published: Site, provider: Provider) -> None:
    """One rate is replaced, every payment at that rate is converted again, no row is added.

    The answer with the new rate breaks off the first time and is refused the second: it counts
    when it is whole.
    """
    currency, day, rate = published.rows(
        "SELECT currency, rate_date, rate FROM marts.payments_eur WHERE rate_source = 'ecb'"
        " GROUP BY ALL ORDER BY count(*) DESC, 1, 2 LIMIT 1"
    )[0]
    before = published.published()
    revised = (rate * Decimal("1.05")).quantize(Decimal("0.0001"))
    provider.revise(currency, day, str(revised))
    provider.fault("truncated", keep=0.9)
    provider.fault("unavailable")
    report = published.run()
    assert [request["fault"] for request in provider.requests()][:3] == [
        "truncated",
        "unavailable",
        None,
    ]
    assert report["sources"].keys() == {"fx_rates"}
    assert report["sources"]["fx_rates"]["rows_in"] == 1
    assert report["sources"]["fx_rates"]["published"] == 1
    after = published.published()
    for name in ("payments", "quarantine", "batches"):
        assert_frame_equal(after[name], before[name])
    assert after["rates"].height == before["rates"].height
    rows = published.rows(
        f"SELECT rate FROM raw.fx_rates WHERE currency = '{currency}' AND rate_date = '{day}'"
    )
    assert rows == [(revised,)]
    changed = 0
    old = {row["payment_id"]: row for row in before["payments_eur"].iter_rows(named=True)}
    new = {row["payment_id"]: row for row in after["payments_eur"].iter_rows(named=True)}
    assert new.keys() == old.keys()
    for key, row in new.items():
        if (row["currency"], row["rate_date"]) == (currency, day):
            changed += 1
            assert row["rate"] == revised
            assert row["amount_eur"] == in_euro(row["amount"], revised)
        else:
            assert row == old[key]
    assert changed > 0


def test_a_rollback_shows_the_former_generation_at_once(
    first: Run, second: Run, tmp_path: Path
) -> None:
    """Readers see the earlier rows, a reader at work keeps its view, and the log has the move."""
    site = second.site.copy(tmp_path / "site")
    with site.lake.read("dev") as reader:
        before = reader.rows("SELECT count(*) FROM raw.payments")
        moved = site.sluicegate("lake", "rollback", "dev", "--json").ends(0).json
        assert reader.rows("SELECT count(*) FROM raw.payments") == before
    assert moved["generation"] == first.report["generation"] == site.generation()
    assert_same(site.published(), first.published)
    log = site.sluicegate("lake", "log", "--json").ends(0).json
    assert [(move["number"], move["action"]) for move in log] == [
        (3, "rollback"),
        (2, "publish"),
        (1, "publish"),
    ]
    told = site.sluicegate("lake", "log").ends(0)
    assert told.out.count(first.report["generation"]) == 3

    report = site.run()
    assert [batch["name"] for batch in report["batches"]] == ["payments_2026-10-21.csv"]
    assert_same(site.published(), second.published)


def test_a_rollback_goes_to_a_named_generation_and_no_further(
    first: Run, second: Run, tmp_path: Path
) -> None:
    """Any generation of the log can be named; an unknown one, or one before the first, is not."""
    site = second.site.copy(tmp_path / "site")
    moves = site.moves()
    told = site.sluicegate("lake", "rollback", "dev", "--to", "g000000000000").ends(2)
    assert "generation" in told.err
    assert site.moves() == moves
    site.sluicegate("lake", "rollback", "dev", "--to", first.report["generation"]).ends(0)
    assert site.generation() == first.report["generation"]
    told = site.sluicegate("lake", "rollback", "dev").ends(2)
    assert "first generation" in told.err
    site.sluicegate("lake", "rollback", "dev", "--to", second.report["generation"]).ends(0)
    assert site.generation() == second.report["generation"]
