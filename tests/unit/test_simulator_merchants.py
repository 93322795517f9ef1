"""The simulated register of merchants, read by an oracle of its own."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator.merchants import KINDS, generate
from simulator.truth import read_summaries, read_truth
from simulator.world import Population

DAY = date(2026, 10, 30)
CODES = Path(__file__).parents[2] / "data" / "reference" / "iso18245_mcc.csv"
SCHEMA = {
    "merchant_id": pl.String,
    "legal_name": pl.String,
    "mcc": pl.String,
    "country": pl.String,
    "iban": pl.String,
    "onboarded_on": pl.Date,
    "risk_tier": pl.String,
    "updated_at": pl.Datetime("us", "UTC"),
}


@cache
def listed() -> set[str]:
    with CODES.open(encoding="utf-8") as file:
        return {line["MCC"] for line in csv.DictReader(file)}


def valid_iban(iban: str) -> bool:
    rearranged = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    return int(rearranged) % 97 == 1


def read(folder: Path, day: date = DAY) -> pl.DataFrame:
    return pl.read_parquet(folder / f"merchants_{day}.parquet")


def judged(merchants: pl.DataFrame) -> Iterator[tuple[int, str, list[str]]]:
    """Yield (record, outcome, rules) of all that is not simply published."""
    seen: set[tuple[Any, ...]] = set()
    keys: set[str] = set()
    for number, row in enumerate(merchants.iter_rows(named=True), 1):
        broken = list(broken_rules(row))
        if broken:
            yield number, "quarantined", broken
        elif tuple(row.values()) in seen:
            yield number, "deduplicated", []
        else:
            assert row["merchant_id"] not in keys
            keys.add(row["merchant_id"])
            seen.add(tuple(row.values()))
            if row["mcc"] not in listed():
                yield number, "unlisted", []


def broken_rules(row: dict[str, Any]) -> Iterator[str]:
    assert re.fullmatch("[A-Z]{2}", row["country"])
    assert row["legal_name"].count(" ") >= 2
    assert row["onboarded_on"] < row["updated_at"].date()
    if row["merchant_id"] is None:
        yield "merchant_id:not_null"
    if not re.fullmatch("[0-9]{4}", row["mcc"]):
        yield "mcc:matches"
    if not valid_iban(row["iban"]):
        yield "iban:iban"
    if row["risk_tier"] not in {"low", "medium", "high"}:
        yield "risk_tier:isin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list and its truth."""
    made = tmp_path_factory.mktemp("merchants")
    generate(made, made / "truth", day=DAY, days=30)
    return made


def test_the_list_is_typed(folder: Path) -> None:
    """Columns have the types that the list promises."""
    assert dict(read(folder).schema) == SCHEMA


def test_truth_is_what_an_independent_reader_finds(folder: Path) -> None:
    """Every record in the truth is dirty as stated, and every other record is clean."""
    truth = read_truth(folder / "truth", "merchants")
    known = [(line, outcome, rules) for _, line, _, outcome, rules in truth.iter_rows()]
    assert list(judged(read(folder))) == known
    assert set(truth["file"]) == {f"merchants_{DAY}.parquet"}
    assert set(truth["kind"]) == set(KINDS)


def test_counts_close(folder: Path) -> None:
    """All merchants are there, once; the outcomes add up to the records."""
    (summary,) = read_summaries(folder / "truth", "merchants")
    merchants = read(folder)
    assert merchants["merchant_id"].n_unique() == 2_000 + 1  # and the missing one
    outcomes = summary.outcomes
    assert outcomes["published"] + outcomes["quarantined"] + outcomes["deduplicated"] == (
        merchants.height
    )
    assert 5 < outcomes["unlisted"] < 40
    assert summary.rows == merchants.height
    assert summary.drops[0].bytes == (folder / summary.drops[0].file).stat().st_size


def test_merchants_are_those_of_the_payments(tmp_path: Path) -> None:
    """Each has the account that payments name, and lives where it is."""
    generate(tmp_path, tmp_path, day=DAY, clean=True)
    merchants = read(tmp_path)
    assert merchants["iban"].to_list() == Population.of(2026).merchants.to_list()
    assert merchants["merchant_id"].to_list() == [f"M{number:06d}" for number in range(1, 2_001)]
    assert (merchants["country"] == merchants["iban"].str.head(2)).all()


def test_categories_are_plausible(folder: Path) -> None:
    """Groceries and restaurants lead, many categories appear, and some carry a high risk."""
    counted = Counter(read(folder)["mcc"])
    assert {code for code, _ in counted.most_common(3)} >= {"5411", "5812"}
    assert len(counted) > 80
    assert all(counted[code] for code in ("7995", "4829", "6051", "5967"))
    assert counted["9998"] + counted["0001"] < 40


def test_risk_follows_the_category(folder: Path) -> None:
    """A gambling merchant is high risk more often than a grocer."""
    share = {
        code: (of_code["risk_tier"] == "high").mean()
        for (code,), of_code in read(folder).group_by("mcc")
    }
    assert share["7995"] > 3 * share["5411"]  # type: ignore[operator]


def test_the_next_day_differs_where_something_changed(tmp_path: Path) -> None:
    """Every list has all merchants, and ``updated_at`` moves for those that changed, only."""
    days = [DAY, date(2026, 11, 30)]
    for day in days:
        generate(tmp_path, tmp_path, day=day, clean=True)
    before, after = (read(tmp_path, day).rows_by_key("merchant_id", unique=True) for day in days)
    assert before.keys() == after.keys()
    changed = {key for key in after if after[key] != before[key]}
    moved = {key for key in after if after[key][-1] != before[key][-1]}
    assert changed == moved
    assert 10 < len(changed) < 80
    for key in changed:
        assert after[key][-1] >= datetime(2026, 10, 30, 17, tzinfo=UTC) > before[key][-1]
        old, new = before[key], after[key]
        assert {place for place in range(6) if old[place] != new[place]} <= {0, 5}


def test_clean_lists_have_no_dirt(tmp_path: Path) -> None:
    """``clean`` leaves all dirt out, unlisted categories too, and changes nothing else."""
    summary = generate(tmp_path, tmp_path / "truth", day=DAY, clean=True)
    assert not any(summary.kinds.values())
    assert list(judged(read(tmp_path))) == []
    generate(tmp_path / "dirty", tmp_path / "truth", day=DAY)
    dirty = read(tmp_path / "dirty")
    hit = {line - 1 for line, _, _ in judged(dirty)}
    kept = dirty.with_row_index().filter(~pl.col("index").is_in(list(hit))).drop("index")
    assert kept.join(read(tmp_path), on=list(SCHEMA), how="anti").is_empty()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """The same arguments give the same bytes, another seed gives other ones."""
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        generate(tmp_path / name, tmp_path / name, day=DAY, seed=seed)
    one, two, three = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("one", "two", "three")
    )
    assert one == two
    assert one.keys() == three.keys()
    assert not any(one[name] == three[name] for name in one if name.endswith("parquet"))
