"""What lies in a landing folder: names in folders, links, pipes, odd names, values in folders."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluicegate.contracts import Contract, Money, field, key
from sluicegate.errors import BatchRefused, ContractError, EnvironmentFailed
from sluicegate.ingestion import create, ingest
from sluicegate.lake import Archive, Session
from sluicegate.sources import Batch, Delimited, Discovery, Files, Ndjson, Parquet
from sluicegate.sources.landing import Pattern, shown
from tests.unit.kit import fresh_name, settings_of, source, together
from tests.unit.kit import known as known_of

Look = Callable[..., Discovery]


class Sales(Contract):
    """One row a sale; its year and country stand in the folders."""

    sale_id: str = key()
    amount: Money = field()
    year: int = field()
    country: str = field(nullable=True)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A landing folder for orders."""
    folder = tmp_path / "landing" / "orders"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def look(tmp_path: Path, archive: Archive) -> Look:
    """Look for new files of a pattern, or of a source."""

    def discover(what: str | Files = "orders/*.csv", *known: Batch) -> Discovery:
        declared = source("orders", match=what) if isinstance(what, str) else what
        manifest = {batch.id: known_of(batch) for batch in known}
        return declared.discover(settings_of(tmp_path), manifest, archive)

    return discover


def drop(folder: Path, name: str, content: str = "") -> Path:
    """Drop a file, in folders of its own; by default its content is its name."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content or name)
    return file


def names(found: Discovery) -> list[str]:
    """Names of what is new."""
    return [batch.name for batch in found.new]


def hive(**options: Any) -> Files:
    """Sales in folders."""
    chosen = {"contract": Sales, "match": "orders/**/*", "hive": ("year", "country"), **options}
    return source(fresh_name("sales"), **chosen)


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("a/*.csv", ["x.csv", ".x.csv"], ["b/x.csv", "x.CSV", "x.csv.gz"]),
        ("a/**/*.csv", ["x.csv", "b/x.csv", "b/c/x.csv"], ["b/x.txt", "b"]),
        ("a/*/x?.csv", ["b/x1.csv"], ["x1.csv", "b/c/x1.csv", "b/x.csv"]),
        ("**/b/*", ["b/x", "a/b/x", "b/b/x"], ["b", "a/x"]),
        ("a/all.csv", ["all.csv"], ["x.csv"]),
        ("a/[0-9].csv", ["1.csv"], ["a.csv", "1\n.csv"]),
    ],
)
def test_pattern(pattern: str, matches: list[str], misses: list[str]) -> None:
    """A wildcard stays in its part; ``**`` is any folders, or none."""
    meant = Pattern(pattern)
    assert [name for name in matches if not meant.matches(tuple(name.split("/")))] == []
    assert [name for name in misses if meant.matches(tuple(name.split("/")))] == []


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../x/*", "a/./b", "a//b", "a/**", "a/b**/c"])
def test_pattern_that_leads_elsewhere_is_refused(pattern: str) -> None:
    """Out of its folder, or to folders only; when the source is declared."""
    with pytest.raises(ContractError, match="pattern"):
        source(match=pattern)


def test_equal_names_in_two_folders_are_two_files(landing: Path, look: Look) -> None:
    """Names are told from the fixed part of the pattern on, so the second is no known file."""
    old = drop(landing, "year=2025/part-0.csv", "same size 1")
    first = look("orders/**/*.csv")
    new = drop(landing, "year=2026/part-0.csv", "same size 2")
    moment = old.stat().st_mtime_ns
    os.utime(new, ns=(moment, moment))
    assert names(first) == ["year=2025/part-0.csv"]
    assert names(look("orders/**/*.csv", *first.new)) == ["year=2026/part-0.csv"]
    assert names(look("orders/year=2026/*.csv")) == ["part-0.csv"]


def test_folders_at_work_are_left_alone(landing: Path, look: Look) -> None:
    """What Spark and others write before they are done waits, whatever its own name."""
    drop(landing, "_temporary/0/part-0.csv")
    drop(landing, ".staging/part-0.csv")
    found = look("orders/**/*.csv")
    assert names(found) == []
    assert set(found.waiting) == {"_temporary/0/part-0.csv", ".staging/part-0.csv"}


def test_no_link_leads_out(landing: Path, look: Look, tmp_path: Path) -> None:
    """A link to a file elsewhere is not read, and told; one to a file inside is fine."""
    secret = drop(tmp_path, "secret.csv", "secret")
    (landing / "out.csv").symlink_to(secret)
    (landing / "up.csv").symlink_to("../../secret.csv")
    (landing / "gone.csv").symlink_to("nowhere.csv")
    (landing / "in.csv").symlink_to(drop(landing.parent, "archive-of-theirs/x.dat", "inside"))
    found = look()
    assert [(each.name, each.content.read_text()) for each in found.new] == [("in.csv", "inside")]
    leads = "it is a link that leads out of the landing folder"
    assert found.waiting["out.csv"] == found.waiting["up.csv"] == leads
    assert "No such file" in found.waiting["gone.csv"]


def test_links_to_folders_are_not_followed(landing: Path, look: Look, tmp_path: Path) -> None:
    """Neither outwards nor round in a circle; what is missed for it is told."""
    drop(tmp_path, "elsewhere/a.csv")
    (landing / "far").symlink_to(tmp_path / "elsewhere")
    (landing / "round").symlink_to(landing)
    found = look("orders/**/*.csv")
    assert names(found) == []
    assert set(found.waiting) == {"far", "round"}
    assert look("orders/*.csv").waiting == {}


def test_folder_of_a_source_is_no_link_out(tmp_path: Path, look: Look) -> None:
    """Nor is the fixed part of a pattern; it is told as what it is."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "orders").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentFailed, match="is a link that leads out"):
        look()


def test_landing_folder_itself_may_be_a_link(tmp_path: Path, look: Look) -> None:
    """Where it is, the settings say, and not who drops files."""
    drop(tmp_path, "mounted/orders/a.csv")
    (tmp_path / "landing").symlink_to(tmp_path / "mounted")
    assert names(look()) == ["a.csv"]


@pytest.mark.parametrize("exchanged", ["one", "one/a.csv"])
def test_link_that_is_put_in_place_later_is_not_followed(
    landing: Path, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanged: str
) -> None:
    """Between the look and the reading: neither in place of the file nor of its folder."""
    secret = drop(tmp_path, "elsewhere/a.csv", "secret")
    drop(landing, "one/a.csv", "ours!!")
    order = Files.__dict__["_in_order"]

    def exchange(self: Files, found: Any) -> Any:
        (landing / "one" / "a.csv").unlink()
        if exchanged == "one":
            (landing / "one").rmdir()
        target = secret.parent if exchanged == "one" else secret
        (landing / exchanged).symlink_to(target)
        return order(self, found)

    monkeypatch.setattr(Files, "_in_order", exchange)
    found = look("orders/*/*.csv")
    assert names(found) == []
    assert found.waiting["one/a.csv"].startswith("it cannot be read")


def test_pipes_and_sockets_are_never_opened(landing: Path, look: Look) -> None:
    """Opening a pipe would wait for ever; a folder of such a name is none either."""
    os.mkfifo(landing / "pipe.csv")
    here = Path.cwd()
    os.chdir(landing)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket.csv")
    finally:
        os.chdir(here)
    (landing / "folder.csv").mkdir()
    drop(landing, "a.csv")
    found = look()
    assert names(found) == ["a.csv"]
    assert set(found.waiting) == {"pipe.csv", "socket.csv"}


def test_pipe_in_place_of_a_file_is_not_waited_for(
    landing: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it takes the place of a file after the look."""
    file = drop(landing, "a.csv")
    listing = Files.__dict__["_in_order"]

    def exchanged(self: Files, found: Any) -> Any:
        file.unlink()
        os.mkfifo(file)
        return listing(self, found)

    monkeypatch.setattr(Files, "_in_order", exchanged)
    assert look().waiting == {"a.csv": "it cannot be read: it is no file"}


def test_odd_names_are_shown_safely(landing: Path, look: Look) -> None:
    """Line ends, colours, bytes that are no text: escaped, told apart, and taken all the same."""
    odd = ["a\nb.csv", "\x1b[31mred.csv", "a\u202evsc.csv", "a\\nb.csv", "ü é.csv"]
    for name in odd:
        drop(landing, name)
    (landing / os.fsdecode(b"\xff.csv")).write_text("bytes")
    first = look()
    told = names(first)
    assert len(set(told)) == len(first.new) == 6
    assert all(name.isprintable() for name in told)
    assert {"a\\nb.csv", "a\\\\nb.csv", "ü é.csv", "\\x1b[31mred.csv", "\\udcff.csv"} <= set(told)
    again = look("orders/*.csv", *first.new)
    assert (names(again), again.known, again.vanished) == ([], 6, [])


def test_names_that_differ_are_shown_differently() -> None:
    """A name that looks like the escape of another one is not taken for it."""
    assert shown(("a\n",)) == "a\\n"
    assert shown(("a\\n",)) == "a\\\\n"
    assert shown(("\x85",)) != shown((os.fsdecode(b"\x85"),))


def test_folder_that_cannot_be_listed_is_told(
    landing: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One below the pattern's waits, and what was loaded from it has not vanished."""
    drop(landing, "one/a.csv")
    drop(landing, "two/b.csv")
    first = look("orders/*/*.csv")
    scan = os.scandir

    def refuse(folder: Any) -> Any:
        if str(folder).endswith("one"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = look("orders/*/*.csv", *first.new)
    assert found.waiting == {"one/": "the folder cannot be looked into: Permission denied"}
    assert (found.known, found.vanished) == (1, [])


def test_vanished_file_is_noticed(landing: Path, look: Look) -> None:
    """By name; what was only renamed is still there, and what waits is, too."""
    for name in ("a.csv", "b.csv", "c.csv"):
        drop(landing, name)
    first = look()
    (landing / "a.csv").unlink()
    (landing / "b.csv").rename(landing / "renamed.csv")
    found = look("orders/*.csv", *first.new)
    assert [known.name for known in found.vanished] == ["a.csv"]
    assert look("orders/*.csv", first.new[2]).vanished == []


def test_same_name_with_other_content_is_a_correction(landing: Path, look: Look) -> None:
    """Of the newest batch of that name; a new name corrects nothing."""
    drop(landing, "a.csv", "first")
    first = look().new
    drop(landing, "a.csv", "second")
    second = look("orders/*.csv", *first).new
    drop(landing, "a.csv", "third!")
    drop(landing, "b.csv")
    third = look("orders/*.csv", *first, *second).new
    assert [each.corrects for each in first] == [None]
    assert [each.corrects for each in second] == [first[0].id]
    assert {each.name: each.corrects for each in third} == {"a.csv": second[0].id, "b.csv": None}


def rows_of(declared: Files, batch: Batch) -> list[tuple[Any, ...]]:
    """Records of a batch, read."""
    columns = [column.reads for column in declared.contract.columns()]
    return together(declared.read(batch)).rows.select(columns).rows()


def test_values_of_folders_stand_in_every_record(landing: Path, look: Look) -> None:
    """Decoded as Hive encodes them; its word for an absent value is none."""
    declared = hive()
    drop(
        landing, "year=2025/country=C%C3%B4te%20d%27Ivoire/part-0.csv", "sale_id,amount\na,1\nb,2\n"
    )
    drop(
        landing, "year=2026/country=__HIVE_DEFAULT_PARTITION__/part-0.csv", "sale_id,amount\nc,3\n"
    )
    one, two = look(declared).new
    assert rows_of(declared, one) == [
        ("a", "1", "2025", "Côte d'Ivoire"),
        ("b", "2", "2025", "Côte d'Ivoire"),
    ]
    assert rows_of(declared, two) == [("c", "3", "2026", None)]


def test_equal_bytes_in_two_folders_are_two_batches(
    landing: Path, look: Look, archive: Archive, session: Session
) -> None:
    """Their records are others; the archive has the bytes once, and finds them for both."""
    declared = hive(contract=Dated, hive=("year",))
    for year in (2025, 2026):
        drop(landing, f"year={year}/part-0.csv", "sale_id\na\n")
    found = look(declared)
    create(declared, session)
    intake = ingest(declared, found.new, session, "run")
    assert [receipt.published for receipt in intake.receipts] == [1, 1]
    assert {archive.find(batch.id) for batch in found.new} == {found.new[0].content}
    assert look(declared, *found.new).known == 2


class Dated(Contract):
    """One row a sale and year."""

    sale_id: str = key()
    year: int = key()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("year=2025/a.csv", "does not say country"),
        ("2025/DE/a.csv", "does not say year, country"),
        ("year=2025/year=2026/country=DE/a.csv", "names 'year' twice"),
        ("year=2025/country=/a.csv", "no value for 'country'"),
        ("year=2025/country=%FF/a.csv", "is no text"),
        ("year=2025/country=a\nb/a.csv", "no value for 'country'"),
    ],
)
def test_file_whose_folders_do_not_say_it_waits(
    landing: Path, look: Look, path: str, why: str
) -> None:
    """With the reason; nothing is guessed, and the others are taken."""
    drop(landing, path)
    drop(landing, "year=2025/country=DE/good.csv")
    found = look(hive())
    assert names(found) == ["year=2025/country=DE/good.csv"]
    (reason,) = found.waiting.values()
    assert why in reason


def test_column_that_contradicts_its_folder_is_refused(landing: Path, look: Look) -> None:
    """One that says the same is fine: some writers leave it in the file."""
    declared = hive(hive=("year",))
    drop(landing, "year=2025/a.csv", "sale_id,amount,country,year\na,1,DE,2025\n")
    drop(landing, "year=2025/b.csv", "sale_id,amount,country,year\nb,1,DE,2025\nc,1,DE,2024\n")
    good, bad = look(declared).new
    assert rows_of(declared, good) == [("a", "1", "2025", "DE")]
    with pytest.raises(BatchRefused, match="has a column 'year' of its own"):
        rows_of(declared, bad)


def test_every_format_takes_values_of_folders(landing: Path, look: Look) -> None:
    """Parquet, JSON lines, and text without a header, whose columns are the others."""
    folder = landing / "year=2025" / "country=DE"
    folder.mkdir(parents=True)
    pl.DataFrame({"sale_id": ["a"], "amount": ["1"]}).write_parquet(folder / "a.parquet")
    drop(folder, "a.ndjson", '{"sale_id": "a", "amount": "1"}\n')
    drop(folder, "a.csv", "a,1\n")
    for match, form in (
        ("parquet", Parquet()),
        ("ndjson", Ndjson()),
        ("csv", Delimited(header=False)),
    ):
        declared = hive(match=f"orders/**/*.{match}", format=form)
        (batch,) = look(declared).new
        assert rows_of(declared, batch) == [("a", "1", "2025", "DE")], match


def test_value_that_nobody_reads_is_refused() -> None:
    """When the source is declared."""
    with pytest.raises(ContractError, match="takes 'month' from the names of folders"):
        hive(hive=("year", "month"))


def test_bad_value_of_a_folder_is_quarantined(landing: Path, look: Look, session: Session) -> None:
    """It is judged like any other: the contract says what a year is."""
    declared = hive()
    drop(landing, "year=soon/country=DE/a.csv", "sale_id,amount\na,1\n")
    create(declared, session)
    (receipt,) = ingest(declared, look(declared).new, session, "run").receipts
    assert (receipt.rows_in, receipt.quarantined) == (1, 1)
    assert receipt.rejections == {"year:integer": 1}
