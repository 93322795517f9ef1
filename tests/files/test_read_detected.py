"""Text whose dialect is told from the file: what is no record is left out, all else told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sluicegate.errors import BatchRefused, ContractError
from sluicegate.sources import LINE, Detected, Records
from tests.unit.kit import together

NAMES = ("terminal_id", "city", "opened_on", "fee")
TABLE = """Terminals, as of 31.10.2026
Ours; yours; everybody's

terminal_id;city;opened_on;fee
T000001;Tromsø;2024-01-31;1,25
T000002;"Bad Homburg; v. d. Höhe";2024-02-29;0,50
T000003;Łódź;2024-03-31
T000004;Oslo;2024-04-30;2,75

terminal_id;city;opened_on;fee
T000005;Malmö;2024-05-31;3,10
Totals are on the next page of this report.
"""


def read(
    tmp_path: Path, content: bytes, detected: Detected | None = None, most: int = 100
) -> Records:
    """Records of a file, whose columns the contract names."""
    file = tmp_path / "drop"
    file.write_bytes(content)
    columns = (*NAMES, LINE)
    return together(
        (detected or Detected()).read(file, name="drop.csv", columns=columns, most=most)
    )


@pytest.mark.parametrize("most", [1, 2, 100])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_table_is_found_in_what_surrounds_it(
    tmp_path: Path, encoding: str, packed: bool, most: int
) -> None:
    """Rows stand at the lines where they stand, and a broken one is a reject with its text."""
    content = TABLE.encode(encoding)
    records = read(tmp_path, gzip.compress(content) if packed else content, most=most)
    assert records.header == NAMES
    assert records.rows.select("terminal_id", LINE).rows() == [
        ("T000001", 5),
        ("T000002", 6),
        ("T000004", 8),
        ("T000005", 11),
    ]
    assert records.rows["city"].to_list() == ["Tromsø", "Bad Homburg; v. d. Höhe", "Oslo", "Malmö"]
    assert records.rejects.rows() == [(7, "T000003;Łódź;2024-03-31", "record:fields")]


def test_columns_without_a_name_are_in_nobodys_way(tmp_path: Path) -> None:
    """One that the contract does not read may have no name, or that of another."""
    text = "x,terminal_id,city,opened_on,fee,x,\n" + "1,T1,Oslo,2024-01-01,2,9,z\n" * 9
    records = read(tmp_path, text.encode())
    assert records.header == NAMES
    assert records.rows.row(0) == ("T1", "Oslo", "2024-01-01", "2", 2)


def test_column_that_is_wanted_and_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of them is meant is not for us to say."""
    text = "terminal_id,city,opened_on,fee,fee\n" + "T1,Oslo,2024-01-01,2,3\n" * 9
    with pytest.raises(BatchRefused, match="a column of the contract twice: fee"):
        read(tmp_path, text.encode())


def test_what_is_declared_is_not_told_from_the_file(tmp_path: Path) -> None:
    """A file that looks like commas and is meant otherwise."""
    text = "terminal_id|city|opened_on|fee\n" + "T1|a,b,c,d|2024-01-01|2\n" * 9
    assert read(tmp_path, text.encode(), Detected(delimiter="|")).rows.height == 9


@pytest.mark.parametrize(
    "options", [{"encoding": "utf-88"}, {"delimiter": "\n"}, {"quote": "''"}, {"preamble": -1}]
)
def test_what_cannot_be_declared(options: dict[str, str | int]) -> None:
    """It is refused where it is written."""
    with pytest.raises(ContractError):
        Detected(**options)


def test_records_of_a_refused_batch_are_counted(tmp_path: Path) -> None:
    """All that look like one: what surrounds the table is none of them."""
    file = tmp_path / "drop"
    file.write_text(TABLE)
    assert Detected().count(file) == 5
    file.write_bytes(b"\0\1\2\3" * 99)
    assert Detected().count(file) == 0


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0\1\2\3" * 99, b'{"a": 1}\n{"a": 2}\n'])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, a binary one, and JSON under the name of a table."""
    with pytest.raises(BatchRefused) as caught:
        read(tmp_path, content)
    assert caught.value.where == "drop.csv"
