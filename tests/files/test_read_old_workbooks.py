"""Workbooks of other spreadsheets and older ones: ods, and the xls of Excel 97 to 2003."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import BatchRefused
from sluicegate.sources import Excel, Records
from sluicegate.testing.workbooks import packed
from tests.unit.kit import together

_NAMES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
}
_TEXT = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
_NUMBER = '<table:table-cell office:value-type="float" office:value="{}"/>'
_ERROR = (
    '<table:table-cell office:value-type="string" office:string-value="" '
    'calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>'
)
_FREE = 0xFFFFFFFF
_CHAIN_END, _TABLE = 0xFFFFFFFE, 0xFFFFFFFD


def ods(*rows: str, manifest: str = "") -> bytes:
    """A workbook of LibreOffice with these rows, each the XML of its cells."""
    names = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _NAMES.items())
    table = "".join(
        row if row.startswith("<table:table-row") else f"<table:table-row>{row}</table:table-row>"
        for row in rows
    )
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f"<manifest:manifest>{manifest}</manifest:manifest>",
            "content.xml": f"<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="Data">{table}</table:table></office:spreadsheet>'
            "</office:body></office:document-content>",
        }
    )


def compound(name: str, stream: bytes, *, small: bool = False) -> bytes:
    """An OLE file with one stream; a small one lies in the stream of small ones."""
    stream += b"" if small else bytes(max(0, 4096 - len(stream)))
    body = stream + bytes(-len(stream) % 512)
    sectors = len(body) // 512
    # Sectors: the table, the directory, the table of small sectors, and what the stream lies in.
    table = [_TABLE, _CHAIN_END, _CHAIN_END, *range(4, 3 + sectors), _CHAIN_END]
    mini = [*range(1, len(body) // 64), _CHAIN_END] if small else []
    root = _entry("Root Entry", 5, 3 if small else _CHAIN_END, len(body) if small else 0)
    directory = root + _entry(name, 2, 0 if small else 3, len(stream)) + bytes(256)
    header = struct.pack("<8s16x5H6x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 2, 1, _CHAIN_END, 0)
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    assert len(table) <= 128
    return header + _numbers(table) + directory + _numbers(mini) + body


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack(
        "<64sHBB3I36xIQ", text, len(text) + 2, kind, 1, _FREE, _FREE, _FREE, start, size
    )


def _numbers(numbers: list[int]) -> bytes:
    return struct.pack("<128I", *numbers, *[_FREE] * (128 - len(numbers)))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def biff(*cells: bytes, version: int = 0x0600, beside: bytes = b"") -> bytes:
    """The stream of a workbook with one sheet of these cells."""
    begin = _record(0x0809, struct.pack("<HH12x", version, 0x0005)) + beside
    named = struct.pack("<BB", 4, 0) + b"Data"
    end = _record(0x000A, b"")
    at = len(begin) + len(_record(0x0085, bytes(6) + named)) + len(end)
    sheet = _record(0x0809, struct.pack("<HH12x", version, 0x0010)) + b"".join(cells) + end
    return begin + _record(0x0085, struct.pack("<IH", at, 0) + named) + end + sheet


def text(row: int, column: int, said: str) -> bytes:
    """A cell with a text."""
    raw = said.encode("latin-1")
    return _record(0x0204, struct.pack("<HHHHB", row, column, 0, len(raw), 0) + raw)


def number(row: int, column: int, said: float) -> bytes:
    """A cell with a number."""
    return _record(0x0203, struct.pack("<HHHd", row, column, 0, said))


def error(row: int, column: int, code: int) -> bytes:
    """A cell with an error."""
    return _record(0x0205, struct.pack("<HHHBB", row, column, 0, code, 1))


def formula(row: int, column: int, code: int) -> bytes:
    """A cell with a formula whose value is an error."""
    value = struct.pack("<BBBBBBH", 2, 0, code, 0, 0, 0, 0xFFFF)
    return _record(0x0006, struct.pack("<HHH", row, column, 0) + value + bytes(6) + b"\0\0")


XLS = biff(
    *(text(0, 0, "id"), text(0, 1, "x"), number(1, 0, 1), text(1, 1, "a")),
    *(number(2, 0, 2), error(2, 1, 0x17), number(3, 0, 3), formula(3, 1, 0x07)),
)


def read(content: bytes, folder: Path) -> Records:
    """The records of a workbook."""
    (file := folder / "drop").write_bytes(content)
    return together(Excel().read(file, name="drop", columns=(), most=100))


def refusal(content: bytes, folder: Path) -> str:
    """What is said of a workbook that cannot be read."""
    with pytest.raises(BatchRefused) as refused:
        read(content, folder)
    return str(refused.value)


def test_ods_is_read_by_row(tmp_path: Path) -> None:
    """Rows and cells may be repeated, and an error is a reject wherever it is repeated."""
    records = read(
        ods(
            _TEXT.format("id") + _TEXT.format("x"),
            '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>',
            _NUMBER.format("1.50") + _TEXT.format("a"),
            f'<table:table-row table:number-rows-repeated="2">{_NUMBER.format(2)}{_ERROR}'
            "</table:table-row>",
            '<table:table-cell table:number-columns-repeated="2" office:value-type="date" '
            'office:date-value="2026-01-05"/><table:table-cell '
            'table:number-columns-repeated="16000"/>',
        ),
        tmp_path,
    )
    assert records.rows.rows() == [("1.5", "a", 5), ("2026-01-05", "2026-01-05", 8)]
    assert records.rejects.rows() == [
        (6, '["2", "#ERROR!"]', "record:cell"),
        (7, '["2", "#ERROR!"]', "record:cell"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ods(manifest="<manifest:encryption-data/>"), "protected by a password"),
        (ods("<table:table-cell"), "or a damaged one"),
        (
            ods(
                f'<table:table-row table:number-rows-repeated="1000000">{_NUMBER.format(1)}'
                f'<table:table-cell table:number-columns-repeated="99"/>{_NUMBER.format(1)}'
                "</table:table-row>"
            ),
            "1,000,000 rows and 101 columns",
        ),
    ],
    ids=["protected", "damaged", "far"],
)
def test_ods_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """Before anybody makes room for it."""
    assert message in refusal(content, tmp_path)


@pytest.mark.parametrize("small", [False, True])
def test_xls_is_read_by_row(tmp_path: Path, small: bool) -> None:
    """Errors are rejects, whether somebody typed them or a formula has them."""
    records = read(compound("Workbook", XLS, small=small), tmp_path)
    assert records.rows.rows() == [("1", "a", 2)]
    assert records.rejects.rows() == [
        (3, '["2", "#REF!"]', "record:cell"),
        (4, '["3", "#DIV/0!"]', "record:cell"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (compound("EncryptedPackage", b"x" * 99), "protected by a password"),
        (compound("Workbook", biff(beside=_record(0x002F, bytes(54)))), "protected by a password"),
        (compound("Book", XLS), "Excel 95 or older"),
        (compound("Workbook", biff(version=0x0500)), "Excel 95 or older"),
        (compound("WordDocument", b"x" * 99), "no workbook"),
        (compound("Workbook", XLS[:-20]), "or a damaged one"),
        (compound("Workbook", biff(text(0, 60_000, "far"))), "or a damaged one"),
        (compound("Workbook", XLS)[:600], "or a damaged one"),
        (compound("Workbook", XLS)[:40], "or a damaged one"),
    ],
)
def test_xls_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """With what it is; Excel keeps encrypted xlsx files in the same kind of file."""
    assert message in refusal(content, tmp_path)


@settings(max_examples=150, deadline=None)
@given(at=st.floats(0, 1), value=st.integers(0, 255), small=st.booleans(), data=st.data())
def test_damage_is_told_in_words(
    tmp_path_factory: pytest.TempPathFactory, at: float, value: int, small: bool, data: Any
) -> None:
    """A byte that is another one: the workbook is read, or refused; nothing else happens."""
    content = compound("Workbook", XLS, small=small)
    place = min(int(at * len(content)), len(content) - 1)
    content = content[:place] + bytes([value]) + content[place + 1 :]
    if data.draw(st.booleans()):
        content = content[:place]
    (file := tmp_path_factory.getbasetemp() / "drop").write_bytes(content)
    with suppress(BatchRefused):
        list(Excel().read(file, name="drop", columns=(), most=10))
