"""`sluicegate preview`, as a person types it."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.dialect import Dialect
from sluicegate.errors import BatchRefused, ConfigurationError, EnvironmentFailed
from sluicegate.pipeline import preview_records
from sluicegate.testing.workbooks import workbook
from tests.files.test_opening import zipped
from tests.support import ROOT

SALES = "Sales of May\n\nid;name;amount;on\n1;Hill;1,5;31/05/2026\n2;Lake;2,5;30/05/2026\n3;x\n"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A file with a title, decimal commas, and a line that is no record."""
    file = tmp_path / "sales.csv"
    file.write_text(SALES, encoding="cp1252")
    return file


def preview(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["preview", *map(str, arguments)])


def told(*arguments: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(preview(*arguments, "--json").stdout)
    return found


def test_a_file_is_shown_as_it_would_be_read(sales: Path) -> None:
    """Dialect, types, what to know, rows, rejected lines, counts."""
    result = preview(sales)
    assert result.exit_code == 0
    for words in (
        "utf-8, semicolon between cells",
        "2 lines before the header",
        "decimals use commas",
        "day first",
        "Hill",
        "line 6, record:fields: 3;x",
        "2 rows, 1 rejected, 1 before a header",
    ):
        assert words in result.stdout


def test_programs_are_told_the_same(sales: Path) -> None:
    """As one list, with the dialect as it can be declared."""
    (found,) = told(sales, "--rows", "1")
    assert found["dialect"]["delimiter"] == ";"
    assert found["dialect"]["preamble"] == 2
    assert [column["type"] for column in found["columns"]] == ["integer", "text", "decimal", "date"]
    assert found["rows"] == [["1", "Hill", "1,5", "31/05/2026"]]
    assert found["rejected"] == [{"line": 6, "rule": "record:fields", "text": "3;x"}]
    assert found["records"]["row"] == 2
    assert found["whole"] is True


def test_a_reading_is_written_as_plain_csv(tmp_path: Path, sales: Path) -> None:
    """With a header, in UTF-8, with line feeds, and quotes where they are needed."""
    place = tmp_path / "plain.csv"
    preview(sales, "--output", place)
    assert place.read_bytes() == (
        b'id,name,amount,on\n1,Hill,"1,5",31/05/2026\n2,Lake,"2,5",30/05/2026\n'
    )


def test_a_reading_is_safe_in_a_spreadsheet_if_asked(tmp_path: Path) -> None:
    """By default it is exact; to a carriage return within a cell."""
    file, place = tmp_path / "f.csv", tmp_path / "plain.csv"
    file.write_bytes(b'id,=name\n-1,"=1+1"\n2,"a\rb"\n')
    preview(file, "--output", place)
    assert place.read_bytes() == b'id,=name\n-1,=1+1\n2,"a\rb"\n'
    assert "2 cells changed" in preview(file, "--output", place, "--for-spreadsheets").stdout
    assert place.read_bytes() == b"id,'=name\n-1,'=1+1\n2,\"a\rb\"\n"
    assert isinstance(preview(file, "--for-spreadsheets").exception, ConfigurationError)


def test_names_help(tmp_path: Path) -> None:
    """They are a line of CSV, because a name may hold a comma or a line end."""
    file = tmp_path / "f.csv"
    file.write_text("1,2,x\n3,4,y\n")
    assert [column["name"] for column in told(file)[0]["columns"]] == [
        "column_1",
        "column_2",
        "column_3",
    ]
    (found,) = told(file, "--columns", 'a,"b, in EUR","c\nd"')
    assert [column["name"] for column in found["columns"]] == ["a", "b, in EUR", "c\nd"]
    (found,) = told(file, "--columns", 'a,5" pipe,c\nd')
    assert [column["name"] for column in found["columns"]] == ["a", '5" pipe', "c\nd"]
    wrong = preview(file, "--columns", 'a,"b')
    assert isinstance(wrong.exception, ConfigurationError)


def test_names_that_no_column_has_are_told(tmp_path: Path) -> None:
    """All of them or some; however a name is written there."""
    file = tmp_path / "f.csv"
    file.write_text("Pay Day,amount\n1,2\n3,4\n")
    said = "names of --columns"
    assert said not in preview(file, "--columns", "pay_day,amount").stdout
    assert said not in preview(file).stdout
    none = preview(file, "--columns", "foo,bar").stdout
    assert "none of the 2 names of --columns is in the header: foo, bar" in none
    some = preview(file, "--columns", "amount,foo").stdout
    assert "1 of the 2 names of --columns is not in the header: foo" in some
    assert told(file, "--columns", "amount,foo")[0]["unknown"] == ["foo"]


def test_what_is_not_shown_is_counted(tmp_path: Path) -> None:
    """Columns that a terminal has no room for, and how far down an empty column is known."""
    file = tmp_path / "f.csv"
    head = [f"n{at}" for at in range(21)]
    rows = [["1"] * 20 + ["" if row < 1_000 else "x"] for row in range(1_001)]
    file.write_text("".join(f"{','.join(row)}\n" for row in [head, *rows]))
    result = preview(file)
    assert "… and 9 more columns" in result.stdout
    assert "in the first 1,000 rows" in result.stdout
    (found,) = told(file)
    assert found["columns"][-1] == {
        "name": "n20",
        "type": "empty",
        "notes": ["in the first 1,000 rows"],
    }


def test_several_files_go_to_a_folder_and_one_bad_file_spoils_none(
    tmp_path: Path, sales: Path
) -> None:
    """The others are written under their names; the error names the bad one, and the exit code."""
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"PK\x03\x04" + bytes(100))
    packed = tmp_path / "more.csv.gz"
    packed.write_bytes(gzip.compress(SALES.encode()))
    folder = tmp_path / "out"
    result = preview(sales, bad, packed, "--output", folder)
    assert result.exit_code == BatchRefused.exit_code
    assert "bad.csv" in result.stderr
    assert sorted(file.name for file in folder.iterdir()) == ["more.csv", "sales.csv"]
    first, second, third = told(sales, bad, packed)
    assert (first["records"], third["records"]) == (first["records"], first["records"])
    assert (second["error"], second["exit_code"]) == ("BatchRefused", BatchRefused.exit_code)


def test_what_was_packed_is_written_under_its_plain_name(tmp_path: Path) -> None:
    """Whatever it was packed by; two files are never written as one."""
    names = {"a.csv.gz": "a.csv", "b.TXT.XZ": "b.TXT", "c.bz2": "c.csv", "d.dat": "d.dat", "e": "e"}
    names |= {"f.csv.zst": "f.csv", "g.zip": "g.csv", ".gz": ".gz"}
    for name in names:
        (tmp_path / name).write_text("id,name\n1,x\n")
    folder = tmp_path / "out"
    files = [tmp_path / name for name in names]
    preview(*files, "--output", folder)
    assert sorted(each.name for each in folder.iterdir()) == sorted(names.values())
    twice = preview(tmp_path / "a.csv.gz", tmp_path / "a.csv.xz", "--output", tmp_path / "two")
    assert isinstance(twice.exception, ConfigurationError)
    assert not (tmp_path / "two").exists()


def test_files_of_a_zip_are_shown_one_by_one(tmp_path: Path) -> None:
    """And written, under names that lead nowhere else."""
    file, folder = tmp_path / "drop.zip", tmp_path / "out"
    texts = {"b.csv": "id,name\n2,b\n", "../a.csv": "id;name\n1;a\n", "..": "Read me\n"}
    file.write_bytes(zipped({name: text.encode() for name, text in texts.items()}))
    found = told(file)
    assert [each["file"] for each in found] == [f"{file}, member {name}" for name in sorted(texts)]
    assert "member b.csv" in preview(file).stdout
    preview(file, "--output", folder)
    assert (folder / "drop.b.csv").read_text() == "id,name\n2,b\n"
    assert (folder / "drop..._a.csv").read_text() == "id,name\n1,a\n"
    assert {each.name for each in tmp_path.iterdir()} == {"drop.zip", "out"}


def test_a_reading_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """A gzip that breaks off leaves what was there before, and nothing else."""
    file, place = tmp_path / "f.csv.gz", tmp_path / "plain.csv"
    text = "a,b\n" + "".join(f"{number},{number * 7919 % 10007}\n" for number in range(60_000))
    file.write_bytes(gzip.compress(text.encode())[:-9])
    place.write_text("before")
    assert preview(file, "--output", place).exit_code == BatchRefused.exit_code
    assert place.read_text() == "before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["f.csv.gz", "plain.csv"]


def test_a_reading_takes_no_other_files_place(tmp_path: Path, sales: Path) -> None:
    """Neither that of the file, nor that of another reading."""
    same = preview(sales, "--output", sales)
    assert isinstance(same.exception, ConfigurationError)
    other = tmp_path / "other" / "sales.csv"
    other.parent.mkdir()
    other.write_text(SALES)
    twice = preview(sales, other, "--output", tmp_path / "out")
    assert isinstance(twice.exception, ConfigurationError)
    assert sales.read_text() == SALES


def test_what_is_not_there_is_named(tmp_path: Path, sales: Path) -> None:
    """A file, and a place to write to."""
    missing = preview(tmp_path / "none.csv")
    assert (missing.exit_code, "none.csv" in missing.stderr) == (ConfigurationError.exit_code, True)
    folder = preview(tmp_path)
    assert isinstance(folder.exception, SystemExit)
    assert folder.exit_code == ConfigurationError.exit_code
    assert "It is a folder" in folder.stderr
    assert f"name files, such as {tmp_path}/*" in " ".join(folder.stderr.split())
    nowhere = preview(sales, "--output", tmp_path / "none" / "plain.csv")
    assert nowhere.exit_code in {ConfigurationError.exit_code, EnvironmentFailed.exit_code}
    assert "cannot be written there" in nowhere.stderr
    assert str(tmp_path / "none" / "plain.csv") in nowhere.stderr
    assert ".part" not in nowhere.stderr


def test_rejected_records_that_are_not_shown_are_counted(tmp_path: Path) -> None:
    """By rule, if they break several."""
    file = tmp_path / "f.csv"
    good = b"id,name\n" + "1,ü\n".encode() * 90
    file.write_bytes(good + b"2\n" * 11)
    assert "… and 1 more\n" in preview(file).stdout
    file.write_bytes(file.read_bytes() + b"3,\xff\n" * 3)
    assert "… and 4 more; by rule, of all: 11 record:fields, 3 record:encoding" in (
        preview(file).stdout
    )
    assert told(file)[0]["broken"] == {"record:encoding": 3, "record:fields": 11}
    file.write_bytes(good + b"2\n" * 10)
    assert "more" not in preview(file).stdout


def test_rejected_records_of_another_format_are_counted_too(tmp_path: Path) -> None:
    """All of them, whatever is shown."""
    file = tmp_path / "f.ndjson"
    lines = ['{"a": "1"}'] * 90 + ['{"a": '] * 11 + ['{"a": "\\ud800"}'] * 3
    file.write_text("\n".join(lines) + "\n")
    assert "… and 4 more; by rule, of all: 11 record:json, 3 record:encoding" in (
        preview(file).stdout
    )


def test_a_long_record_is_shown_where_its_encoding_breaks(tmp_path: Path) -> None:
    """Else its beginning is shown."""
    file = tmp_path / "f.csv"
    good = "3,ü\n".encode() * 90
    file.write_bytes(b"id,name\n" + good + b"1," + b"y" * 300 + b"\xff" + b"z" * 300 + b"\n")
    assert re.search(r"record:encoding: …y{80}\\xffz+…\n", preview(file).stdout)
    file.write_bytes(b"id,name\n" + good + b"1," + b"y" * 150 + b"\xff" + b"z" * 300 + b"\n")
    assert "record:encoding: 1,yyy" in preview(file).stdout
    file.write_bytes(b"id,name\n" + good + b"1," + b"y" * 300 + b",2\n")
    assert "record:fields: 1,yyy" in preview(file).stdout


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"id,name\n"])
def test_a_file_without_records_is_held_like_any_other(tmp_path: Path, content: bytes) -> None:
    """The exit code is that of a held file; who asks for its reading has a table without rows."""
    file, good, folder = tmp_path / "f.csv", tmp_path / "good.csv", tmp_path / "out"
    file.write_bytes(content)
    good.write_text("id,name\n1,x\n")
    result = preview(file, good)
    assert result.exit_code == BatchRefused.exit_code
    assert "f.csv" in result.stderr
    assert "have the provider send it again" in result.stderr
    (found,) = told(file)
    assert (found["error"], found["exit_code"]) == ("BatchRefused", BatchRefused.exit_code)
    result = preview(file, good, "--columns", "id,name", "--output", folder)
    assert result.exit_code == 0
    assert (folder / "f.csv").read_text() == "id,name\n"


def test_one_file_of_a_zip_may_have_a_header_alone(tmp_path: Path) -> None:
    """The batch has the records of the others; its columns are named, and look like nothing."""
    file = tmp_path / "drop.zip"
    file.write_bytes(zipped({"a.csv": b"id,name\n", "b.csv": b"id,name\n1,x\n"}))
    assert preview(file).exit_code == 0
    assert [column["type"] for column in told(file)[0]["columns"]] == ["empty", "empty"]


def test_no_control_character_reaches_the_terminal(tmp_path: Path) -> None:
    """A file cannot tell a terminal what to do, by a cell or by a rejected line."""
    file = tmp_path / "f.csv"
    file.write_text("id,name\n1,\x1b[31mred\n2,y\n3,\x1b[2J,\x07\n[bold],x\n")
    result = preview(file)
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert "[bold]" in result.stdout


def test_what_was_written_is_read_back_as_it_is(tmp_path: Path) -> None:
    """Line ends, quotes and blanks within cells stay."""
    rows = [["id", "text"], ["1", 'a "b"\r\n c,'], ["2", " x "], ["3", ""]]
    file, place = tmp_path / "f.csv", tmp_path / "plain.csv"
    with file.open("w", newline="") as target:
        csv.writer(target, delimiter="\t", lineterminator="\r\n").writerows(rows)
    preview(file, "--output", place)
    with place.open(newline="") as source:
        assert list(csv.reader(source)) == rows


def test_the_page_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it names every part of a dialect."""
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "reading-files.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ \.venv/bin/sluicegate preview (.+)$", page, re.MULTILINE)
    shown = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(commands) == 2
    for command, told in zip(commands, shown, strict=True):
        printed = preview(*shlex.split(command)).stdout
        assert told.splitlines() == [line.rstrip() for line in printed.splitlines()]
    assert {each.name for each in fields(Dialect)} <= set(re.findall(r"`(\w+)`", page))


RECORDS = [{"id": "1", "name": "x", "n": "1.50"}, {"id": "2", "name": "", "n": "12"}]


def form(kind: str, folder: Path) -> Path:
    """The same records in one format or another."""
    file = folder / f"drop.{kind}"
    if kind == "ndjson":
        file.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    elif kind == "json":
        file.write_text(json.dumps({"data": {"items": RECORDS}}))
    elif kind == "parquet":
        pl.DataFrame(RECORDS).with_columns(pl.col("id").cast(pl.Int64)).write_parquet(file)
    else:
        rows = [["Sales"], [], list(RECORDS[0]), *[list(record.values()) for record in RECORDS]]
        file.write_bytes(workbook({"Sales": rows}))
    return file


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ndjson", "JSON, one object a line, 3 columns; a source declares Ndjson()"),
        ("json", 'a JSON document, 3 columns; a source declares Json(records="data.items")'),
        ("parquet", "Parquet, 3 columns; a source declares Parquet()"),
        ("xlsx", "a workbook, 3 columns; a source declares Excel(header_row=3)"),
    ],
)
def test_other_formats_are_shown_too(tmp_path: Path, kind: str, words: str) -> None:
    """How a source declares them, what is in them; and written as any other."""
    file, written = form(kind, tmp_path), tmp_path / "plain.csv"
    result = preview(file, "--output", written, "--columns", "id,colour")
    assert result.exit_code == 0, result.stderr
    shown = " ".join(result.stdout.split())
    for each in (
        words,
        "n decimal",
        "2 rows",
        "1 of the 2 names of --columns is not in the header",
    ):
        assert each in shown
    assert written.read_text() == "id,name,n\n1,x,1.50\n2,,12\n"
    (found,) = told(file)
    assert found["format"] in result.stdout
    assert (found["dialect"], found["rows"]) == (None, [["1", "x", "1.50"], ["2", "", "12"]])


def test_records_of_json_name_columns_as_they_come(tmp_path: Path) -> None:
    """Also beyond those that are looked at; what is no record is shown with its rule."""
    file, written = tmp_path / "drop.ndjson", tmp_path / "plain.csv"
    lines = [f'{{"a":{number}}}' for number in range(12_000)]
    file.write_text("\n".join([*lines, '{"a":NaN}', '{"a":"=1+1","b":{"c":"x"}}']))
    result = preview(file, "--output", written, "--for-spreadsheets", "--rows", "1")
    assert 'line 12001, record:json: {"a":NaN}' in result.stdout
    assert "12,001 rows, 1 rejected" in result.stdout
    assert "1 cell changed for spreadsheets" in result.stdout
    with written.open(newline="") as source:
        rows = list(csv.reader(source))
    assert (rows[0], rows[1], rows[-1]) == (["a", "b.c"], ["0", ""], ["'=1+1", "x"])
    assert len(rows) == 12_002


def test_what_is_not_read_of_another_format_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of delimited text."""
    monkeypatch.setattr(preview_records, "MOST_READ", 3)
    monkeypatch.setattr(preview_records, "_AT_ONCE", 2)
    file = tmp_path / "drop.parquet"
    pl.DataFrame({"a": range(10)}).write_parquet(file)
    assert "4 rows in the first 4 records" in preview(file).stdout


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("f.parquet", b"PAR1 and no more", "cannot be read"),
        ("f.json", b"[]", "not a single record"),
        ("f.json", b'{\n"data": [1, 2]\n}', "no list of records"),
        ("f.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "workbook"),
        ("f.bin", b"\x7fELF\x02\x01\x01\0" * 90, "a program"),
    ],
)
def test_other_formats_are_held_as_well(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    """By what is wrong with them as such."""
    file = tmp_path / name
    file.write_bytes(content)
    result = preview(file)
    assert result.exit_code == BatchRefused.exit_code
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


LONG = [{"a": "y" * 70_000}, {"a": "z"}, {"a": None}]
WRAPPED = '{"status":"ok","count":2,\n"a":[{"x":1,"y":2},\n{"x":3,"y":4}]}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n".join(map(json.dumps, LONG)), "Ndjson() column looks like"),
        (WRAPPED, 'Json(records="a") note: a has 2 records column looks like'),
        ('{"a":\n[{"x":1}\n]}', 'Json(records="a")'),
        (f"[{'{},' * 25_000}{{}}]", "25,001 rows"),
        ('{"a":1,"b":2}\r{"a":3,"b":4}\r', "Ndjson() column looks like"),
        ('\ufeff\n {"a":1}\n\n', "Ndjson() column looks like"),
        ("{}\n{}\nbad\n", "2 rows, 1 rejected"),
    ],
    ids=["long", "wrapped", "short", "empty", "returns", "mark", "nothing"],
)
def test_json_is_not_taken_for_delimited_text(tmp_path: Path, text: str, words: str) -> None:
    """However long its lines, and wherever they end; an object that is empty is a record."""
    file, folder = tmp_path / "drop.json", tmp_path / "out"
    file.write_bytes(text.encode())
    result = preview(file, "--output", f"{folder}/")
    assert result.exit_code == 0, result.stderr
    assert words in " ".join(result.stdout.split())
    written = (folder / "drop.json.csv").read_text().count("\n") - 1
    assert f"\n{written:,} row{'s' * (written != 1)}" in result.stdout


@pytest.mark.parametrize("text", ['{"a":[{"x":1}', '[{"a":1},', '{"a":', '{"a":1', "[[1],[2]"])
def test_json_that_breaks_off_is_held(tmp_path: Path, text: str) -> None:
    """It is no table of one row."""
    file = tmp_path / "drop.json"
    file.write_text(text)
    assert preview(file).exit_code == BatchRefused.exit_code


@pytest.mark.parametrize("text", ["{a},b\n1,2\n", "[a],b\n1,2\n", '{"a",b}\n1,2\n'])
def test_delimited_text_may_begin_as_json_does(tmp_path: Path, text: str) -> None:
    """But for what no table begins with."""
    file = tmp_path / "drop.csv"
    file.write_text(text)
    assert "1 row\n" in preview(file).stdout
