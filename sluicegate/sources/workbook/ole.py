"""Compound files (OLE), in which Excel kept workbooks until 2007, and keeps encrypted ones.

Source: [MS-CFB], Compound File Binary File Format.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_MARKS = 0xFFFFFFFA
"""Sector numbers from here on are no sectors."""
_STREAM, _ROOT = 2, 5
_MINI = 64
"""Bytes of a sector of small streams."""


class DamagedCompound(Exception):
    """A compound file whose parts cannot be found."""


class Compound:
    """The streams of a compound file.

    Raises:
        DamagedCompound: it is damaged.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        try:
            self._open()
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise DamagedCompound from error

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def stream(self, name: str) -> bytes:
        """The bytes of a stream.

        Raises:
            DamagedCompound: it is damaged, or has no such stream.
        """
        if name not in self._entries:
            raise DamagedCompound
        start, size = self._entries[name]
        try:
            if size >= self._least:
                found = b"".join(map(self._sector, _chain(self._table, start)))
            else:
                small = [n * _MINI for n in _chain(self._small_table, start)]
                found = b"".join(self._small[at : at + _MINI] for at in small)
        except IndexError as error:
            raise DamagedCompound from error
        if len(found) < size:
            raise DamagedCompound
        return found[:size]

    def _open(self) -> None:
        (self._shift,) = struct.unpack_from("<H", self._raw, 30)
        if self._shift not in (9, 12):
            raise DamagedCompound
        directory, self._least, small, more = struct.unpack_from("<I4xII4xI", self._raw, 48)
        tables = [n for n in struct.unpack_from("<109I", self._raw, 76) if n < _MARKS]
        for _ in range(len(self._raw) >> self._shift):
            if more >= _MARKS:
                break
            *further, more = self._numbers(more)
            tables += [n for n in further if n < _MARKS]
        self._table = [n for table in tables for n in self._numbers(table)]
        self._entries: dict[str, tuple[int, int]] = {}
        contents = b"".join(map(self._sector, _chain(self._table, directory)))
        root = _MARKS
        for at in range(0, len(contents), 128):
            length, kind = struct.unpack_from("<HB", contents, at + 64)
            start, size = struct.unpack_from("<IQ", contents, at + 116)
            if kind == _ROOT:
                root = start
            elif kind == _STREAM:
                name = contents[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le")
                # In files with small sectors the upper half of a size may be anything.
                size &= 0xFFFFFFFF if self._shift == 9 else ~0
                self._entries.setdefault(name, (start, size))
        self._small = b"".join(map(self._sector, _chain(self._table, root)))
        self._small_table = [n for s in _chain(self._table, small) for n in self._numbers(s)]

    def _sector(self, number: int) -> bytes:
        at = (number + 1) << self._shift
        if at >= len(self._raw):
            raise IndexError(number)
        return self._raw[at : at + (1 << self._shift)]

    def _numbers(self, sector: int) -> Sequence[int]:
        return struct.unpack(f"<{1 << self._shift - 2}I", self._sector(sector))


def _chain(table: Sequence[int], start: int) -> Sequence[int]:
    """The sectors that follow one another from a first one on."""
    found: list[int] = []
    while start < _MARKS:
        if len(found) > len(table):
            raise DamagedCompound
        found.append(start)
        start = table[start]
    return found
