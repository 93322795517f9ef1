"""Lines that are no records: left out of the balance, and counted by what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluicegate.cli.render import accounts
from sluicegate.contracts import Contract, field, key
from sluicegate.ingestion import ingest
from sluicegate.ingestion.accounts import LEFT_OUT, last_runs
from sluicegate.lake import Session
from sluicegate.sources import Delimited, Detected, Excel, FixedWidth, Format, Ndjson
from sluicegate.sources.delimited import read_delimited
from sluicegate.sources.ndjson import read_ndjson
from sluicegate.testing.workbooks import workbook
from tests.files.test_opening import zipped
from tests.unit.kit import batch, orders, source


class Codes(Contract):
    """One row a code."""

    code: str = key()
    name: str = field()


REPORT = """Orders of the week

order_id;booked_at;amount;paid
a;;1.00;
b;;2.00;

Orders, page 2
order_id;booked_at;amount;paid
c;;3.00;
d;;4.00;

Totals are on the next page of this report.
"""
LEFT = {"blank": 3, "footer": 1, "preamble": 2, "repeated header": 1}


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_a_report_is_taken_in_without_its_frame(
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_once: int,
) -> None:
    """Preamble, blank lines, headers that come again and the footer: by batch, in the lake too."""
    monkeypatch.setattr("sluicegate.ingestion.sift.ROWS_AT_ONCE", at_once)
    declared = source(format=Detected())
    (receipt,) = ingest(declared, [batch(tmp_path, REPORT)], session, "run").receipts
    assert (receipt.rows_in, receipt.published, receipt.to_dict()["left_out"]) == (4, 4, LEFT)
    # Every line of the file is a row, the header, or left out.
    assert len(REPORT.splitlines()) == receipt.rows_in + 1 + sum(receipt.left_out.values())
    sql = f"SELECT batch, what, line_count FROM {LEFT_OUT.sql} WHERE source = ? ORDER BY what"
    assert session.rows(sql, [declared.name]) == [
        (receipt.batch, what, lines) for what, lines in LEFT.items()
    ]
    assert last_runs(session)[declared.name]["left_out"] == LEFT
    accounts({"orders": receipt.to_dict()})
    told = "lines that are no records: 3 blank, 1 footer, 2 preamble, 1 repeated header"
    assert told in capsys.readouterr().out


def test_a_file_without_such_lines_says_nothing(session: Session, tmp_path: Path) -> None:
    """No account of nothing."""
    (receipt,) = ingest(source(), [orders(tmp_path, "a,,1.00,")], session, "run").receipts
    assert receipt.left_out == {}


@pytest.mark.parametrize(
    ("form", "content", "left"),
    [
        (Delimited(), "\n\ncode,name\n1,a\n\n2,b\n\r\n", {"blank": 4}),
        (Delimited(), 'code,name\n1,"a\n\nb"\n\n2,b\n', {"blank": 1}),
        (Detected(comment="#"), "code,name\n# x\n1,a\n2,b\n", {"comment": 1}),
        (Ndjson(), '\n{"code": "1", "name": "a"}\n\n{"code": "2", "name": "b"}\n', {"blank": 2}),
        (FixedWidth({"code": 1, "name": 2}), "1 a\n   \n2 b\n\n", {"blank": 2}),
        (
            Excel(header_row=3),
            [["Codes"], [], ["code", "name"], ["1", "a"], [None, None], ["2", "b"]],
            {"preamble": 1, "blank": 2},
        ),
    ],
    ids=["delimited", "within quotes", "comments", "ndjson", "fixed width", "excel"],
)
def test_every_format_counts_what_it_leaves_out(
    session: Session, tmp_path: Path, form: Format, content: Any, left: dict[str, int]
) -> None:
    """A blank line within a record is part of it."""
    raw = content if isinstance(content, str) else workbook({"Data": content})
    declared = source(contract=Codes, format=form)
    (receipt,) = ingest(declared, [batch(tmp_path, raw)], session, "run").receipts
    assert (receipt.published, receipt.left_out) == (2, left)


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
def test_blocks_count_each_blank_line_once(size: int) -> None:
    """Also where a record goes on in the next block, whose lines are looked at twice."""
    text = '\n\na,b\n\n1,"x\n\ny"\n\n\n2,"z"\n\n3,w\n\n\n'
    parts = [*read_delimited(text.encode(), size=size)]
    assert sum(part.count for part in parts) == 3
    assert sum(part.left_out.get("blank", 0) for part in parts) == 8


def test_blank_lines_at_the_end_and_in_empty_files_of_a_zip(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a batch may have no record; its lines count all the same."""
    header = "code,name\n"
    archive = zipped(
        {
            "a.csv": f"{header}\n\n".encode(),
            "b.csv": f"{header}1,a\n".encode(),
            "c.csv": f"{header}\n\n\n".encode(),
        }
    )
    made = batch(tmp_path, archive, "drop.zip")
    (receipt,) = ingest(source(contract=Codes, format=Delimited()), [made], session, "run").receipts
    assert (receipt.published, receipt.left_out) == (1, {"blank": 5})
    monkeypatch.setattr("sluicegate.sources.delimited.BLOCK", 4)
    made = batch(tmp_path, f"{header}1,a\n2,b" + 9 * "\n")
    (receipt,) = ingest(source(contract=Codes, format=Delimited()), [made], session, "run").receipts
    assert (receipt.published, receipt.left_out) == (2, {"blank": 8})


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
@pytest.mark.parametrize("end", ["", "\n\n\n", "\n\r\n\n\n\n"])
def test_blank_lines_behind_the_last_object_are_counted(
    tmp_path: Path, size: int, end: str
) -> None:
    """The last block may hold nothing else: it is a part without records, with its share."""
    file = tmp_path / "drop"
    file.write_text(f'\n\n{{"a": 1}}\n\n\n\n{{"a": 2, "b": 3}}\n{end}', newline="")
    parts = [*read_ndjson(file, size=size)]
    assert sum(part.count for part in parts) == 2
    assert sum(part.left_out.get("blank", 0) for part in parts) == 5 + end.count("\n")
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    assert parts[-1].header == ("a", "b")
