"""The simulated refunds and chargebacks, held against the payments that they give back."""

import csv
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from simulator import payments
from simulator.mcc import risky_merchants
from simulator.reversal_dirt import REVERSAL_DIRT, plan
from simulator.reversals import Reversals
from simulator.truth import Summary, read_summaries, read_truth
from simulator.world import CURRENCIES

START = date(2026, 10, 8)
KEYS = {"refunds": "refund_id", "chargebacks": "chargeback_id"}
ASKED = {"refunds": "created_at", "chargebacks": "opened_at"}
FIRST = {"refunds": "pending", "chargebacks": "open"}
ENDS = {"refunds": {"succeeded", "failed"}, "chargebacks": {"won", "lost"}}
BOTH = ["refunds", "chargebacks"]


def make(folder: Path, **arguments: Any) -> dict[str, Summary]:
    """Make payments and what is given back of them: ``out``, ``truth`` and ``processor``."""
    chosen = {"rows": 80_000, "days": 3, "start": START, "seed": 2026, "clean": False} | arguments
    order = ("seed", "start", "days", "rows", "clean")
    reversals = Reversals(folder / "processor", *(chosen[name] for name in order))
    payments.generate(folder / "out", folder / "truth", **chosen, watch=reversals.watch)
    return reversals.write(folder / "truth")


def versions(folder: Path, source: str) -> dict[str, list[dict[str, Any]]]:
    """All versions of each record, in the order of the file."""
    found = defaultdict(list)
    for line in (folder / "processor" / f"{source}.ndjson").read_text().splitlines():
        record = json.loads(line, parse_float=Decimal)
        found[record[KEYS[source]]].append(record)
    return found


def published(folder: Path) -> dict[str, dict[str, str]]:
    """Payments that are clean, by id."""
    dirty = {(file, line) for file, line, *_ in read_truth(folder / "truth").iter_rows()}
    found = {}
    for file in (folder / "out").iterdir():
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode(errors="replace")
        # What starts on its own line and reads as a payment is one, whatever stands before it.
        names = text.split("\n", 1)[0].split(",")
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith("P2") and (file.name, number) not in dirty:
                found[line[:19]] = dict(zip(names, next(csv.reader([line])), strict=False))
    return found


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


@dataclass
class Made:
    """Three days: payments, reversals, and which of these are dirty."""

    folder: Path
    payments: dict[str, dict[str, str]]
    summaries: dict[str, Summary]

    def truth(self, source: str) -> dict[str, tuple[str, str, list[str]]]:
        rows = read_truth(self.folder / "truth", source).iter_rows()
        return {key: (kind, outcome, rules) for _, _, kind, outcome, rules, key in rows}

    def clean(self, source: str) -> Iterator[list[dict[str, Any]]]:
        truth = self.truth(source)
        for key, each in versions(self.folder, source).items():
            if key not in truth:
                yield each


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three days with enough payments for every kind."""
    folder = tmp_path_factory.mktemp("reversals")
    summaries = make(folder)
    return Made(folder, published(folder), summaries)


def broken_rules(source: str, record: dict[str, Any]) -> Iterator[str]:
    """Judge one version by itself, and check on the way what no dirt touches."""
    assert re.fullmatch(r"[RC]\d{8}-\d{9}-[12]", record[KEYS[source]])
    assert moment(record["updated_at"]) >= moment(record[ASKED[source]])
    if source == "chargebacks":
        assert re.fullmatch(r"[0-9]{2,4}(\.[0-9])?", record["reason_code"])
        assert record["network"] in {"visa", "mastercard"}
        assert record["resolved_at"] is None or (
            moment(record["resolved_at"]) >= moment(record["opened_at"])
        )
    else:
        assert record["reason"] in {"requested_by_customer", "duplicate", "fraudulent", "other"}
    if record["payment_id"] is None:
        yield "payment_id:not_null"
    if record["amount"] <= 0:
        yield "amount:greater_than"
    if record["currency"] not in CURRENCIES:
        yield "currency:isin"
    if record["status"] not in {FIRST[source], *ENDS[source]}:
        yield "status:isin"


def matches(source: str, record: dict[str, Any], known: dict[str, dict[str, str]]) -> bool:
    payment = known.get(record["payment_id"])
    return (
        payment is not None
        and payment["currency"] == record["currency"]
        and moment(record[ASKED[source]]) >= datetime.fromisoformat(payment["booked_at"])
    )


@pytest.mark.parametrize("source", BOTH)
def test_truth_is_what_an_independent_reader_finds(made: Made, source: str) -> None:
    """Every record in the truth is dirty as stated in all versions, and every other is clean."""
    truth = made.truth(source)
    assert {kind for kind, _, _ in truth.values()} == set(REVERSAL_DIRT[source])
    for key, each in versions(made.folder, source).items():
        _, outcome, rules = truth.get(key, ("", "published", []))
        for record in each:
            assert sorted(broken_rules(source, record)) == sorted(rules)
            if not rules:
                matched = matches(source, record, made.payments)
                assert outcome == ("published" if matched else "unmatched")


@pytest.mark.parametrize("source", BOTH)
def test_truth_is_about_records_by_key(made: Made, source: str) -> None:
    """An API has no lines: the truth names the source and the record's id."""
    truth = read_truth(made.folder / "truth", source)
    assert truth.columns == ["file", "line", "kind", "outcome", "rules", "key"]
    assert set(truth["file"]) == {source}
    assert set(truth["line"]) == {0}
    assert truth["key"].is_unique().all()
    for _, _, kind, outcome, rules, _ in truth.iter_rows():
        expected = REVERSAL_DIRT[source][kind]
        assert (outcome, tuple(rules)) == (expected.outcome, expected.rules)


@pytest.mark.parametrize("source", BOTH)
def test_a_clean_record_tells_one_story(made: Made, source: str) -> None:
    """It waits and then ends, or ends at once; only its state and update time change."""
    lengths = set()
    for each in made.clean(source):
        lengths.add(len(each))
        first, last = each[0], each[-1]
        moments = [moment(record["updated_at"]) for record in each]
        assert moments == sorted(set(moments))
        assert last["status"] in ENDS[source]
        assert len(each) == 1 or (first["status"] == FIRST[source] and len(each) == 2)
        assert first["updated_at"] == first[ASKED[source]]
        kept = [name for name in first if name not in {"status", "updated_at", "resolved_at"}]
        assert all(first[name] == last[name] for name in kept)
        if source == "chargebacks":
            assert first["resolved_at"] is None
            assert last["resolved_at"] == last["updated_at"]
    assert lengths == ({1, 2} if source == "refunds" else {2})


def test_only_what_was_paid_is_given_back(made: Made) -> None:
    """Payments are clean, captured or settled; all refunds of one stay within its amount."""
    given: dict[str, Decimal] = defaultdict(Decimal)
    for source in BOTH:
        for each in made.clean(source):
            payment = made.payments[each[0]["payment_id"]]
            assert payment["status"] in {"captured", "settled"}
            after = moment(each[0][ASKED[source]]) - datetime.fromisoformat(payment["booked_at"])
            assert timedelta(minutes=5) <= after <= timedelta(days=10)
            given[each[0]["payment_id"]] += each[0]["amount"]
    assert all(0 < amount <= Decimal(made.payments[key]["amount"]) for key, amount in given.items())
    full = sum(amount == Decimal(made.payments[key]["amount"]) for key, amount in given.items())
    assert 0.4 < full / len(given) < 0.8


def test_rates_are_those_of_a_processor(made: Made) -> None:
    """Some 2.5 % are refunded and 0.35 % disputed, several times more with risky merchants."""
    paid = [each for each in made.payments.values() if each["status"] in {"captured", "settled"}]
    refunded = {each[0]["payment_id"] for each in made.clean("refunds")}
    disputed = {each[0]["payment_id"] for each in made.clean("chargebacks")}
    assert not refunded & disputed
    assert 0.022 < len(refunded) / len(paid) < 0.028
    risky = set(risky_merchants(2026))
    usual = [each["payment_id"] in disputed for each in paid if each["merchant_id"] not in risky]
    bold = [each["payment_id"] in disputed for each in paid if each["merchant_id"] in risky]
    assert 0.0025 < sum(usual) / len(usual) < 0.0045
    assert sum(bold) / len(bold) > 3 * sum(usual) / len(usual)


@pytest.mark.parametrize("source", BOTH)
def test_dirt_is_visible_the_same_evening(made: Made, source: str) -> None:
    """A dirty record has one version, of the day of its payment before 18:00 UTC, or earlier."""
    for key in made.truth(source):
        (record,) = versions(made.folder, source)[key]
        evening = datetime.strptime(key[1:9] + "18+0000", "%Y%m%d%H%z")
        assert moment(record["updated_at"]) < evening


@pytest.mark.parametrize("source", BOTH)
def test_counts_close(made: Made, source: str) -> None:
    """A summary counts records, not versions, and its outcomes add up."""
    (summary,) = read_summaries(made.folder / "truth", source)
    assert summary == made.summaries[source]
    found = versions(made.folder, source)
    truth = made.truth(source)
    assert summary.rows == summary.drops[0].rows == len(found)
    assert sum(summary.kinds.values()) == len(truth)
    unmatched = sum(outcome == "unmatched" for _, outcome, _ in truth.values())
    assert summary.outcomes == {
        "published": len(found) - len(truth) + unmatched,
        "quarantined": len(truth) - unmatched,
        "deduplicated": 0,
        "unmatched": unmatched,
    }
    assert summary.drops[0].bytes == (made.folder / "processor" / f"{source}.ndjson").stat().st_size


@pytest.mark.parametrize("rows", [600, 5_000, 50_000])
@pytest.mark.parametrize("source", BOTH)
def test_few_records_are_not_mostly_dirt(source: str, rows: int) -> None:
    """Oddities always appear; what is refused stays below two records in a hundred."""
    share = {"refunds": 0.022, "chargebacks": 0.0031}[source]
    kinds = [name for of_day in plan(source, rows, 7, Random(1)) for name in of_day]
    outcomes = [REVERSAL_DIRT[source][name].outcome for name in kinds]
    assert outcomes.count("quarantined") <= 0.02 * share * rows
    odd = {name for name, kind in REVERSAL_DIRT[source].items() if kind.outcome == "unmatched"}
    assert odd <= set(kinds)


def test_another_day_adds_and_the_same_day_replaces(tmp_path: Path) -> None:
    """Records of other days are left alone; a day made again has the new records only."""
    make(tmp_path, rows=9_000, days=2)
    before = {source: versions(tmp_path, source) for source in BOTH}
    make(tmp_path, rows=6_000, days=1, start=date(2026, 10, 10))
    for source in BOTH:
        after = versions(tmp_path, source)
        assert before[source].items() <= after.items()
        assert {key[1:9] for key in after.keys() - before[source].keys()} == {"20261010"}
    truths = [summary.start.day for summary in read_summaries(tmp_path / "truth", "refunds")]
    assert truths == [8, 10]
    # The second day again, with other payments: a kept record of that day would betray itself.
    summaries = make(tmp_path, rows=7_000, days=1, start=date(2026, 10, 9))
    alone = tmp_path / "alone"
    make(alone, rows=7_000, days=1, start=date(2026, 10, 9))
    for source in BOTH:
        of_day = {k: v for k, v in versions(tmp_path, source).items() if k[1:9] == "20261009"}
        assert of_day == versions(alone, source)
        assert summaries[source].orphans == ("2026-10-08",)
    assert [each.start.day for each in read_summaries(tmp_path / "truth", "refunds")] == [9, 10]


def test_the_order_of_calls_does_not_matter(tmp_path: Path) -> None:
    """Two days made one after the other give the same files either way round."""
    for name, order in (("one", (8, 9)), ("two", (9, 8))):
        for day in order:
            make(tmp_path / name, rows=3_000, days=1, start=date(2026, 10, day))
    for source in BOTH:
        one, two = (tmp_path / name / "processor" / f"{source}.ndjson" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        assert one.read_bytes()


def test_dirt_does_not_move_clean_records(tmp_path: Path) -> None:
    """Clean records of a dirty call are the same, version by version, in a clean one."""
    make(tmp_path / "dirty", rows=9_000)
    summaries = make(tmp_path / "clean", rows=9_000, clean=True)
    for source in BOTH:
        truth = read_truth(tmp_path / "dirty" / "truth", source)
        assert not any(summaries[source].kinds.values())
        assert read_truth(tmp_path / "clean" / "truth", source).is_empty()
        dirty = versions(tmp_path / "dirty", source)
        clean = versions(tmp_path / "clean", source)
        kept = {key: each for key, each in dirty.items() if key not in set(truth["key"])}
        assert kept.items() <= clean.items()
        assert len(kept) > 0.9 * len(clean)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """The same arguments give the same bytes, another seed gives other ones."""
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        make(tmp_path / name, rows=3_000, seed=seed)
    one, two, three = (
        {file.name: file.read_bytes() for file in (tmp_path / name / "processor").iterdir()}
        for name in ("one", "two", "three")
    )
    assert one == two
    assert set(one) == {"refunds.ndjson", "chargebacks.ndjson"}
    assert not any(one[name] == three[name] for name in one)


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    """What is not a version of a record in the processor's folder is named, and stays."""
    file = tmp_path / "processor" / "refunds.ndjson"
    file.parent.mkdir()
    file.write_text('{"refund_id": "R1", "updated_at": "2026-10-01T00:00:00Z"}\nnotes\n')
    with pytest.raises(ValueError, match=r"refunds\.ndjson, line 2, is no version of a record"):
        make(tmp_path, rows=600, days=1)
    assert file.read_text().endswith("notes\n")
    assert [each.name for each in tmp_path.iterdir()] == ["processor"]


def test_days_without_reversals_make_empty_files(tmp_path: Path) -> None:
    """Where nothing is given back there are files without records, and truth without dirt."""
    reversals = Reversals(tmp_path / "processor", 1, START, 1, 200, clean=True)
    reversals.watch(START, _payments([]), [])
    summaries = reversals.write(tmp_path / "truth")
    assert [summaries[source].rows for source in BOTH] == [0, 0]
    assert [file.read_bytes() for file in (tmp_path / "processor").iterdir()] == [b"", b""]


def _payments(rows: list[tuple[str, ...]]) -> pl.DataFrame:
    names = ("payment_id", "booked_at", "amount", "currency", "merchant_id", "status")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def test_small_amounts_are_given_back_whole_cents(tmp_path: Path) -> None:
    """A cent cannot be divided, and no refund or chargeback is of nothing."""
    cents = [
        (f"P20261008-{n:09d}", "2026-10-08T10:00:00+02:00", "0.01", "EUR", "M000001", "settled")
        for n in range(1, 4_001)
    ]
    reversals = Reversals(tmp_path / "processor", 1, START, 1, 4_000, clean=True)
    reversals.watch(START, _payments(cents), [])
    reversals.write(tmp_path / "truth")
    for source in BOTH:
        amounts = {
            record["amount"] for each in versions(tmp_path, source).values() for record in each
        }
        assert amounts == {Decimal("0.01")}
    assert datetime(2026, 10, 8, 8, 5, tzinfo=UTC) <= min(
        moment(each[0]["created_at"]) for each in versions(tmp_path, "refunds").values()
    )
