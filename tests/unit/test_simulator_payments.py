"""The simulated payment drops, read by an oracle that shares no code with what wrote them."""

import csv
import gzip
import random
import re
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from simulator import payments
from simulator.dirt import DIRT
from simulator.iban import check_digits
from simulator.payments import generate
from simulator.spoil import spread
from simulator.truth import read_summaries, read_truth

HISTORY = Path(__file__).parents[2] / "data" / "reference" / "eurofxref-hist.zip"
IBAN_LENGTHS = {"AT": 20, "BE": 16, "CZ": 24, "DE": 22, "ES": 24, "FI": 18, "FR": 27} | (
    {"GB": 22, "IE": 22, "IT": 27, "NL": 18, "PL": 28, "PT": 25, "SE": 24}
)
ISO_4217 = {"EUR", "USD", "GBP", "PLN", "CHF", "SEK", "CZK", "DKK", "NOK", "HUF", "RON"} | (
    {"CAD", "JPY", "TRY", "RUB", "BGN", "ARS", "KWD"}
)


@cache
def rated() -> set[str]:
    """Currencies with an ECB rate on the last day of the history."""
    with zipfile.ZipFile(HISTORY) as archive:
        rows = archive.read("eurofxref-hist.csv").decode().splitlines()
    codes, values = rows[0].split(","), rows[1].split(",")
    return {"EUR"} | {c for c, v in zip(codes, values, strict=True) if re.match(r"\d+\.?\d*$", v)}


def valid_iban(iban: str) -> bool:
    """Check length and remainder the long way, with one big integer."""
    rearranged = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    return IBAN_LENGTHS.get(iban[:2]) == len(iban) and int(rearranged) % 97 == 1


def content_of(file: Path) -> bytes:
    raw = file.read_bytes()
    return (gzip.decompress(raw) if file.suffix == ".gz" else raw).removeprefix(b"\xef\xbb\xbf")


def records_of(content: bytes) -> Iterator[tuple[int, str, list[str] | str]]:
    """Yield (line, raw text, fields, or the rule that an unreadable record breaks)."""
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    place = 0
    while place < len(lines):
        fields: list[str] | str = "record:quoting"
        for end in range(place + 1, min(place + 40, len(lines)) + 1):
            raw = b"\n".join(lines[place:end]).replace(b"\r", b"")
            try:
                text = raw.decode()
                (fields,) = csv.reader(
                    text.split("\n") if end == place + 1 else [text], strict=True
                )
            except UnicodeDecodeError:
                fields = "record:encoding" if end == place + 1 else "record:quoting"
                break
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    break
            else:
                break
        if isinstance(fields, str):  # what cannot be read is one line, and the next is read afresh
            end = place + 1
            text = lines[place].decode(errors="replace").rstrip("\r")
        yield place + 1, text, fields
        place = end


@dataclass
class Oracle:
    """Reads drops in order and says what must become of each record."""

    keys: dict[str, str] = field(default_factory=dict)
    lines: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    records: int = 0
    accounts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    multiline: int = 0

    def read(self, file: Path) -> Iterator[tuple[str, int, str, tuple[str, ...]]]:
        """Yield (file, line, outcome, rules) of every record that is not simply published."""
        (_, _, header), *records = records_of(content_of(file))
        assert isinstance(header, list)
        for line, text, fields in records:
            self.records += 1
            outcome, rules = self.judge(header, text, fields)
            if outcome != "published":
                yield file.name, line, outcome, tuple(sorted(rules))

    def judge(self, header: list[str], text: str, fields: list[str] | str) -> tuple[str, list[str]]:
        if isinstance(fields, str):
            return "quarantined", [fields]
        if len(fields) != len(header):
            return "quarantined", ["record:fields"]
        row = dict(zip(header, fields, strict=True))
        if broken := list(broken_rules(row)):
            return "quarantined", broken
        if text in self.lines[len(header)]:
            return "deduplicated", []
        self.lines[len(header)].add(text)
        if row["payment_id"] in self.keys:
            assert self.keys[row["payment_id"]] != row["amount"]
            return "quarantined", ["payment_id:unique"]
        self.keys[row["payment_id"]] = row["amount"]
        self.accounts[row["customer_id"]].add(row["debtor_iban"])
        self.accounts[row["merchant_id"]].add(row["creditor_iban"])
        self.multiline += "\n" in text
        return ("published" if row["currency"] in rated() else "unconverted"), []


def broken_rules(row: dict[str, str]) -> Iterator[str]:
    """Judge one record by itself, and check on the way what no dirt touches."""
    assert valid_iban(row["creditor_iban"])
    assert re.fullmatch(r"M\d{6}", row["merchant_id"])
    assert re.fullmatch(r"C\d{7}", row["customer_id"])
    assert row["description"]
    assert row.get("channel", "web") in {"web", "app", "pos", "moto"}
    if not re.fullmatch(r"P\d{8}-\d{9}", row["payment_id"]):
        yield "payment_id:not_null"
    if not re.fullmatch(r"-?\d+\.\d\d", row["amount"]):
        yield "amount:decimal"
    elif Decimal(row["amount"]) <= 0:
        yield "amount:greater_than"
    if row["currency"] not in ISO_4217:
        yield "currency:isin"
    if not valid_iban(row["debtor_iban"]):
        yield "debtor_iban:iban"
    if row["status"] not in {"authorised", "captured", "settled", "failed"}:
        yield "status:isin"
    yield from broken_time_rules(row)


def broken_time_rules(row: dict[str, str]) -> Iterator[str]:
    assert (row["status"] == "settled") == bool(row["settled_at"])
    try:
        booked = datetime.fromisoformat(row["booked_at"])
    except ValueError:
        yield "booked_at:timestamp"
        return
    if booked.tzinfo is None:
        yield "booked_at:zone"
    elif row["settled_at"]:
        settled = datetime.fromisoformat(row["settled_at"])
        assert settled - booked <= timedelta(days=3)
        if settled < booked:
            yield "settles_after_booking"


def drops(out: Path) -> list[Path]:
    return sorted(out.glob("payments_*"))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small month with a seed of its own on every run: ``out`` and ``truth`` in one folder."""
    seed = random.SystemRandom().randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    folder = tmp_path_factory.mktemp("month")
    generate(folder / "out", folder / "truth", rows=4_000, days=30, seed=seed)
    return folder


def test_truth_is_what_an_independent_reader_finds(month: Path) -> None:
    """Every record in the truth is dirty as stated, and every other record is clean."""
    oracle = Oracle()
    found = [verdict for file in drops(month / "out") for verdict in oracle.read(file)]
    known = [
        (file, line, outcome, tuple(sorted(rules)))
        for file, line, _, outcome, rules in read_truth(month / "truth").iter_rows()
    ]
    assert found == known
    assert oracle.records == 4_000
    assert oracle.multiline > 0
    assert {len(accounts) for accounts in oracle.accounts.values()} == {1}


def test_every_kind_of_dirt_appears(month: Path) -> None:
    """A month has each kind at least once, with the outcome and the rules of the table."""
    truth = read_truth(month / "truth")
    assert set(truth["kind"]) == set(DIRT)
    for _, _, kind, outcome, rules in truth.iter_rows():
        assert (outcome, tuple(rules)) == (DIRT[kind].outcome, DIRT[kind].rules)


@pytest.mark.parametrize(("rows", "days"), [(200, 1), (300, 3), (200, 10), (600, 30)])
def test_small_volumes_have_every_kind(tmp_path: Path, rows: int, days: int) -> None:
    """Down to the documented minimum, every kind that is not confined to a day appears."""
    summary = generate(tmp_path, tmp_path / "truth", rows=rows, days=days)
    assert all(summary.kinds[kind] for kind, dirt in DIRT.items() if dirt.day is None)


def test_counts_close(month: Path) -> None:
    """Records are exactly as many as asked for, and the outcomes add up to them."""
    (summary,) = read_summaries(month / "truth")
    outcomes = summary.outcomes
    assert sum(drop.rows for drop in summary.drops) == summary.rows == 4_000
    assert outcomes["published"] + outcomes["quarantined"] + outcomes["deduplicated"] == 4_000
    assert sum(summary.kinds.values()) == read_truth(month / "truth").height
    assert [drop.file for drop in summary.drops] == [file.name for file in drops(month / "out")]
    assert [drop.bytes for drop in summary.drops] == [
        file.stat().st_size for file in drops(month / "out")
    ]


def test_forms_that_are_not_dirt(month: Path) -> None:
    """Sundays are compressed, the 7th has a BOM, the 12th CRLF, and a column comes on the 16th."""
    files = {date.fromisoformat(file.name[9:19]): file for file in drops(month / "out")}
    assert len(files) == 30
    assert [day for day, file in files.items() if file.suffix == ".gz"] == [
        date(2026, 10, day) for day in (4, 11, 18, 25)
    ]
    with_bom = [day.day for day, file in files.items() if file.read_bytes()[:3] == b"\xef\xbb\xbf"]
    with_crlf = [day.day for day, file in files.items() if b"\r\n" in content_of(file)]
    wide = [day.day for day, file in files.items() if b",channel" in content_of(file)[:200]]
    cut = [day.day for day, file in files.items() if not content_of(file).endswith(b"\n")]
    assert (with_bom, with_crlf, wide, cut) == ([7], [12], list(range(16, 31)), [20])


def test_one_file_is_in_another_encoding(month: Path) -> None:
    """The file of the 9th reads as Windows-1252 and not as UTF-8; all others are UTF-8."""
    for file in drops(month / "out"):
        content = content_of(file)
        if "-09." in file.name:
            assert "é" in content.decode("cp1252") or not content.isascii()
            with pytest.raises(UnicodeDecodeError):
                content.decode()
        else:
            content.decode()


def test_no_file_is_over_tolerance(tmp_path: Path) -> None:
    """At a usual volume each file loses about one record in a hundred, and never two."""
    generate(tmp_path, tmp_path, rows=20_000, days=3, start=date(2026, 10, 8))
    (summary,) = read_summaries(tmp_path)
    quarantined = Counter(
        file for file, _, _, outcome, _ in read_truth(tmp_path).iter_rows() if outcome[0] == "q"
    )
    shares = [quarantined[drop.file] / drop.rows for drop in summary.drops]
    assert all(0.005 < share < 0.02 for share in shares)


def test_rates_hold_at_volume() -> None:
    """The dirt of a million records is as frequent as the table says, and evenly spread."""
    days = [date(2026, 10, day) for day in (1, 2, 3, 4)]
    kinds = spread(days, [250_000] * 4, random.Random(1))
    counted = Counter(kind for of_day in kinds for kind in of_day)
    assert counted == {
        kind: round(dirt.rate * 1_000_000) for kind, dirt in DIRT.items() if dirt.day is None
    }
    assert max(map(len, kinds)) - min(map(len, kinds)) <= 1


START = date(2026, 10, 9)
"""Four days with every form: another encoding, a Sunday, CRLF."""


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """The same arguments give the same bytes, another seed gives other ones."""
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        generate(
            tmp_path / name, tmp_path / name / "truth", rows=200, days=4, start=START, seed=seed
        )
    one, two, three = (
        {file.name: file.read_bytes() for file in (tmp_path / name).rglob("payments_*.*")}
        for name in ("one", "two", "three")
    )
    assert one == two
    assert one.keys() == three.keys()
    assert not any(one[name] == three[name] for name in one)


def test_one_more_day(tmp_path: Path) -> None:
    """A later call adds a day: new ids, known customers, and truth that adds up."""
    out, truth = tmp_path / "out", tmp_path / "truth"
    generate(out, truth, rows=2_000, days=2, start=date(2026, 10, 29))
    before = {file.name: file.read_bytes() for file in drops(out)}
    summary = generate(out, truth, rows=1_000, days=1, start=date(2026, 10, 31))
    assert summary.orphans == ()
    assert {file.name: file.read_bytes() for file in drops(out)[:2]} == before
    oracle = Oracle()
    found = [verdict for file in drops(out) for verdict in oracle.read(file)]
    assert [verdict[:2] for verdict in found] == read_truth(truth).select("file", "line").rows()
    assert {len(accounts) for accounts in oracle.accounts.values()} == {1}
    assert sum("20261031" in key for key in oracle.keys) > 900


def test_overlap_withdraws_the_older_truth(tmp_path: Path) -> None:
    """A call that makes one of several days again leaves no truth about the others."""
    out, truth = tmp_path / "out", tmp_path / "truth"
    generate(out, truth, rows=400, days=3)
    summary = generate(out, truth, rows=200, days=1, start=date(2026, 10, 2))
    assert summary.orphans == ("payments_2026-10-01.csv", "payments_2026-10-03.csv")
    assert set(read_truth(truth)["file"]) == {"payments_2026-10-02.csv"}
    assert [each.start for each in read_summaries(truth)] == [date(2026, 10, 2)]


def test_leaves_other_files_alone(tmp_path: Path) -> None:
    """Only files of the days asked for are written, and no temporary file stays behind."""
    (tmp_path / "payments_2026-09-30.csv").write_text("kept")
    (tmp_path / "notes.txt").write_text("kept")
    generate(tmp_path, tmp_path / "truth", rows=200, days=1)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"payments_2026-09-30.csv", "notes.txt", "payments_2026-10-01.csv", "truth"}
    assert (tmp_path / "payments_2026-09-30.csv").read_text() == "kept"


def test_empty_truth_has_its_columns(tmp_path: Path) -> None:
    """A folder without truth reads as no records, not as an error."""
    assert read_truth(tmp_path).columns == ["file", "line", "kind", "outcome", "rules"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rows", "599"], "at least 600"),
        (["--rows", "10", "--days", "1"], "at least 200"),
        (["--days", "0"], "--days must be 1"),
        (["--seed", "-1"], "--seed must not be negative"),
        (["--start", "2026-13-01"], "write a day as 2026-10-01"),
        (["--rows", "many"], "--rows"),
    ],
)
def test_refuses_wrong_arguments(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments exit with 2, say what is wrong, and write nothing."""
    folders = ["--out", str(tmp_path / "out"), "--truth", str(tmp_path / "truth")]
    with pytest.raises(SystemExit) as stopped:
        payments.main([*arguments, *folders])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_command_tells_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line names files, rows, bytes and where the truth is."""
    arguments = ["--rows", "300", "--days", "3", "--out", str(tmp_path), "--truth", str(tmp_path)]
    assert payments.main(arguments) == 0
    told = capsys.readouterr().out
    assert "3 files with 300 payments" in told
    assert f"{tmp_path}/payments_2026-10-01_3d.ndjson" in told


@pytest.mark.parametrize(
    "iban", ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"]
)
def test_check_digits_agree_with_published_examples(iban: str) -> None:
    """Check digits of the examples that IBAN registries print are computed right."""
    assert check_digits(iban[:2], iban[4:]) == int(iban[2:4])
