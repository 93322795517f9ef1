"""One command for all simulated sources, and the real reference data beside them."""

import csv
import gzip
import hashlib
import json
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from simulator import data, payments
from simulator.data import Folders, generate
from simulator.truth import read_summaries, read_truth

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
KINDS = ("json", "ndjson")
SOURCES = ("payments", "customers", "merchants", "refunds", "chargebacks")


def folders(folder: Path) -> Folders:
    return Folders(folder / "landing", folder / "truth", folder / "processor")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_all_sources_are_written(tmp_path: Path) -> None:
    """Drops for each day, an export and a list of the last, two files for the API, all truths."""
    summaries = generate(folders(tmp_path), rows=600, days=3, first=300)
    assert tuple(summary.source for summary in summaries) == SOURCES
    written = set(contents(tmp_path))
    assert written == {
        *(f"landing/payments/payments_2026-10-0{day}.csv" for day in (1, 2, 3)),
        "landing/customers/customers_2026-10-03.ndjson",
        "landing/merchants/merchants_2026-10-03.parquet",
        *(f"processor/{source}.ndjson" for source in ("refunds", "chargebacks")),
        *(f"truth/{source}_2026-10-01_3d.{kind}" for source in SOURCES for kind in KINDS),
    }
    assert [read_summaries(tmp_path / "truth", source) for source in SOURCES] == [
        [summary] for summary in summaries
    ]


def test_payments_are_those_of_their_own_command(tmp_path: Path) -> None:
    """Drops and their truth are, to the byte, what ``simulator.payments`` writes."""
    generate(folders(tmp_path / "all"), rows=600, days=3, first=300)
    payments.generate(tmp_path / "out", tmp_path / "truth", rows=600, days=3)
    assert contents(tmp_path / "all" / "landing" / "payments") == contents(tmp_path / "out")
    truth = contents(tmp_path / "all" / "truth")
    own = contents(tmp_path / "truth")
    assert {name: truth[name] for name in own} == own


def test_clean_means_no_dirt_anywhere(tmp_path: Path) -> None:
    """Every source is clean, on days with forms of their own too, and the truth says so."""
    days = {"days": 13, "start": date(2026, 10, 8), "first": 300, "rows": 2_600}
    for summary in generate(folders(tmp_path), **days, clean=True):  # type: ignore[arg-type]
        assert not any(summary.kinds.values())
        assert summary.outcomes.pop("published") == summary.rows
        assert not any(summary.outcomes.values())
        assert read_truth(tmp_path / "truth", summary.source).is_empty()
    total = 0
    for file in (tmp_path / "landing" / "payments").iterdir():
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
        assert text.endswith("\n")
        records = list(csv.DictReader(text.splitlines(keepends=True), strict=True))
        assert all(re.fullmatch(r"\d+\.\d\d", record["amount"]) for record in records)
        assert all(None not in record for record in records)
        total += len(records)
    assert total == 2_600


def test_clean_payments_are_the_clean_ones_of_the_dirty(tmp_path: Path) -> None:
    """Leaving the dirt out changes no line but the dirty ones."""
    for name, clean in (("dirty", False), ("clean", True)):
        payments.generate(tmp_path / name, tmp_path / name, rows=400, days=2, clean=clean)
    truth = read_truth(tmp_path / "dirty")
    for day in ("2026-10-01", "2026-10-02"):
        file = f"payments_{day}.csv"
        dirty, clean = (
            (tmp_path / name / file).read_text(encoding="utf-8").split("\n")
            for name in ("dirty", "clean")
        )
        known = set(truth.filter(file=file)["line"])
        differ = {
            number
            for number, lines in enumerate(zip(dirty, clean, strict=True), 1)
            if lines[0] != lines[1]
        }
        assert differ == known


def test_one_world(tmp_path: Path) -> None:
    """Payments, registers and reversals name the same customers, merchants and payments."""
    generate(folders(tmp_path), rows=3_000, days=1, clean=True)
    drop = pl.read_csv(tmp_path / "landing/payments/payments_2026-10-01.csv", infer_schema=False)
    merchants = pl.read_parquet(tmp_path / "landing/merchants/merchants_2026-10-01.parquet")
    named = drop.join(merchants, on="merchant_id", validate="m:1")
    assert named.height == 3_000
    assert (named["creditor_iban"] == named["iban"]).all()
    lines = (tmp_path / "landing/customers/customers_2026-10-01.ndjson").read_text(encoding="utf-8")
    customers = {json.loads(line)["customer_id"] for line in lines.splitlines()}
    # But for those deleted that very day.
    assert len(set(drop["customer_id"]) - customers) <= 15
    refunds = pl.read_ndjson(tmp_path / "processor/refunds.ndjson")
    assert refunds.join(drop, on=["payment_id", "currency"], how="anti").is_empty()
    assert refunds.height > 60


def test_one_more_day(tmp_path: Path) -> None:
    """A later call adds a day to every source and leaves the others, and their truth, alone."""
    made = folders(tmp_path)
    generate(made, rows=600, days=2, start=date(2026, 10, 29), first=300)
    before = contents(tmp_path)
    summaries = generate(made, rows=300, days=1, start=date(2026, 10, 31), first=300)
    after = contents(tmp_path)
    assert not any(summary.orphans for summary in summaries)
    assert before.keys() <= after.keys()
    assert {name for name in before if before[name] != after[name]} <= {
        "processor/refunds.ndjson",
        "processor/chargebacks.ndjson",
    }
    for source in SOURCES:
        days = [summary.days for summary in read_summaries(tmp_path / "truth", source)]
        assert days == [2, 1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rows", "10", "--days", "1"], "at least 200"),
        (["--customers", "10"], "--customers must be 300 to 20000"),
        (["--start", "2024-08-01"], "known from 2024-10-01 on"),
        (["--start", "yesterday"], "write a day as 2026-10-01"),
        (["--seed", "-1"], "--seed must not be negative"),
    ],
)
def test_refuses_wrong_arguments(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments exit with 2, say what is wrong, and write nothing."""
    with pytest.raises(SystemExit) as stopped:
        data.main([*arguments, *options(tmp_path)])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def options(folder: Path) -> list[str]:
    made = folders(folder)
    return [
        *("--landing", str(made.landing), "--truth", str(made.truth)),
        *("--processor", str(made.processor)),
    ]


def test_command_tells_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a source with files, rows and dirt, and one for the truth."""
    arguments = ["--rows", "600", "--days", "3", "--customers", "300"]
    assert data.main([*arguments, *options(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in told[:5]] == list(SOURCES)
    dirty = sum(read_summaries(tmp_path / "truth")[0].kinds.values())
    assert told[0].strip() == f"600 payments in 3 files (0.1 MB), {dirty} of them dirty"
    assert told[5:] == [f"The truth is in {tmp_path / 'truth'}."]


def test_command_tells_what_lost_its_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A call that makes one day of several again says that the others have no truth any more."""
    data.main(["--rows", "600", "--days", "3", "--customers", "300", *options(tmp_path)])
    capsys.readouterr()
    assert data.main(["--rows", "200", "--days", "1", "--clean", *options(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert all(line.endswith(", 0 of them dirty") for line in told[:5])
    assert "an older call's payments_2026-10-02.csv and what else" in told[5]
    assert len(told) == 6


def test_reference_data_are_what_their_table_says() -> None:
    """Every file has the hash that stands beside its name, and none is without."""
    table = (REFERENCE / "README.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `([^`]+)` .* ([0-9a-f]{12}) \|$", table, re.MULTILINE))
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        for file in REFERENCE.iterdir()
        if file.name != "README.md"
    }
    assert named == found
    assert len(found) == 4
