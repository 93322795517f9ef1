"""Cells that a spreadsheet would run are texts in the CSV that people get."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.csv_files import CsvWriter
from sluicegate.errors import ConfigurationError
from sluicegate.lake import Lake
from sluicegate.spreadsheets import as_text
from tests.unit.kit import publish

HARMLESS = ("", "x=1", "it's", "'tis", "a - b", "-5", "+3", "-12.5", "-.5", " -1.234,56 ", "-1e-9")
BEGINNINGS = " \t\r\n\"';,=+-@\uff1d\uff20\ufeff\u200b\u00a0\x00\x7f\u00ad\u202e15.%eax"
cells = st.text(alphabet=BEGINNINGS, max_size=12)


def begins_formula(cell: str) -> bool:
    """What a careful reader takes for a formula; written down otherwise than the code does."""
    seen = "".join(char for char in cell if char.isprintable() and not char.isspace())
    seen = seen.lstrip('"')
    return seen[:1] in {*"=+-@\uff1d\uff0b\uff0d\uff20"} and not re.fullmatch(
        r"[+-][0-9.,]*[0-9](e[+-]?[0-9]+)?%?", seen, re.IGNORECASE
    )


@pytest.mark.parametrize("cell", HARMLESS)
def test_numbers_and_plain_texts_stay(cell: str) -> None:
    """A sign makes no formula of a number, and an apostrophe in a text means nothing."""
    assert as_text(cell) == cell


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ('  "=1', "'  \"=1"),
        ("\ufeff\uff1d1", "'\ufeff\uff1d1"),
        ("Hill;=1", "Hill;'=1"),
        ("Hill\n=1", "Hill\n'=1"),
        ("-inf", "'-inf"),
        ("-5;+x", "-5;'+x"),
        ("'=1", "''=1"),
        ("\u202e\u00ad\x7f=1", "'\u202e\u00ad\x7f=1"),
    ],
)
def test_formulas_become_texts(cell: str, written: str) -> None:
    """Wherever a program could see a cell begin."""
    assert as_text(cell) == written


@given(cells)
@example("'=1")
@example("''\t")
def test_no_formula_is_left(cell: str) -> None:
    """Neither at the beginning, nor where a program splits a cell that it should not."""
    written = as_text(cell)
    assert not any(begins_formula(part) for part in re.split(r"[;\t\r\n]", written))
    assert not written.startswith(("\t", "\r", "\n"))


@given(cells, cells)
def test_no_two_cells_are_written_as_one(one: str, other: str) -> None:
    """What was changed can be told from what was not."""
    assert (as_text(one) == as_text(other)) == (one == other)


@given(cells)
@example("'=1")
def test_only_apostrophes_are_added(cell: str) -> None:
    """Taking them away gives the cell back."""
    assert as_text(cell).replace("'", "") == cell.replace("'", "")
    assert restored(as_text(cell)) == cell


def restored(written: str) -> str:
    """Take away what was put there: at each place, one apostrophe of those that matter."""
    parts = re.split(r"(?<=[;\t\r\n])", written)
    return "".join(
        part[1:] if part[:1] == "'" and as_text(f"{before}{part}")[len(before) :] != part else part
        for before, part in zip(["", *("x;" for _ in parts[1:])], parts, strict=True)
    )


def test_records_are_quoted_where_needed() -> None:
    """Also for a carriage return by itself; the lines end in line feeds."""
    target = io.StringIO()
    rows = [["a\rb", 'c"d', "e,f", "g\nh", "i"], ["", "x", "y", "z", "'"]]
    CsvWriter(target, exact=True).write(rows)
    assert target.getvalue() == '"a\rb","c""d","e,f","g\nh",i\n,x,y,z,\'\n'
    assert [*csv.reader(io.StringIO(target.getvalue(), newline=""))] == rows


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The lake that commands find."""
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(tmp_path / "lake"))
    made = Lake(tmp_path / "lake")
    made.prepare()
    publish(made, 1, 2, 3)
    return made


SQL = """
SELECT n, CASE n WHEN 1 THEN '=1+1' WHEN 2 THEN 'a, "b"' END AS "-text", -n / 2 AS half,
       n = 1 AS first, DATE '2026-01-31' AS "on", ['=x', 'ä'] AS list
FROM raw.numbers ORDER BY n
"""


def sql(*arguments: str | Path, query: str = SQL) -> Result:
    return CliRunner().invoke(app, ["lake", "sql", "dev", query, *map(str, arguments)])


def test_an_answer_is_written_for_spreadsheets(lake: Lake, tmp_path: Path) -> None:
    """With its header; NULL is nothing; it says how many cells were changed."""
    file = tmp_path / "answer.csv"
    result = sql("--csv", file)
    assert (result.exit_code, "3 rows" in result.stdout) == (0, True)
    assert "2 cells changed" in result.stdout
    assert file.read_text(encoding="utf-8") == (
        "n,'-text,half,first,on,list\n"
        '1,\'=1+1,-0.5,true,2026-01-31,"[""=x"", ""ä""]"\n'
        '2,"a, ""b""",-1.0,false,2026-01-31,"[""=x"", ""ä""]"\n'
        '3,,-1.5,false,2026-01-31,"[""=x"", ""ä""]"\n'
    )


def test_an_exact_answer_is_as_it_is(lake: Lake, tmp_path: Path) -> None:
    """For programs, which are told the same as people."""
    file = tmp_path / "answer.csv"
    told = json.loads(sql("--csv", file, "--exact", "--json").stdout)
    assert told == {"file": str(file), "rows": 3, "changed": 0}
    assert file.read_text(encoding="utf-8").startswith("n,-text,half")


def test_an_answer_may_go_to_stdout(lake: Lake) -> None:
    """And nothing else does."""
    result = sql("--csv", "-", query="SELECT n, '@x' AS t FROM raw.numbers WHERE n = 1")
    assert result.stdout == "n,t\n1,'@x\n"
    assert "1 cell changed" in result.stderr


@pytest.mark.parametrize(
    "query", ["SELECT nothing FROM raw.numbers", "SELECT error('n' || n) FROM raw.numbers"]
)
def test_a_wrong_query_leaves_the_file(lake: Lake, tmp_path: Path, query: str) -> None:
    """It is wrong from the beginning, or only when its rows are looked at."""
    file = tmp_path / "answer.csv"
    file.write_text("before")
    assert isinstance(sql("--csv", file, query=query).exception, ConfigurationError)
    assert file.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["answer.csv"]


def test_options_that_say_nothing_are_refused(lake: Lake) -> None:
    """Instead of being ignored."""
    assert isinstance(sql("--exact").exception, ConfigurationError)
    assert isinstance(sql("--csv", "-", "--json").exception, ConfigurationError)
