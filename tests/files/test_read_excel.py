"""Workbooks: cells become the texts that they show, and what cannot be trusted is no record."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import BatchRefused, ContractError
from sluicegate.sources import Excel, Records
from sluicegate.sources.workbook import ooxml, opened
from sluicegate.sources.workbook.sheets import _parsed, sheet_extent
from sluicegate.testing.workbooks import Fault, Styled, packed, parts, sheet_data, workbook
from tests.unit.kit import source, together

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEAD = ["id", "x"]
NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - cells know no zone


def read(content: bytes, folder: Path, columns: tuple[str, ...] = (), **options: Any) -> Records:
    """The records of a workbook."""
    (file := folder / "drop").write_bytes(content)
    return together(Excel(**options).read(file, name="drop.xlsx", columns=columns, most=3))


def refusal(content: bytes, folder: Path, **options: Any) -> str:
    """What is said of a workbook that cannot be read."""
    with pytest.raises(BatchRefused) as refused:
        read(content, folder, **options)
    return str(refused.value)


def data(xml: str) -> bytes:
    """A workbook with a sheet of which this is the XML."""
    return packed(parts({"Data": xml}))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("text", "text"),
        (" 007 ", " 007 "),
        ("", None),
        (None, None),
        (7, "7"),
        (-0.0, "0"),
        (12.5, "12.5"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (2**53 - 1, "9007199254740991"),
        (123456789012345, "123456789012345"),
        (True, "true"),
        (False, "false"),
        (date(2026, 1, 5), "2026-01-05"),
        (NOON, "2026-01-05T12:00:00"),
        (NOON.replace(hour=0), "2026-01-05"),
        (Styled(46027.0001, 2), "2026-01-05T00:00:08.640000"),
        (Styled(0.75, 2), "18:00:00"),
        (Styled(1.25, 3), "30:00:00"),
    ],
)
def test_cells_are_read_as_they_are_shown(tmp_path: Path, cell: Any, text: str | None) -> None:
    """Numbers with the 15 digits that a spreadsheet shows, days and moments by their style."""
    records = read(workbook({"Data": [HEAD, ["1", cell]]}), tmp_path)
    assert records.rows.rows() == [("1", text, 2)]
    assert records.rejects.is_empty()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (NOON, "2026-01-05T12:00:00+01:00"),
        (date(2026, 7, 5), "2026-07-05T00:00:00+02:00"),
        (NOON.replace(month=10, day=25, hour=2, minute=30), "2026-10-25T02:30:00"),
        (NOON.replace(month=3, day=29, hour=2, minute=30), "2026-03-29T02:30:00"),
        ("soon", "soon"),
    ],
)
def test_moments_are_of_the_zone_that_is_declared(tmp_path: Path, cell: Any, text: str) -> None:
    """Midnight is one, too; what the clock showed twice, or never, stays without an offset."""
    content = workbook({"Data": [HEAD, ["1", cell]]})
    records = read(content, tmp_path, moments={"x": "Europe/Berlin"})
    assert records.rows.rows() == [("1", text, 2)]


def test_zone_of_a_column_that_is_not_read_is_refused() -> None:
    """It would change nothing, and all its moments would be without one."""
    assert source(format=Excel(moments={"booked_at": "UTC"})).format
    with pytest.raises(ContractError, match="the column 'Booked at', which is not read") as refused:
        source(format=Excel(moments={"Booked at": "UTC"}))
    assert "booked_at" in str(refused.value.hint)


@pytest.mark.parametrize("code", ["#REF!", "#N/A", "#DIV/0!"])
def test_row_with_an_error_is_a_reject(tmp_path: Path, code: str) -> None:
    """It is neither empty nor a text; also where it is all that a row has, and beside the table."""
    rows = [HEAD, ["1", Fault(code)], ["2", code], [None, Fault(code)], ["3", "z", Fault(code)]]
    records = read(workbook({"Data": rows}), tmp_path)
    assert records.rows.rows() == [("2", code, 3)]
    assert records.rejects.rows() == [
        (2, f'["1", "{code}", null]', "record:cell"),
        (4, f'[null, "{code}", null]', "record:cell"),
        (5, f'["3", "z", "{code}"]', "record:cell"),
    ]


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_number_that_is_none_is_a_reject(tmp_path: Path, number: str) -> None:
    """No spreadsheet writes it; others do."""
    xml = sheet_data([HEAD]) + f'<row r="2"><c r="A2"><v>{number}</v></c></row>'
    assert read(data(xml), tmp_path).rejects.rows() == [(2, '["#NUM!", null]', "record:cell")]


@pytest.mark.parametrize("row", [["1", "x", "y"], ["1", None, 0], [None, None, "total"]])
def test_value_beside_the_table_is_a_reject(tmp_path: Path, row: list[Any]) -> None:
    """A column without a name would be lost."""
    records = read(workbook({"Data": [HEAD, row, ["2", "z"]]}), tmp_path)
    assert records.rows["_line"].to_list() == [3]
    assert records.rejects["rule"].to_list() == ["record:fields"]


def test_table_may_stand_anywhere(tmp_path: Path) -> None:
    """Positions are rows of the sheet; blank rows are none, and parts begin wherever they do."""
    rows = [[], ["", "Report of May"], [], ["", *HEAD], [None, 1, "a"], [], [None, 2, "b"]]
    records = read(workbook({"Data": [*rows, *([None, n] for n in range(3, 9))]}), tmp_path,
                   header_row=4)  # fmt: skip
    assert records.header == ("id", "x")
    assert records.rows.rows()[:3] == [("1", "a", 5), ("2", "b", 7), ("3", None, 8)]
    assert records.rows["_line"].to_list() == [5, *range(7, 14)]
    assert records.rejects.is_empty()


def test_sheet_without_a_header_has_the_columns_of_the_contract(tmp_path: Path) -> None:
    """In its order, from the first column on, though that may be empty."""
    content = workbook({"Data": [[], [None, "a"], [None, "b", "c"]]})
    records = read(content, tmp_path, ("id", "x", "_line"), header_row=None)
    assert records.rows.rows() == [(None, "a", 2)]
    assert records.rejects.rows() == [(3, '["b", "c"]', "record:fields")]


def test_only_the_first_of_merged_cells_has_the_value(tmp_path: Path) -> None:
    """As it is saved; a formula has the value that it had then."""
    xml = sheet_data([HEAD]) + '<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str">'
    xml += '<f>A2&amp;"!"</f><v>2!</v></c></row><row r="3"><c r="A3"><v>3</v></c></row>'
    content = data(f'{xml}</sheetData><mergeCells><mergeCell ref="B2:B3"/></mergeCells><sheetData>')
    assert read(content, tmp_path).rows.rows() == [("2", "2!", 2), ("3", None, 3)]


TWO = {"Data": [HEAD, ["1", "a"]], "Old": [HEAD, ["2", "b"]]}


@pytest.mark.parametrize(
    ("sheet", "hidden", "row"),
    [(None, ["Old"], ("1", "a", 2)), (None, ["Data"], ("2", "b", 2)), ("Old", [], ("2", "b", 2)),
     ("Old", ["Old"], ("2", "b", 2))],
)  # fmt: skip
def test_sheet_is_the_one_that_is_named_or_the_only_one(
    tmp_path: Path, sheet: str | None, hidden: list[str], row: tuple[Any, ...]
) -> None:
    """What is hidden counts only if it is named."""
    assert read(workbook(TWO, hidden), tmp_path, sheet=sheet).rows.rows() == [row]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (workbook(TWO), {}, "has 2 sheets, and it is not declared which one is meant: 'Data', 'Ol"),
        (workbook(TWO, TWO), {}, "hides all its sheets"),
        (workbook(TWO), {"sheet": "data"}, "did you mean 'Data'"),
        (workbook({"Data": []}), {}, "The sheet is empty: it has not even a header"),
        (workbook({"Data": [[], ["a"]]}), {}, "sheet 'Data', row 1\n  next:  say which row is"),
        (workbook({"Data": [["a"]]}), {"header_row": 9}, "that should name the columns is blank"),
        (workbook({"Data": [["a", "a"]]}), {}, "names a column twice or not at all: its columns 1"),
        (workbook({"Data": [["a", "", "b"]]}), {}, "twice or not at all: its columns 2"),
        (workbook({"Data": [["a", Fault("#REF!")]]}), {}, "header holds an error"),
        (workbook({"Data": [["_line"]]}), {}, "column of its own called '_line'"),
        (b"", {}, "no workbook"),
        (b"id,x\n1,2\n", {}, "no workbook"),
        (packed({"a.csv": "id,x"}), {}, "no workbook"),
        (packed({"mimetype": "application/epub+zip"}), {}, "no workbook"),
        (packed({"xl/workbook.bin": ""}), {}, "a binary workbook (xlsb).\n"),
        (gzip.compress(workbook(TWO)), {}, "packed with gzip; a workbook is packed by itself"),
        (workbook(TWO)[:-30], {}, "or a damaged one"),
        (data("<row><c t='x'"), {}, "or a damaged one"),
        (data('<row r="1"><c r="A99999999"><v>1</v></c></row>'), {}, "or a damaged one"),
        (data('<row r="1"><c r="aa1"><v>1</v></c></row>'), {}, "or a damaged one"),
    ],
)  # fmt: skip
def test_workbook_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, options: dict[str, Any], message: str
) -> None:
    """With what it is, where, and what to do."""
    assert message in refusal(content, tmp_path, **options)


@pytest.mark.parametrize("place", ["AAA1048000", "XFD20000"])
def test_sheet_that_reaches_too_far_is_refused(tmp_path: Path, place: str) -> None:
    """One cell far away would take more memory than there is; a colour there takes none."""
    row = "".join(filter(str.isdigit, place))
    xml = sheet_data([HEAD, ["1", "a"]])
    near = f'{xml}<row r="{row}"><c r="{place}" s="1"/></row>'
    assert read(data(near), tmp_path).rows.height == 1
    far = f'{xml}<row r="{row}"><c r="{place}"><v>1</v></c></row>'
    assert "and may have 32,000,000 cells" in refusal(data(far), tmp_path)


def test_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not it says how large it is."""
    monkeypatch.setattr(ooxml, "MOST_BYTES", 50_000)
    content = packed({**parts({"Data": sheet_data([HEAD])}), "xl/media.xml": "x" * 60_000})
    assert "unpacks to more than" in refusal(content, tmp_path)
    at = content.rfind(struct.pack("<I", 60_000))
    lying = content[:at] + struct.pack("<I", 7) + content[at + 4 :]
    assert "unpacks to more than" in refusal(lying, tmp_path)
    monkeypatch.setattr(ooxml, "MOST_BYTES", 70_000)
    assert "or a damaged one" in refusal(lying, tmp_path)


def sharing(texts: list[str], *cells: int, cell: str = '<c r="A{}" t="s">') -> bytes:
    """A workbook whose cells below the header share texts, by their numbers."""
    rows = "".join(
        f'<row r="{n}">{cell.format(n)}<v>{text}</v></c></row>'
        for n, text in enumerate([0, *cells], 1)
    )
    members = parts({"Data": rows})
    listed = "".join(f"<si><t>{text}</t></si>" for text in texts)
    related = "xl/_rels/workbook.xml.rels"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    return packed(
        members
        | {
            "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{listed}</sst>',
            related: members[related].replace(
                "</R", f'<Relationship Id="t" Type="{kind}" Target="sharedStrings.xml"/></R'
            ),
        }
    )


def test_texts_that_cells_share_are_read(tmp_path: Path) -> None:
    """As a spreadsheet keeps them."""
    assert read(sharing(["id", "a", "b"], 2, 1, 2), tmp_path).rows["id"].to_list() == list("bab")


@pytest.mark.parametrize("size", [3, 50, 1 << 20])
def test_long_text_that_many_cells_share_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A small file would fill memory; that some text is long, and others are many, does not."""
    monkeypatch.setattr("sluicegate.sources.workbook.sheets._PIECE", size)
    monkeypatch.setattr("sluicegate.sources.workbook.shared.MOST_TEXT", 2_000)
    texts = ["id", "x" * 600, "a"]
    assert read(sharing(texts, 1, *[2] * 20), tmp_path).rows.height == 21
    assert "The texts of the sheet are more" in refusal(sharing(texts, *[1] * 20), tmp_path)
    for cell in ("<c r='A{}' t='s'>", '<c s="0" r="A{}" t="s">', "<c r=\"A{}\" t='s'>"):
        content = sharing(texts, *[1] * 20, cell=cell)
        assert "The texts of the sheet are more" in refusal(content, tmp_path)


def test_entities_are_refused(tmp_path: Path) -> None:
    """They are how a small XML becomes a large one."""
    members = parts({"Data": sheet_data([HEAD])})
    for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        bad = {**members, name: '<!DOCTYPE x [<!ENTITY a "b">]>' + members[name]}
        assert "or a damaged one" in refusal(packed(bad), tmp_path)


def prefixed(members: Mapping[str, str]) -> dict[str, str]:
    """The same sheets in XML that is written in another way."""
    return {
        name: text.replace("<c r=", "<c s='0' r=").replace('t="e"', "t='e'")
        if "sheet1" in name
        else text
        for name, text in members.items()
    }


def test_sheets_are_looked_through_however_they_are_written(tmp_path: Path) -> None:
    """With a prefix, without places, or with other quotes; only the code of an error is lost."""
    rows = [HEAD, ["1", Fault("#REF!")], ["2", 3]]
    members = parts({"Data": sheet_data(rows)})
    for content in (packed(prefixed(members)), data(_placeless(sheet_data(rows)))):
        records = read(content, tmp_path)
        assert records.rows.rows() == [("2", "3", 3)]
        assert records.rejects.rows() == [(2, '["1", "#ERROR!"]', "record:cell")]


def _placeless(xml: str) -> str:
    for place in ("A1", "B1", "A2", "B2", "A3", "B3"):
        xml = xml.replace(f' r="{place}"', "")
    return xml


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"header_row": 0}, "no row 0"),
        ({"moments": {"x": "Europe/Berln"}}, "did you mean 'Europe/Berlin'"),
        ({"moments": {"x": "../etc"}}, "no time zone"),
    ],
)
def test_what_cannot_be_is_refused_when_declared(options: dict[str, Any], message: str) -> None:
    """Not when the first batch arrives."""
    with pytest.raises(ContractError, match=message):
        Excel(**options)


@pytest.mark.parametrize(
    ("content", "count"), [(workbook({"Data": [HEAD, ["1"], [], ["2"]]}), 2), (b"x", 0),
                           (workbook({"Data": []}), 0)],
)  # fmt: skip
def test_records_are_counted(tmp_path: Path, content: bytes, count: int) -> None:
    """Of a workbook that cannot be opened, none."""
    (file := tmp_path / "drop").write_bytes(content)
    assert Excel().count(file) == count


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.decimals(-(10**9), 10**9, allow_nan=False, places=3)
    | st.dates(date(1900, 3, 1), date(9999, 12, 31))
    | st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=9).filter(
        lambda text: "_x" not in text
    )
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=9),
    most=st.integers(1, 4),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]], most: int
) -> None:
    """Whatever stands in the cells, row by row."""
    (file := tmp_path_factory.getbasetemp() / "drop").write_bytes(
        workbook({"Data": [["a", "b", "c"], *rows]})
    )
    records = together(Excel().read(file, name="drop", columns=(), most=most))
    meant = [
        (*(_shown(cell) for cell in row), n)
        for n, row in enumerate(rows, 2)
        if any(cell is not None for cell in row)
    ]
    assert records.rows.rows() == meant
    assert records.rejects.is_empty()


def _shown(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool | date):
        return str(cell).lower()
    text = f"{cell:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.sampled_from([None, 1, Fault("#N/A")]), max_size=4), max_size=6),
    size=st.integers(1, 60),
)
def test_quick_look_sees_what_a_parser_sees(rows: list[list[Any]], size: int) -> None:
    """Wherever its pieces are cut."""
    xml = parts({"Data": sheet_data(rows)})["xl/worksheets/sheet1.xml"].encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sluicegate.sources.workbook.sheets._PIECE", size)
        quick = sheet_extent(lambda: io.BytesIO(xml))
    slow = _parsed(io.BytesIO(xml))
    assert (quick.rows, quick.columns) == (slow.rows, slow.columns)
    assert quick.errors.keys() == slow.errors.keys()


@settings(max_examples=80, deadline=None)
@given(at=st.floats(0, 1), value=st.integers(0, 255), of=st.sampled_from(["zip", "sheet"]))
def test_damage_is_told_in_words(
    tmp_path_factory: pytest.TempPathFactory, at: float, value: int, of: str
) -> None:
    """A byte that is another one: the workbook is read, or refused; nothing else happens."""
    members = parts({"Data": sheet_data([HEAD, [1, "a"], [2, Fault("#REF!")]])})
    name = "xl/worksheets/sheet1.xml"
    content = packed(members) if of == "zip" else members[name].encode()
    place = min(int(at * len(content)), len(content) - 1)
    content = content[:place] + bytes([value]) + content[place + 1 :]
    if of == "sheet":
        content = _with(members, name, content)
    (file := tmp_path_factory.getbasetemp() / "drop").write_bytes(content)
    with suppress(BatchRefused):
        list(Excel().read(file, name="drop", columns=(), most=10))


def _with(members: Mapping[str, str], name: str, raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, raw if member == name else text)
    return file.getvalue()


def test_panic_of_the_reader_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives as something that is no Exception; what else arrives so is left alone."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    with pytest.raises(BatchRefused, match="damaged"), opened._told("drop"):
        raise panic
    with pytest.raises(KeyboardInterrupt), opened._told("drop"):
        raise KeyboardInterrupt
