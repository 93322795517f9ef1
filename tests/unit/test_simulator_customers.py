"""The simulated register of customers, read by an oracle that shares no code with what wrote it."""

import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator.changes import TooEarlyError
from simulator.customer_dirt import CUSTOMER_DIRT
from simulator.customers import generate
from simulator.truth import Summary, read_summaries, read_truth
from simulator.world import Population

DAY = date(2026, 10, 30)
FIELDS = [
    *("customer_id", "updated_at", "name", "email", "born_on", "segment", "kyc_level"),
    *("credit_limit_eur", "address"),
]


class NamedTwiceError(ValueError):
    """An object has a name twice."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise NamedTwiceError
    return dict(pairs)


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def parse(line: bytes) -> dict[str, Any] | str:
    """The record, or the rule that an unreadable line breaks."""
    try:
        found = json.loads(line.decode(), object_pairs_hook=once, parse_constant=refuse)
    except UnicodeDecodeError:
        return "record:encoding"
    except NamedTwiceError:
        return "record:duplicate_key"
    except ValueError:
        return "record:json"
    return found if isinstance(found, dict) else "record:json"


@dataclass
class Oracle:
    """Reads an export and says what must become of each line."""

    lines: set[bytes] = field(default_factory=set)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, file: Path) -> Iterator[tuple[str, int, str, tuple[str, ...]]]:
        content = file.read_bytes()
        assert content.endswith(b"\n")
        for number, line in enumerate(content[:-1].split(b"\n"), 1):
            outcome, rules = self.judge(line)
            if outcome != "published":
                yield file.name, number, outcome, tuple(sorted(rules))

    def judge(self, line: bytes) -> tuple[str, list[str]]:
        record = parse(line)
        if isinstance(record, str):
            return "quarantined", [record]
        if broken := list(broken_rules(record)):
            return "quarantined", broken
        if line in self.lines:
            return "deduplicated", []
        self.lines.add(line)
        if record["customer_id"] in self.records:
            return "quarantined", ["customer_id:unique"]
        self.records[record["customer_id"]] = record
        return "published", []


def broken_rules(record: dict[str, Any]) -> Iterator[str]:
    """Judge one record by itself, and check on the way what no dirt touches."""
    assert list(record) == FIELDS
    assert list(record["address"]) == ["street", "postal_code", "city", "country"]
    assert record["email"].isascii()
    assert record["email"].endswith("@example.org")
    assert record["name"].count(" ") == 1
    assert record["kyc_level"] in {"basic", "full", "enhanced"}
    assert record["credit_limit_eur"] > 0
    if record["customer_id"] is None:
        yield "customer_id:not_null"
    if record["segment"] not in {"retail", "premium", "business"}:
        yield "segment:isin"
    if not re.fullmatch("[A-Z]{2}", record["address"]["country"]):
        yield "country:matches"
    if record["born_on"] is not None and not is_date(record["born_on"]):
        yield "born_on:date"
    try:
        if datetime.fromisoformat(record["updated_at"]).tzinfo is None:
            yield "updated_at:zone"
    except ValueError:
        yield "updated_at:timestamp"


def is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def export(folder: Path, day: date = DAY, **arguments: Any) -> dict[str, dict[str, Any]]:
    """Make an export and return its good records by key."""
    generate(folder, folder / "truth", day=day, **arguments)
    oracle = Oracle()
    list(oracle.read(folder / f"customers_{day}.ndjson"))
    return oracle.records


def quick(folder: Path, day: date) -> dict[str, dict[str, Any]]:
    """Make a clean export and return its records by key."""
    generate(folder, folder / "truth", day=day, clean=True, first=6_000)
    lines = (folder / f"customers_{day}.ndjson").read_text(encoding="utf-8").splitlines()
    return {record["customer_id"]: record for record in map(json.loads, lines)}


def moment(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["updated_at"])


@dataclass
class Made:
    """An export, its truth, and what the oracle found."""

    summary: Summary
    truth: pl.DataFrame
    oracle: Oracle
    found: list[tuple[str, int, str, tuple[str, ...]]]
    seed: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The export of all customers, with a seed of its own on every run."""
    seed = random.SystemRandom().randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    folder = tmp_path_factory.mktemp("customers")
    summary = generate(folder, folder / "truth", day=DAY, days=30, seed=seed)
    oracle = Oracle()
    found = list(oracle.read(folder / summary.drops[0].file))
    return Made(summary, read_truth(folder / "truth", "customers"), oracle, found, seed)


def test_truth_is_what_an_independent_reader_finds(whole: Made) -> None:
    """Every line in the truth is dirty as stated, and every other line is clean."""
    known = [
        (file, line, outcome, tuple(sorted(rules)))
        for file, line, _, outcome, rules in whole.truth.iter_rows()
    ]
    assert whole.found == known
    assert len(whole.oracle.records) == whole.summary.outcomes["published"]


def test_every_kind_of_dirt_appears(whole: Made) -> None:
    """An export has each kind, as the table says, and all together well below two in a hundred."""
    assert set(whole.truth["kind"]) == set(CUSTOMER_DIRT)
    for _, _, kind, outcome, rules in whole.truth.iter_rows():
        assert (outcome, tuple(rules)) == (CUSTOMER_DIRT[kind].outcome, CUSTOMER_DIRT[kind].rules)
    assert whole.truth.height < 0.01 * whole.summary.rows


def test_small_exports_have_every_kind(tmp_path: Path) -> None:
    """Down to the documented minimum every kind appears."""
    summary = generate(tmp_path, tmp_path, day=DAY, first=300)
    assert all(summary.kinds[kind] == 1 for kind in CUSTOMER_DIRT)
    with pytest.raises(ValueError, match="300 to 20000, not 299"):
        generate(tmp_path, tmp_path, day=DAY, first=299)


def test_counts_close(tmp_path: Path) -> None:
    """The outcomes add up to the lines, and the summary knows its file."""
    made = generate(tmp_path, tmp_path / "truth", day=DAY, days=30, first=500)
    (read,) = read_summaries(tmp_path / "truth", "customers")
    assert read == made
    assert read.stem == "customers_2026-10-01_30d"
    (file,) = tmp_path.glob("customers_*")
    assert (read.drops[0].file, read.drops[0].bytes) == (file.name, file.stat().st_size)
    assert read.rows == len(file.read_bytes().split(b"\n")) - 1
    outcomes = read.outcomes
    assert outcomes["published"] + outcomes["quarantined"] + outcomes["deduplicated"] == read.rows


def test_a_customer_lives_where_the_account_is(whole: Made) -> None:
    """Customers are those of the payments: same number, same country as their IBAN."""
    ibans = Population.of(whole.seed).customers
    for key, record in whole.oracle.records.items():
        assert ibans[int(key[1:]) - 1].startswith(record["address"]["country"])


def test_forms_that_are_not_dirt(whole: Made) -> None:
    """Some moments carry an offset, some names are escaped, some facts are not known."""
    lines, records = whole.oracle.lines, whole.oracle.records.values()
    assert any(b"+02:00" in line for line in lines)
    assert any(b'00Z"' in line for line in lines)
    assert any(b"\\u00" in line for line in lines)
    assert any(not line.isascii() for line in lines)
    for missing in ("street", "postal_code", "city"):
        assert any(record["address"][missing] is None for record in records)
    assert any(record["born_on"] is None for record in records)


def test_most_customers_are_known_before_the_first_payment(whole: Made) -> None:
    """Nine in ten were last changed before the month, none after the export."""
    moments = [moment(record) for record in whole.oracle.records.values()]
    before = sum(each < datetime(2026, 10, 1, tzinfo=UTC) for each in moments)
    assert 0.88 < before / len(moments) < 0.94
    assert max(moments) < datetime(2026, 10, 30, 17, tzinfo=UTC)
    assert min(moments) > datetime(2022, 9, 1, tzinfo=UTC)


def test_a_later_export_differs_where_something_changed(tmp_path: Path) -> None:
    """Of two exports, records differ exactly where ``updated_at`` lies between them."""
    before, after = quick(tmp_path, DAY), quick(tmp_path, date(2026, 11, 2))
    assert after.keys() <= before.keys()
    changed = {key for key, record in after.items() if record != before[key]}
    assert 30 < len(changed) < 100
    last = datetime(2026, 10, 30, 17, tzinfo=UTC)
    assert changed == {key for key, record in after.items() if moment(record) >= last}
    for key in changed:
        old, new = before[key], after[key]
        what = [name for name in FIELDS if old[name] != new[name]]
        assert what[0] == "updated_at"
        assert what[1:]
        assert {*what[1:]} <= {"segment", "kyc_level", "credit_limit_eur", "address"}


def test_customers_are_deleted_at_the_source(tmp_path: Path) -> None:
    """Nobody is gone before October; then about two in ten thousand a day, for ever."""
    days = [date(2026, 9, 30), date(2026, 10, 30), date(2026, 12, 31)]
    first, second, third = (quick(tmp_path, day).keys() for day in days)
    assert len(first) == 6_000
    assert 15 < len(first - second) < 65
    assert third < second < first


def test_dirt_hides_nobody(tmp_path: Path) -> None:
    """Every customer of the clean export can be recognised in some line of the dirty one."""
    clean = export(tmp_path / "clean", first=400, clean=True)
    dirty = export(tmp_path / "dirty", first=400)
    assert all(clean[key] == record for key, record in dirty.items())
    lost = clean.keys() - dirty.keys()
    content = (tmp_path / "dirty" / f"customers_{DAY}.ndjson").read_bytes().split(b"\n")
    readable = [record for record in map(parse, content) if isinstance(record, dict)]
    assert lost
    assert lost <= {record["customer_id"] for record in readable}


def test_clean_exports_have_no_dirt(tmp_path: Path) -> None:
    """``clean`` leaves all dirt out, and its truth says so."""
    summary = generate(tmp_path, tmp_path / "truth", day=DAY, clean=True, first=2_000)
    assert not any(summary.kinds.values())
    assert summary.outcomes == {"published": summary.rows, "quarantined": 0, "deduplicated": 0}
    assert list(Oracle().read(tmp_path / summary.drops[0].file)) == []
    assert read_truth(tmp_path / "truth", "customers").is_empty()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """The same arguments give the same bytes; the first customers do not depend on the others."""
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        generate(tmp_path / name, tmp_path / name, day=DAY, seed=seed, first=400)
    one, two, three = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("one", "two", "three")
    )
    assert one == two
    assert one.keys() == three.keys()
    assert one[f"customers_{DAY}.ndjson"] != three[f"customers_{DAY}.ndjson"]
    few = export(tmp_path / "few", first=400, clean=True)
    many = export(tmp_path / "many", first=700, clean=True)
    assert few.items() <= many.items()


def test_an_export_made_again_withdraws_the_older_truth(tmp_path: Path) -> None:
    """Truth about another file of the same name does not stay."""
    generate(tmp_path, tmp_path, day=DAY, days=30, first=400)
    generate(tmp_path, tmp_path, day=date(2026, 10, 31), first=400)
    generate(tmp_path, tmp_path, day=DAY, first=500)
    stems = [summary.stem for summary in read_summaries(tmp_path, "customers")]
    assert stems == ["customers_2026-10-30_1d", "customers_2026-10-31_1d"]


def test_too_early_a_day_is_refused(tmp_path: Path) -> None:
    """Before the register was complete there is no export, and nothing is written."""
    with pytest.raises(TooEarlyError, match="known from 2024-10-01 on"):
        generate(tmp_path, tmp_path, day=date(2024, 9, 30))
    assert not list(tmp_path.iterdir())
