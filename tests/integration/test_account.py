"""Where every row went: what the lake holds is what the generator knows to be in the files."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.integration.conftest import DAYS, ROWS, Run
from tests.support import BERLIN, account_for, in_euro, rate_on


def test_every_row_is_where_the_truth_says(first: Run) -> None:
    """Quarantine, duplicates, unconverted and published rows equal the truth, line by line."""
    totals = account_for(first.site)
    assert totals["rows_in"] == ROWS


def test_every_row_stays_where_it_is_after_a_further_run(second: Run) -> None:
    """A later run adds its rows to the same accounts, which still equal the truth."""
    totals = account_for(second.site)
    assert totals["rows_in"] == ROWS + 600


def test_the_report_tells_what_the_lake_holds(first: Run) -> None:
    """Rows in = published + quarantined + deduplicated + held, by batch and by source."""
    report, site = first.report, first.site
    assert report["status"] == "published"
    assert len([batch for batch in report["batches"] if batch["source"] == "payments"]) == DAYS
    for account in [*report["batches"], *report["sources"].values()]:
        fates = ("published", "quarantined", "deduplicated", "held")
        assert account["rows_in"] == sum(account[fate] for fate in fates), account
    totals = account_for(site)
    told = report["sources"]["payments"]
    assert {kind: told[kind] for kind in totals} == totals
    for source in ("payments", "fx_rates"):
        ((count,),) = site.rows(f"SELECT count(*) FROM raw.{source}")
        assert report["sources"][source]["published"] == count
    by_rule = dict(
        site.rows(
            "SELECT rule, count(*) FROM (SELECT unnest(rules) AS rule FROM accounts.quarantine"
            " WHERE source = 'payments')"
            " GROUP BY rule"
        )
    )
    assert told["rejections"] == by_rule


def test_every_amount_in_euro_is_right(first: Run) -> None:
    """Each converted amount follows from the ECB's own file, worked out again in decimals."""
    payments = first.site.rows(
        "SELECT payment_id, epoch(booked_at), booked_on, amount, currency, rate, rate_date,"
        " rate_source, amount_eur FROM marts.payments_eur"
    )
    ((published,),) = first.site.rows("SELECT count(*) FROM raw.payments")
    assert len(payments) == published
    sources = set()
    for key, booked_at, booked_on, amount, currency, *found in payments:
        day = datetime.fromtimestamp(booked_at, UTC).astimezone(BERLIN).date()
        assert booked_on == day, key
        rate, rate_date, source = rate_on(currency, day)
        euro = None if rate is None else in_euro(amount, rate)
        assert found == [rate, rate_date, source, euro], key
        sources.add(source)
    assert sources == {"identity", "ecb", "none"}


def test_volumes_and_coverage_add_up_to_the_payments(first: Run) -> None:
    """The daily marts equal what the payments add up to, summed here and not by dbt."""
    payments = first.site.rows(
        "SELECT booked_on, corridor, currency, status, amount_eur FROM marts.payments_eur"
    )
    volumes: dict[tuple[object, object], list[object]] = {}
    coverage: dict[tuple[object, object], list[int]] = {}
    for day, corridor, currency, status, euro in payments:
        if status != "failed":
            line = volumes.setdefault((day, corridor), [0, 0, 0])
            line[0] += 1
            line[1] += euro or 0
            line[2] += euro is None
        count = coverage.setdefault((day, currency), [0, 0])
        count[euro is None] += 1
    found = first.site.rows(
        "SELECT booked_on, corridor, payments, volume_eur, unconverted_payments"
        " FROM marts.daily_corridor_volume"
    )
    assert {(day, corridor): counts for day, corridor, *counts in found} == volumes
    found = first.site.rows(
        "SELECT booked_on, currency, converted_payments, unconverted_payments"
        " FROM marts.fx_coverage"
    )
    assert {(day, currency): counts for day, currency, *counts in found} == coverage
