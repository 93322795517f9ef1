"""Text as providers send it: packed or not, marked or not, not always UTF-8, and of any length.

A text is read in blocks of whole lines, so that memory does not depend on its size.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import cached_property, partial

import polars as pl

from sluicegate.errors import BatchRefused, ContractError, meant
from sluicegate.opening import MOST_LINE, Ahead, Content, Reached, opened
from sluicegate.packing import Stream
from sluicegate.sources.records import LINE

BLOCK = 48 << 20
"""Bytes that are looked at together: half a million records of a usual width."""

_BOM = "\ufeff".encode()
_HEAD = 64 << 10
_MARK = "\0"
_MARKING = "sluicegate.mark"
_STAND_IN = "\ufdd0"
"""Stands for a mark until all NULs of a text that is decoded are marked; no text holds it."""
_OTHER_MARKING = "sluicegate.stand_in"
_TAKEN_FOR_PACKED = (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Block:
    """Some whole lines of a text, one after the other.

    Attributes:
        raw: their bytes; a line feed ends each of them, but perhaps the last one of the text.
        first: number of the first line, from 1.
        last: whether the text ends here.
        share: of the file that they stand for, packed as it is.
    """

    raw: bytes
    first: int
    last: bool
    share: float = 1.0

    @cached_property
    def count(self) -> int:
        """How many lines they are."""
        if "lines" in self.__dict__:
            return self.lines.height
        return self.raw.count(b"\n") + (not self.raw.endswith(b"\n") and bool(self.raw))

    @cached_property
    def lines(self) -> pl.DataFrame:
        """Its lines: ``_line``, ``line``, and ``invalid`` where one is no text."""
        return _lines(self.raw, self.first)


def blocks(
    content: Content | bytes, name: str, encoding: str = "utf-8", size: int = BLOCK
) -> Iterator[Block]:
    """Read a text; there is at least one block, and exactly the last one says so.

    Args:
        name: of the batch, for messages.
        encoding: what its bytes mean. The blocks are UTF-8 whatever it is.
        size: bytes of a block, about.

    Raises:
        BatchRefused: it is no text, is damaged, or has a line without end.
    """
    reached = Reached()
    with opened(content, name, reached) as stream:
        rest, first = b"", 1
        source = pieces(stream, encoding, name, size)
        # One piece ahead, so that what fits into one block is one, and known to be the last.
        piece = next(source, b"")
        share = reached.share()
        for following in _until_damage(source):
            _require_end(rest, piece, name, first)
            cut = piece.rfind(b"\n") + 1
            if cut:
                # Megabytes are copied once, or not at all.
                whole = cut == len(piece) and not rest
                raw = piece if whole else b"".join((rest, memoryview(piece)[:cut]))
                block = Block(raw, first, last=False, share=share)
                yield block
                rest, first, share = piece[cut:], first + block.count, 0.0
            else:
                rest += piece
            if isinstance(following, BatchRefused):
                raise following
            piece = following
            share += reached.share()
        _require_end(rest, piece, name, first)
        yield Block(rest + piece, first, last=True, share=share)


def _until_damage(source: Iterator[bytes]) -> Iterator[bytes | BatchRefused]:
    """Pieces of a text; what refuses it comes last, after what precedes it was looked at."""
    try:
        yield from source
    except BatchRefused as error:
        yield error


def require_encoding(encoding: str) -> None:
    """Refuse what is no encoding of text.

    Raises:
        ContractError: Python knows no such encoding, or it does not encode text.
    """
    try:
        readable = "a\n".encode(encoding).decode(encoding) == "a\n"
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError, TypeError):
        readable = False
    if not readable:
        known = {name.replace("_", "-") for name in (*aliases, *aliases.values())}
        raise ContractError(
            f"{encoding!r} is no encoding of text.", hint=meant(str(encoding), known)
        )


def taken_for_packed(raw: bytes) -> bool:
    """Whether polars would unpack a text: it goes by the first bytes, and ``x^`` begins words, too.

    What is packed is unpacked long before, within limits.
    """
    return raw.startswith(_TAKEN_FOR_PACKED)


def is_utf8(encoding: str) -> bool:
    """Whether an encoding is UTF-8, by whichever of its names."""
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def count_lines(content: Content, encoding: str = "utf-8") -> int:
    """Lines that are not blank; of a damaged file, those that it yields before it breaks off."""
    count = 0
    with suppress(BatchRefused):
        for block in blocks(content, "", encoding):
            count += block.lines.filter(pl.col("line").str.strip_chars() != "").height
    return count


def pieces(stream: Stream, encoding: str, name: str, size: int = BLOCK) -> Iterator[bytes]:
    """A text as UTF-8 without a byte-order mark, whose lines end in a line feed.

    A NUL in it is a mark: behind it stands, as an escape, what is no character (a NUL as well).
    What is no UTF-8 in a text that should be is left as it is.

    Raises:
        BatchRefused: it is no text, or is damaged.
    """
    plain = is_utf8(encoding)
    head = stream.read(_HEAD)
    seen = head if plain else head.decode(encoding, errors="ignore").encode()
    if b"\0" in seen[:4096]:
        wide = plain and head.startswith(_WIDE_MARKS)
        hint = "if it is text in UTF-16, declare encoding='utf-16'" if wide else None
        raise BatchRefused("The file is binary, not text.", where=name, hint=hint)
    returns = b"\n" not in seen and b"\r" in seen
    marked = plain and head.startswith(_BOM)
    whole: Stream
    if isinstance(stream, io.BufferedIOBase):
        stream.seek(len(_BOM) if marked else 0)
        whole = _Lines(stream)
    else:
        whole = Ahead(head.removeprefix(_BOM) if marked else head, stream)
    for piece in _plain(whole, size) if plain else _decoding(whole, encoding, size):
        yield piece.replace(b"\r", b"\n") if returns else piece


def _plain(stream: Stream, size: int) -> Iterator[bytes]:
    while piece := stream.read(size):
        yield piece.replace(b"\0", b"\0\\x00") if b"\0" in piece else piece


def _decoding(stream: Stream, encoding: str, size: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors=_OTHER_MARKING)
    begins, last = True, False
    while not last:
        piece = stream.read(size)
        last = not piece
        text = decoder.decode(piece, final=last)
        if begins and text:
            text, begins = text.removeprefix(_BOM.decode()), False
        if "\0" in text:
            text = text.replace("\0", f"{_MARK}\\x00")
        # What is decoded to half of a surrogate pair is no character either.
        yield text.replace(_STAND_IN, _MARK).encode(errors=_MARKING)


class _Lines:
    """A file that is no longer read than to the end of a line: those need no cutting."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        """About so many of the next bytes; none at the end. They are no more than a line may be."""
        begin = self._file.tell()
        self._file.seek(begin + size)
        rest = self._file.readline(max(0, min(_HEAD, size, MOST_LINE - size)))
        self._file.seek(begin)
        return self._file.read(size + len(rest))


def _require_end(rest: bytes, piece: bytes, name: str, line: int) -> None:
    """Refuse a line that begins before a piece and is too long; one within a piece is not."""
    end = piece.find(b"\n")
    end = len(piece) if end < 0 else end
    if len(rest) + end <= MOST_LINE:
        return
    if len((rest + piece[:end]).removesuffix(b"\r")) > MOST_LINE:
        raise BatchRefused(
            f"A line is longer than {MOST_LINE >> 20} MiB, which no record is.",
            where=f"{name}, line {line:,}",
            hint="have the provider end each record with a line feed",
        )


def _lines(raw: bytes, first: int) -> pl.DataFrame:
    if not raw:
        return pl.DataFrame(schema={LINE: pl.Int64, "line": pl.String, "invalid": pl.Boolean})
    line, invalid = pl.col("line"), pl.lit(value=False)
    lines = None if b"\0" in raw else _decoded(raw)
    if lines is None:
        # Marks and escapes keep every byte, so that the record can be repaired and replayed.
        text = raw.decode(errors=_MARKING)
        parts = text.removesuffix("\n").split("\n")
        lines = pl.DataFrame({"line": [part.removesuffix("\r") for part in parts]})
        line, invalid = (
            line.str.replace_all(_MARK, "", literal=True),
            line.str.contains(_MARK, literal=True),
        )
    if b"\r" in raw:
        # One of them is gone already. Who writes line ends of Windows twice has two.
        line = line.str.strip_suffix("\r")
    if not raw.isascii():
        # Files that were put together; whether the mark belongs to the line nobody can tell.
        invalid |= line.str.starts_with(_BOM.decode())
    number = pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias(LINE)
    return lines.select(number, line.cast(pl.String), invalid=invalid)


def _decoded(raw: bytes) -> pl.DataFrame | None:
    before = taken_for_packed(raw)
    try:
        lines = pl.read_lines(b"\n" + raw if before else raw, name="line")
        return lines.slice(int(before)).rechunk()
    except pl.exceptions.ComputeError:
        return None


def _escaped(mark: str, error: UnicodeError) -> tuple[str | bytes, int]:
    """What cannot be decoded, or encoded, becomes escapes, behind a mark that no text has."""
    text, end = codecs.backslashreplace_errors(error)
    return f"{mark}{text!s}", end


codecs.register_error(_MARKING, partial(_escaped, _MARK))
codecs.register_error(_OTHER_MARKING, partial(_escaped, _STAND_IN))
