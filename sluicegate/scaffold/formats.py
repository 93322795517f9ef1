"""Which format of :mod:`sluicegate.sources` reads a file, and how a source declares it."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from sluicegate.dialect import Dialect, Reading, detect_file, encoding_of, lines_of_file
from sluicegate.dialect import sample_of as head_of
from sluicegate.errors import BatchRefused
from sluicegate.opening import MOST_LINE, opened
from sluicegate.scaffold.text import literal
from sluicegate.sources import Delimited, Detected, Excel, Format, Json, Ndjson, Parquet

_PARQUET = b"PAR1"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_DOCUMENT = 64 << 20
"""Bytes of a JSON document that is looked through for its list of records."""

_JSON = re.compile(rb'\{\s*(?:\}|"(?:[^"\\]|\\.)*"\s*:)|\[\s*[\[{\]]')
"""How JSON begins that may hold records: an object, or a list of them."""

_DEEPEST = 3
_ROWS_LOOKED_AT = 30


@dataclass(frozen=True, slots=True)
class Told:
    """How a file is read.

    Attributes:
        format: what reads it.
        columns: names of its columns, as it sends them, in its order.
        remarks: what one should know of that.
    """

    format: Format
    columns: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def declared(self) -> str:
        """The format, as a module declares it: what differs from its defaults."""
        return declaration(self.format)


def declaration(format_: Format) -> str:
    """A format as Python, with what differs from its defaults."""
    given = []
    for each in fields(format_):  # type: ignore[arg-type]  # all of them are dataclasses
        value = getattr(format_, each.name)
        default = each.default if each.default is not MISSING else {}
        if value != default:
            given.append(f"{each.name}={literal(value)}")
    return f"{type(format_).__name__}({', '.join(given)})"


def formats_of(file: Path, name: str) -> list[Told]:
    """How a file may be read, the likeliest first; the others are for when that fails.

    Args:
        name: of the file, for messages.

    Raises:
        BatchRefused: it is nothing that could be read.
    """
    form = form_of(file, name)
    return [form] if form else _delimited(file, name)


def form_of(file: Path, name: str) -> Told | None:
    """How a file is read that is no delimited text; None if it may be some.

    Args:
        name: of the file, for messages.

    Raises:
        BatchRefused: it is of a format that is read, and cannot be.
    """
    with file.open("rb") as raw:
        begin = raw.read(8)
    if begin.startswith(_PARQUET):
        return _by_header(Parquet(), file, name)
    if begin.startswith(_OLE) or is_workbook(file):
        return _workbook(file, name)
    return _json(file, name)


def _by_header(format_: Format, file: Path, name: str, *remarks: str) -> Told:
    first = next(iter(format_.read(file, name=name, columns=(), most=1_000)))
    return Told(format_, first.header, remarks)


def is_workbook(file: Path) -> bool:
    """Whether a file is a zip whose files are the parts of a workbook."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False
    return "[Content_Types].xml" in names or {"mimetype", "content.xml"} <= {*names}


def _workbook(file: Path, name: str) -> Told:
    sheets = _sheets(file, name)
    sheet = sheets[0] if len(sheets) > 1 else None
    remarks = [f"the workbook has {len(sheets)} sheets; {sheet!r} is read"] if sheet else []
    told = next(iter(Excel(sheet, None).read(file, name=name, columns=_LETTERS, most=30)))
    rows = told.rows.drop("_line").rows()
    filled = [sum(bool(cell and cell.strip()) for cell in row) for row in rows]
    most = max(filled, default=0)
    at = next((at for at, count in enumerate(filled) if count and count >= most * 0.8), 0)
    number = int(told.rows["_line"][at]) if filled else 1
    if number > 1:
        remarks.append(f"row {number} is taken for the header")
    return _by_header(Excel(sheet, number), file, name, *remarks)


_LETTERS = tuple(f"column_{place}" for place in range(1, 201))


def _sheets(file: Path, name: str) -> list[str]:
    """Sheets that are not hidden; what is wrong with a workbook is told when it is read."""
    try:
        # Whatever is damaged, protected or too large is refused there.
        next(iter(Excel().read(file, name=name, columns=(), most=1)))
    except BatchRefused as refused:
        if "sheets" not in refused.message:
            if "header" in refused.message or "blank" in refused.message:
                return []
            raise
    try:
        with file.open("rb") as raw:
            found = CalamineWorkbook.from_filelike(raw).sheets_metadata
    except CalamineError as error:
        raise BatchRefused("The workbook cannot be opened.", where=name) from error
    return [
        each.name
        for each in found
        if each.typ == SheetTypeEnum.WorkSheet and each.visible == SheetVisibleEnum.Visible
    ]


def _json(file: Path, name: str) -> Told | None:
    head = head_of(file, name).head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not _JSON.match(head):
        return None
    if head.startswith(b"["):
        return _by_header(Json(), file, name)
    first, more = _first_line(file, name)
    record = _parsed(first)
    if isinstance(record, dict) and (more or not _lists(record)):
        return _by_header(Ndjson(), file, name)
    found = _lists(record if isinstance(record, dict) and not more else _document(file, name))
    if not found:
        raise BatchRefused(
            "The file begins as JSON does, and holds no list of records that can be read.",
            where=name,
            hint="a document with a list of objects is read, or one object a line",
        )
    path, size = max(found, key=lambda each: each[1])
    others = [other for other, _ in found if other != path]
    remarks = [f"the document has other lists, too: {', '.join(others[:5])}"] if others else []
    return _by_header(Json(path), file, name, f"{path} has {size:,} records", *remarks)


def _first_line(file: Path, name: str) -> tuple[bytes, bool]:
    """The first line that is not blank, and whether there are more; lines may end as on old Macs.

    One that is longer than a line may be is told in part.
    """
    parts: list[bytes] = []
    size = 0
    with opened(file, name) as stream:
        while size <= MOST_LINE and (part := stream.read(1 << 16)):
            parts.append(part)
            size += len(part)
            if b"\n" in part or b"\r" in part:
                text = b"".join(parts).removeprefix(b"\xef\xbb\xbf").lstrip()
                first, *others = text.splitlines() or [b""]
                if others or text.endswith((b"\n", b"\r")):
                    more = any(line.strip() for line in others) or bool(
                        stream.read(1 << 16).strip()
                    )
                    return first, more
    return b"".join(parts).removeprefix(b"\xef\xbb\xbf").strip(), False


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _document(file: Path, name: str) -> Any:
    with opened(file, name) as stream:
        parts, size = [], 0
        while size <= _MOST_DOCUMENT and (part := stream.read(1 << 20)):
            parts.append(part)
            size += len(part)
    if size > _MOST_DOCUMENT:
        raise BatchRefused(
            f"The JSON document is larger than {_MOST_DOCUMENT >> 20} MiB: its list of records is "
            "not looked for.",
            where=name,
            hint="cut a smaller one out of it, with the same members around the list",
        )
    return _parsed(b"".join(parts))


def _lists(document: Any) -> list[tuple[str, int]]:
    """Members that lead to lists of objects, and how many these have."""
    found: list[tuple[str, int]] = []
    level = [((), document)] if isinstance(document, dict) else []
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for path, members in level:
            for key, value in members.items():
                if not key or "." in key:
                    continue
                if isinstance(value, dict):
                    below.append(((*path, key), value))
                elif isinstance(value, list) and value and isinstance(value[0], dict):
                    found.append((".".join((*path, key)), len(value)))
        level = below
    return found


def _delimited(file: Path, name: str) -> list[Told]:
    detected = detect_file(file, name=name)
    dialect = detected.dialect
    reading = Reading(dialect, (), name)
    with lines_of_file(file, dialect, name) as lines:
        for count, _ in enumerate(reading.parts(lines)):
            if count >= _ROWS_LOOKED_AT:
                break
    header = reading.header or tuple(f"column_{at}" for at in range(1, (dialect.width or 1) + 1))
    counts = Counter(header)
    own = tuple(column for column in header if column.strip() and counts[column] == 1)
    remarks = _nameless(header, own)
    any_dialect = Detected() if dialect.header else Detected(header=0)
    pinned = Detected(
        delimiter=dialect.delimiter if dialect.delimiter and len(dialect.delimiter) == 1 else None,
        quote=dialect.quote,
        encoding=dialect.encoding,
        preamble=dialect.preamble,
        header=dialect.header,
        comment=dialect.comment,
    )
    told = [Told(any_dialect, own, remarks), Told(pinned, own, remarks)]
    if plain := _plain(dialect, file):
        told.insert(0, Told(plain, tuple(column.strip() for column in header), remarks))
    return told


def _nameless(header: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    others = [str(at) for at, column in enumerate(header, 1) if column not in own]
    if not others:
        return ()
    listed = ", ".join(others[:9]) + (", ..." if len(others) > 9 else "")
    return (f"columns without a name of their own are not read: {listed}",)


def _plain(dialect: Dialect, file: Path) -> Delimited | None:
    """The faster reader, where it may read the same; whether it does is tried."""
    known = Dialect(
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        header=dialect.header,
        width=dialect.width,
    )
    if known != dialect or dialect.header > 1 or dialect.quote not in ('"', None):
        return None
    if dialect.delimiter is None or len(dialect.delimiter) != 1:
        return None
    head = head_of(file)
    encoding = encoding_of([head.head, *head.others], name=file.name)
    return Delimited(
        dialect.delimiter,
        header=bool(dialect.header),
        encoding="utf-8" if encoding in ("ascii", "utf-8-sig", "utf_8_sig") else encoding,
    )
