"""The other sources: dirt is found row by row, and bad days end as documented."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from simulator import data
from simulator.truth import read_summaries, read_truth
from tests.integration.conftest import DAYS, START, Provider, Run, settle
from tests.support import Site, call

NEXT = START + timedelta(days=DAYS)
QUARANTINE = "SELECT file, line, list_sort(rules) AS rules FROM accounts.quarantine"


def _meant(site: Site, source: str, outcome: str = "quarantined") -> pl.DataFrame:
    truth = read_truth(site.truth, source).filter(outcome=outcome)
    return truth.with_columns(pl.col("rules").list.sort())


@pytest.mark.parametrize("source", ["customers", "merchants"])
def test_a_dirty_record_is_quarantined_for_what_is_wrong_with_it(first: Run, source: str) -> None:
    """File, position and rules of every rejected record are those that the generator knows."""
    found = first.site.frame(f"{QUARANTINE} WHERE source = '{source}'").sort("file", "line")
    meant = _meant(first.site, source).select("file", "line", "rules").sort("file", "line")
    assert meant.height > 3
    assert_frame_equal(found, meant)
    repeated = _meant(first.site, source, "deduplicated").height
    ((rows_in, published, quarantined, deduplicated),) = first.site.rows(
        "SELECT rows_in, published, quarantined, deduplicated FROM accounts.batches"
        f" WHERE source = '{source}'"
    )
    assert rows_in == sum(drop.rows for drop in read_summaries(first.site.truth, source)[0].drops)
    assert (quarantined, deduplicated) == (meant.height, repeated)
    assert published == rows_in - quarantined - deduplicated


@pytest.mark.parametrize(
    ("source", "key"), [("refunds", "refund_id"), ("chargebacks", "chargeback_id")]
)
def test_a_dirty_record_of_an_api_is_quarantined(first: Run, source: str, key: str) -> None:
    """The same for records that have an id and no place in a file; all others are published."""
    found = first.site.frame(
        f"SELECT json_extract_string(record, '$.{key}') AS key, list_sort(rules) AS rules"
        f" FROM accounts.quarantine WHERE source = '{source}' ORDER BY key"
    )
    meant = _meant(first.site, source).select("key", "rules").sort("key")
    # Of a handful of chargebacks none is spoilt: at most one in fifty is.
    assert source == "chargebacks" or not meant.is_empty()
    # A version after the provider's clock is not there yet, so the truth may know of more.
    assert_frame_equal(found, meant.join(found.select("key"), on="key", how="semi"))
    assert set(found["key"]) <= set(meant["key"])
    published = first.site.frame(f"SELECT {key} AS key FROM raw.{source}")
    assert published.join(meant, on="key", how="semi").is_empty()
    assert published.height > 10


def test_the_published_data_sets_are_whole(first: Run) -> None:
    """Code lists and credit data arrive to the row, with the shares that their documents name."""
    counts = first.site.rows(
        "SELECT (SELECT count(*) FROM raw.mcc_codes), (SELECT count(*) FROM raw.german_credit),"
        " (SELECT count(*) FROM raw.german_credit WHERE label = 2),"
        " (SELECT count(*) FROM raw.taiwan_credit),"
        " (SELECT count(*) FROM raw.taiwan_credit WHERE default_next_month = 1)"
    )
    assert counts == [(280, 1_000, 300, 30_000, 6_636)]


def _export(site: Site, change: Callable[[list[str]], list[str]]) -> Path:
    """One more export of the customers, made of the newest one."""
    (newest,) = (site.landing / "customers").iterdir()
    lines = newest.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    file = newest.with_name(f"customers_{NEXT.isoformat()}.ndjson")
    text = "\n".join(change(lines)) + "\n"
    file.write_bytes(text.encode(errors="surrogateescape"))
    settle(file)
    os.utime(file, ns=(newest.stat().st_mtime_ns + 10**9,) * 2)
    return file


def test_a_customer_deleted_at_the_source_leaves(published: Site) -> None:
    """It is in the history until then; who was only written down wrongly stays."""
    (gone,), (spoilt,) = (
        published.rows(f"SELECT customer_id FROM raw.customers ORDER BY 1 LIMIT 1 OFFSET {place}")
        for place in (10, 20)
    )

    def change(lines: list[str]) -> list[str]:
        return [
            line.replace('"segment":"', '"segment":"x') if spoilt[0] in line else line
            for line in lines
            if gone[0] not in line
        ]

    _export(published, change)
    report = published.run()
    account = report["sources"]["customers"]
    assert account["removed"] == 1
    left = [key for (key,) in published.rows("SELECT customer_id FROM raw.customers")]
    assert gone[0] not in left
    assert spoilt[0] in left
    history = published.rows(
        "SELECT customer_id, valid_to IS NULL FROM marts.customers WHERE customer_id IN "
        f"('{gone[0]}', '{spoilt[0]}') ORDER BY valid_from DESC"
    )
    assert dict(reversed(history)) == {gone[0]: False, spoilt[0]: True}


def test_half_an_export_is_held(published: Site) -> None:
    """A transfer that broke off deletes nobody: the run is refused and says what is missing."""
    before, moves = published.rows("SELECT count(*) FROM raw.customers"), published.moves()
    file = _export(published, lambda lines: lines[: len(lines) // 2])
    told = published.sluicegate("run").ends(3)
    assert file.name in told.err
    assert "it may lack 5.0%" in told.err
    assert (published.rows("SELECT count(*) FROM raw.customers"), published.moves()) == (
        before,
        moves,
    )


def test_a_provider_that_is_down_for_a_whole_run(published: Site, provider: Provider) -> None:
    """The run fails and names it; readers keep what they see, and the next run ends well."""
    moves = published.moves()
    provider.fault("wrong_content_type", path="/processor/v1/chargebacks", times=9)
    told = published.sluicegate("run").ends(4)
    assert "Expected JSON, got text/html" in told.err
    assert published.moves() == moves


def test_a_first_run_before_anything_was_given_back(
    fresh: Site, world: data.Folders, provider: Provider
) -> None:
    """Lists that are empty yet are an answer: everything else is published."""
    shutil.copytree(world.landing / "payments", fresh.payments, dirs_exist_ok=True)
    # A payment is booked from the midnight of its place on, disputed up to two hours before it.
    eve = START - timedelta(days=1)
    call(f"{provider.url}/_control/clock", {"now": f"{eve}T12:00:00+00:00"})
    report = fresh.run()
    assert report["status"] == "published"
    rows = {model["name"]: model["rows"] for model in report["models"]}
    assert rows["intermediate.int_reversals"] == rows["marts.unmatched_reversals"] == 0
    assert fresh.rows("SELECT count(*) FROM marts.payments_net WHERE net <> amount") == [(0,)]
    assert fresh.rows("SELECT count(*) > 0 FROM marts.merchants WHERE NOT mcc_is_listed") == [
        (True,)
    ]


def test_a_late_day_and_a_page_twice(
    fresh: Site, world: data.Folders, provider: Provider, first: Run
) -> None:
    """A file of a past day, a run late, leads to what a file in time would have led to.

    What was given back of its payments is unmatched until they are there. A page that the API
    gives twice is deduplicated.
    """
    shutil.copytree(world.landing / "payments", fresh.payments, dirs_exist_ok=True)
    day = START + timedelta(days=3)
    late = fresh.payments / f"payments_{day:%Y-%m-%d}.csv"
    aside = late.rename(fresh.folder / late.name)
    waiting = (
        "SELECT kind, reversal_id FROM marts.unmatched_reversals WHERE reason = 'payment_unknown'"
        f" AND payment_id LIKE 'P{day:%Y%m%d}%' ORDER BY ALL"
    )
    provider.fault("duplicate_page", path="/processor/v1/refunds")
    # As a worker runs it: the console would look for news first, and meet the fault there.
    fresh.flow().ends(0)
    account = fresh.sluicegate("status", "--json").ends(0).json["sources"]["refunds"]
    assert account["deduplicated"] > 0
    assert account["published"] == first.report["sources"]["refunds"]["published"]
    assert len(fresh.rows(waiting)) > len(first.site.rows(waiting))

    aside.rename(late)
    assert fresh.run()["sources"].keys() == {"payments"}
    assert fresh.rows(waiting) == first.site.rows(waiting)
    for table in ("marts.daily_corridor_volume", "marts.unmatched_reversals"):
        # A record that repeats one of the late file may have come first this time: counts stay.
        columns = "booked_on, corridor, payments" if "corridor" in table else "reversal_id, reason"
        query = f"SELECT {columns} FROM {table} ORDER BY ALL"
        assert_frame_equal(fresh.frame(query), first.site.frame(query))


def test_a_corrected_day_does_not_overwrite(published: Site) -> None:
    """Equal rows are deduplicated; a changed amount is quarantined, and the first one stays."""
    file = published.payments / f"payments_{START:%Y-%m-%d}.csv"
    lines = file.read_text(encoding="utf-8").split("\n")
    ((key, amount),) = published.rows(
        "SELECT payment_id, amount FROM raw.payments p JOIN accounts.batches b ON p._batch ="
        f" b.batch WHERE b.name = '{file.name}' AND p._line > 5 ORDER BY p._line LIMIT 1"
    )
    place = next(place for place, line in enumerate(lines) if line.startswith(f"{key},"))
    lines[place] = lines[place].replace(f",{amount},", f",{amount + 1},")
    file.write_text("\n".join(lines), encoding="utf-8", newline="")
    settle(file)
    account = published.run()["sources"]["payments"]
    assert account["published"] == 0
    assert account["rejections"]["payment_id:unique"] >= 1
    assert account["rows_in"] == account["deduplicated"] + account["quarantined"]
    assert published.rows(f"SELECT amount FROM raw.payments WHERE payment_id = '{key}'") == [
        (amount,)
    ]
    assert json.loads(
        published.rows(
            "SELECT record FROM accounts.quarantine WHERE source = 'payments' AND"
            f" list_contains(rules, 'payment_id:unique') AND contains(record, '{key}')"
            ' ORDER BY "at" DESC LIMIT 1'
        )[0][0]
    )["amount"] == str(amount + 1)
