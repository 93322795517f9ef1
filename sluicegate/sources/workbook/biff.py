"""Looking a sheet of an xls file through before it is read: which of its cells are errors.

Source: [MS-XLS], Excel Binary File Format (.xls), as Excel 97 to 2003 wrote it (BIFF8).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sluicegate.sources.workbook.sheets import Extent, Protected, Unreadable

_BOF, _EOF, _SHEET, _PASSWORD = 0x0809, 0x000A, 0x0085, 0x002F
_BIFF8 = 0x0600
_FORMULA, _ERROR, _RKS = 0x0006, 0x0205, 0x00BD
_CELLS = frozenset({_FORMULA, _ERROR, _RKS, 0x0203, 0x0204, 0x00FD, 0x027E, 0x00D6})
"""Records of cells with a value: numbers, texts, formulas and errors."""
_MOST_COLUMNS = 256
_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}


class Outdated(Exception):
    """A workbook was saved by Excel 95 or older."""


def sheet_extents(stream: bytes) -> dict[str, Extent]:
    """What each sheet of a workbook has, by its name.

    Raises:
        Unreadable: it is damaged.
        Protected: it is encrypted.
        Outdated: it was saved by Excel 95 or older.
    """
    try:
        return {name: _extent(stream, at) for name, at in _sheets(stream)}
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Unreadable from error


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of one substream, without those of charts within it."""
    depth = 0
    while True:
        kind, length = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + length]
        at += 4 + length
        depth += (kind == _BOF) - (kind == _EOF)
        if depth <= 0:
            return
        if depth == 1:
            yield kind, body


def _sheets(stream: bytes) -> Iterator[tuple[str, int]]:
    """The sheets, and where each begins."""
    for kind, body in _records(stream, 0):
        if kind == _BOF and struct.unpack_from("<H", body) != (_BIFF8,):
            raise Outdated
        if kind == _PASSWORD:
            raise Protected
        if kind == _SHEET:
            start, length, wide = struct.unpack_from("<I2xBB", body)
            text = body[8 : 8 + length * (2 if wide & 1 else 1)]
            yield text.decode("utf-16-le" if wide & 1 else "latin-1"), start


def _extent(stream: bytes, at: int) -> Extent:
    extent = Extent()
    for kind, body in _records(stream, at):
        if kind not in _CELLS:
            continue
        row, column = struct.unpack_from("<HH", body)
        last = struct.unpack("<H", body[-2:])[0] if kind == _RKS else column
        if not column <= last < _MOST_COLUMNS:
            raise Unreadable
        extent.reach((row + 1, row + 1), (column + 1, last + 1))
        code = None
        if kind == _ERROR and body[7]:
            code = body[6]
        elif kind == _FORMULA and body[12:14] == b"\xff\xff" and body[6] == 2:
            code = body[8]
        if code is not None:
            extent.fault(row + 1, column + 1, _CODES.get(code, "#ERROR!"))
    return extent
