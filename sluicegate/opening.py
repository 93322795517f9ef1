"""Opening what providers send: bytes, whatever they are packed in, and no bombs.

What a file is packed in is told by its first bytes, not by its name. Packed bytes are unpacked as
they are read, so that memory does not depend on the size of a file.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from sluicegate.errors import BatchRefused
from sluicegate.packing import KEPT, PACKED, ZIPS, Stream, kind_of, zstd
from sluicegate.zips import (
    Member,
    damaged,
    directory,
    files_in,
    members,
    only_member,
    opened_member,
    too_large,
)

__all__ = [
    "MOST_BYTES",
    "MOST_LINE",
    "Ahead",
    "Content",
    "Member",
    "Reached",
    "Stream",
    "members_of",
    "most_unpacked",
    "opened",
    "packed",
    "require_unpacked",
]

Content = Path | Member
"""What a batch is read from: a file, or one of several in a zip."""

_TAR = (257, b"ustar")
_OPENERS: dict[str, Callable[[IO[bytes]], AbstractContextManager[_Packed]]] = {
    "gzip": gzip.open,
    "bzip2": bz2.open,
    "zstd": zstd.open,
    "xz": lzma.open,
}

_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError, zipfile.BadZipFile)

MOST_BYTES = 256 << 30
"""Unpacked size that no file of a landing folder has."""

MOST_LINE = 64 << 20
"""Bytes of one line as UTF-8, without its end. What is longer is no record of anything, but a file
without line ends."""

_HARMLESS = 1 << 30
_MOST_TIMES = 200
"""How many times as large unpacked as packed: what is larger than a GiB and packed tighter than
this is made to fill disks. Delimited text and JSON are packed 5 to 30 times, logs of one line 100.
"""


_PIECE = 64 << 10


class _Packed(Protocol):
    """Packed bytes, unpacked as far as one look at the file brings.

    What more had to be looked at would be lost, if the file is damaged there.
    """

    def read1(self, size: int, /) -> bytes: ...


class Reached:
    """How far the reading of a file is, in the bytes that are stored: packed, if it is packed."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._size = self._told = 0

    def follow(self, file: IO[bytes]) -> None:
        """Look at this file, which is about to be read from its beginning."""
        self._size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._file, self._told = file, 0

    def share(self) -> float:
        """Share of the file that was read since this was last asked; at the end they make 1.

        Whoever reads ahead has what it read ahead counted.
        """
        if self._file is None or not self._size:
            return 0.0
        # The table of a zip is at its end, and is read first.
        before, self._told = self._told, max(self._told, min(self._file.tell(), self._size))
        return (self._told - before) / self._size


@contextmanager
def opened(content: Content | bytes, name: str, reached: Reached | None = None) -> Iterator[Stream]:
    """Open a file for reading, unpacked.

    Args:
        name: of the batch, for messages.
        reached: is told which file to look at.

    Raises:
        BatchRefused: it is damaged, holds several files or further archives, or is a bomb. Some of
            it may have been read by then.
    """
    if isinstance(content, Path) and content.name.endswith(KEPT):
        # The archive packs what is not packed already, whatever its size.
        with content.open("rb") as ours, zstd.open(ours) as landed:
            if reached:
                reached.follow(ours)
            yield _Unpacked(landed, name, "archived file", MOST_BYTES)
        return
    member = content if isinstance(content, Member) else None
    if isinstance(content, Member):
        content = content.archive
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as raw:
        size = raw.seek(0, io.SEEK_END)
        raw.seek(0)
        kind = packed(raw)
        if reached:
            reached.follow(raw)
        if kind is None:
            yield raw
            return
        most = most_unpacked(size)
        with _unpacking(raw, kind, name, member) as inner:
            unpacked = _Unpacked(inner, name, kind, most)
            first = unpacked.read(512)
            _require_no_archive(first, name)
            yield Ahead(first, unpacked)


def members_of(content: Path, name: str) -> Sequence[Member] | None:
    """The files of a zip, by name; None if it is no zip.

    Raises:
        BatchRefused: it is damaged, no zip of files, or a bomb: all its files together count.
    """
    with content.open("rb") as raw:
        if content.name.endswith(KEPT) or packed(raw) != "zip":
            return None
        size = raw.seek(0, io.SEEK_END)
    return members(content, name, most_unpacked(size))


def most_unpacked(size: int) -> int:
    """Bytes that so many packed ones may unpack to."""
    return min(MOST_BYTES, max(_HARMLESS, size * _MOST_TIMES))


def packed(raw: IO[bytes]) -> str | None:
    """What a file is packed in; None if in nothing. Reading goes on at its beginning."""
    first = raw.read(6)
    raw.seek(0)
    return kind_of(first)


def require_unpacked(content: Path, what: str, name: str, zips: bool = False) -> None:
    """Refuse a file of a kind that is packed by itself, and is packed once more.

    Args:
        what: the kind, for messages.
        name: of the batch, for messages.
        zips: whether files of this kind are zips.
    """
    with content.open("rb") as raw:
        # What the archive has packed landed as it should, and is no file of that kind.
        kind = None if content.name.endswith(KEPT) else packed(raw)
    if kind and not (zips and kind == "zip"):
        raise BatchRefused(
            f"The file is packed with {kind}; {what} is packed by itself.",
            where=name,
            hint="unpack it, or have the provider send it as it is",
        )


@contextmanager
def _unpacking(raw: IO[bytes], kind: str, name: str, member: Member | None) -> Iterator[_Packed]:
    if kind != "zip":
        with _OPENERS[kind](raw) as inner:
            yield inner
        return
    try:
        with directory(raw, name) as archive:
            file = files_in(archive, name)[member.number - 1] if member else None
            with opened_member(archive, file or only_member(archive, name), name) as inner:
                # IO[bytes] to the type checker, ZipExtFile in truth.
                yield cast(_Packed, inner)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise damaged("zip", name) from error


def _require_no_archive(first: bytes, name: str) -> None:
    at, mark = _TAR
    nested = first.startswith((*ZIPS, *PACKED)) or first[at : at + len(mark)] == mark
    if nested:
        raise BatchRefused(
            "The archive holds a further archive.",
            where=name,
            hint="unpack it, and land its files, each packed once or not at all",
        )


class _Unpacked:
    """A stream whose damage and whose size are told in words."""

    def __init__(self, inner: _Packed, name: str, kind: str, most: int) -> None:
        self._inner, self._name, self._kind, self._left = inner, name, kind, most
        self._most = most
        self._damage: Exception | None = None

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; none at the end. What precedes a damage is yielded."""
        found = b"".join(self._yielded(size))
        if not found and self._damage is not None:
            raise damaged(self._kind, self._name) from self._damage
        self._left -= len(found)
        if self._left < 0:
            raise too_large(self._kind, self._name, self._most)
        return found

    def _yielded(self, size: int) -> Iterator[bytes]:
        while size and self._damage is None:
            try:
                piece = self._inner.read1(min(size, _PIECE))
            except _BROKEN as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                self._damage = error
                return
            if not piece:
                return
            size -= len(piece)
            yield piece


class Ahead:
    """A stream of which something was read ahead."""

    def __init__(self, first: bytes, rest: Stream) -> None:
        self._first, self._rest = first, rest

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; none at the end."""
        if not self._first:
            return self._rest.read(size)
        found, self._first = self._first[:size], self._first[size:]
        if self._first:
            return found
        try:
            return found + self._rest.read(size - len(found))
        except BatchRefused:
            # A damage behind it is told by the next read.
            return found
