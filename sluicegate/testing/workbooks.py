"""The smallest workbooks that spreadsheets open: cells of every kind, and nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="22"/><xf numFmtId="46"/></cellXfs></styleSheet>'
)
_DATE, _MOMENT = 1, 2
_ORIGIN = datetime(1899, 12, 30)  # noqa: DTZ001 - the clock of a spreadsheet has no zone


@dataclass(frozen=True, slots=True)
class Fault:
    """What a cell says whose formula has no value, such as ``#REF!``."""

    code: str


@dataclass(frozen=True, slots=True)
class Styled:
    """A number that is shown in a style: 1 as a date, 2 as a date and time, 3 as a duration."""

    number: float
    style: int


Cell = str | bool | int | float | Decimal | date | Fault | Styled | None
"""What may stand in a cell; a moment is a ``datetime`` without a zone."""


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]], hidden: Collection[str] = ()) -> bytes:
    """An xlsx file with these sheets, whose rows and columns count from the first one."""
    return packed(parts({name: sheet_data(rows) for name, rows in sheets.items()}, hidden))


def packed(members: Mapping[str, str]) -> bytes:
    """Files, by their names, in a zip."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def parts(sheets: Mapping[str, str], hidden: Collection[str] = ()) -> dict[str, str]:
    """The files of a workbook, whose sheets have this XML for data."""
    numbered = list(enumerate(sheets, 1))
    named = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}" state="{state}"/>'
        for n, name in numbered
        for state in ["hidden" if name in hidden else "visible"]
    )
    related = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in numbered]
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}content-types"><Default Extension="xml"'
        ' ContentType="application/xml"/></Types>',
        "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{named}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": _relations([*related, ("rId0", "styles", "styles.xml")]),
        "xl/styles.xml": _STYLES,
        **{
            f"xl/worksheets/sheet{n}.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{sheets[name]}'
            "</sheetData></worksheet>"
            for n, name in numbered
        },
    }


def sheet_data(rows: Iterable[Sequence[Cell]]) -> str:
    """The XML of rows."""
    return "".join(
        f'<row r="{n}">{"".join(_cell(f"{letters(at)}{n}", c) for at, c in enumerate(row))}</row>'
        for n, row in enumerate(rows, 1)
    )


def letters(column: int) -> str:
    """What a column is called; ``A`` is 0."""
    name = ""
    while column >= 0:
        column, last = divmod(column, 26)
        name, column = chr(ord("A") + last) + name, column - 1
    return name


def _relations(related: Sequence[tuple[str, str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for name, kind, target in related
    )
    return f'<Relationships xmlns="{_PACKAGE}relationships">{listed}</Relationships>'


def _cell(place: str, cell: Cell) -> str:
    """A cell; what it says and how it is shown are told apart by its attributes."""
    if cell is None:
        return ""
    told, said = "", f"<v>{cell}</v>"
    match cell:
        case str():
            told, said = ' t="inlineStr"', f'<is><t xml:space="preserve">{escape(cell)}</t></is>'
        case bool():
            told, said = ' t="b"', f"<v>{int(cell)}</v>"
        case Fault(code=code):
            told, said = ' t="e"', f"<v>{code}</v>"
        case Styled(number=number, style=style):
            told, said = f' s="{style}"', f"<v>{number!r}</v>"
        case datetime():
            told, said = f' s="{_MOMENT}"', f"<v>{(cell - _ORIGIN).total_seconds() / 86_400!r}</v>"
        case date():
            told, said = f' s="{_DATE}"', f"<v>{(cell - _ORIGIN.date()).days}</v>"
    return f'<c r="{place}"{told}>{said}</c>'
