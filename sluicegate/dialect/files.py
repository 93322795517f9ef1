"""Delimited files: samples of their bytes to tell a dialect by, and their lines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sluicegate.dialect.detect import NO_TYPES, Detected, detect
from sluicegate.dialect.dialect import Declared, Dialect
from sluicegate.dialect.encoding import KEEP, encoding_of
from sluicegate.dialect.kinds import Kind
from sluicegate.errors import BatchRefused
from sluicegate.opening import MOST_LINE, Content, Member, Reached, Stream, opened, packed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HEAD = 1 << 18
_LONGEST_HEAD = 1 << 22
"""Bytes of the head that dialects are told by; more only of a file with long lines."""

_ENOUGH_LINES = 20
_PART = 1 << 15
"""Bytes of the middle and of the end, where encodings show that the head does not have."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Parts of the bytes of a file, decompressed.

    Attributes:
        head: its beginning.
        whole: whether that is all of it.
        others: parts from its middle and its end, where they can be reached.
    """

    head: bytes
    whole: bool
    others: tuple[bytes, ...] = ()


def sample_of(file: Content, name: str | None = None) -> Sample:
    """Take a sample of a file: a second's work, however large it is.

    Raises:
        BatchRefused: it is damaged.
    """
    with _bytes_of(file, name or file.name) as source:
        head = source.read(_HEAD)
        while head.count(b"\n") + head.count(b"\r") < _ENOUGH_LINES and len(head) < _LONGEST_HEAD:
            if not (more := source.read(_HEAD)):
                break
            head += more
        whole = not source.read(1)
        others: list[bytes] = []
        if not whole and not _packed(file):
            size = source.seek(0, io.SEEK_END)
            for at in (size // 2, size - _PART):
                # Characters of UTF-16 and UTF-32 begin at multiples of two and four.
                source.seek(max(len(head), at) // 4 * 4)
                others.append(source.read(_PART))
    return Sample(head, whole, tuple(others))


def detect_file(
    file: Content,
    *,
    columns: Sequence[str] = (),
    types: Mapping[str, Kind] = NO_TYPES,
    declared: Declared | None = None,
    name: str | None = None,
) -> Detected:
    """Find the dialect of a file, packed or not; see :func:`~.detect.detect`.

    Raises:
        BatchRefused: it is no text, it is empty, or nothing tells how to read it.
    """
    name = name or file.name
    known = declared or Declared()
    sample = sample_of(file, name)
    if not sample.whole and not (b"\n" in sample.head or b"\r" in sample.head):
        raise BatchRefused(
            f"The file has no line end in its first {_LONGEST_HEAD >> 20} MiB.",
            where=name,
            hint="have the provider send one record a line",
        )
    encoding = encoding_of([sample.head, *sample.others], name=name, declared=known.get("encoding"))
    return detect(
        sample.head.decode(encoding, KEEP),
        columns=columns,
        types=types,
        declared=cast(Declared, {**known, "encoding": encoding}),
        whole=sample.whole,
        name=name,
    )


@contextmanager
def lines_of_file(
    file: Content, dialect: Dialect, name: str | None = None, reached: Reached | None = None
) -> Iterator[Iterator[str]]:
    """The lines of a file, each with its line end; bytes that cannot be decoded are kept.

    Args:
        reached: is told how far the reading is.

    Raises:
        BatchRefused: it is damaged, or a line has no end.
    """
    name = name or file.name
    newline = "" if dialect.returns else "\n"
    with (
        _bytes_of(file, name, reached) as source,
        io.TextIOWrapper(source, dialect.encoding, KEEP, newline) as text,
    ):
        yield _bounded(text, name)


def _bounded(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    number = 0
    # One character more than a line may have, and its end.
    while line := text.readline(MOST_LINE + 3):
        number += 1
        # A character has four bytes at most.
        if len(line) > MOST_LINE // 4 and _size(line) > MOST_LINE:
            raise BatchRefused(
                f"A line is longer than {MOST_LINE >> 20} MiB, which no record is.",
                where=f"{name}, line {number:,}",
                hint="have the provider send one record a line",
            )
        yield line


def _size(line: str) -> int:
    """Bytes of a line as UTF-8, without its end."""
    return len(line.rstrip("\r\n").encode(errors=KEEP))


def _packed(file: Content) -> bool:
    if isinstance(file, Member):
        return True
    with file.open("rb") as raw:
        return packed(raw) is not None


@contextmanager
def _bytes_of(
    file: Content, name: str, reached: Reached | None = None
) -> Iterator[io.BufferedReader]:
    with opened(file, name, reached) as stream:
        yield stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_Raw(stream))


class _Raw(io.RawIOBase):
    """A stream as the standard library wants it: that is what decodes and finds lines."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer; returns with how many bytes."""
        view = memoryview(buffer).cast("B")
        found = self._stream.read(len(view))
        view[: len(found)] = found
        return len(found)
