"""Text as providers send it: packed or not, marked or not, not always UTF-8, and of any length.

A text is read in blocks of whole lines, so that memory does not depend on its size.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sluicegate.errors import BatchRefused
from sluicegate.sources.opening import Ahead, Stream, opened
from sluicegate.sources.records import LINE

BLOCK = 48 << 20
"""Bytes that are looked at together: half a million records of a usual width."""

MOST_LINE = 64 << 20
"""Bytes of one line. What is longer is no record of anything, but a file without line ends."""

_BOM = "\ufeff".encode()
_HEAD = 64 << 10
_MARK = "\0"
_MARKING = "sluicegate.mark"


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a text, one after the other.

    Attributes:
        raw: their bytes; a line feed ends each of them, but perhaps the last one of the text.
        first: number of the first line, from 1.
        last: whether the text ends here.
    """

    raw: bytes
    first: int
    last: bool

    @property
    def count(self) -> int:
        """How many lines they are."""
        return self.raw.count(b"\n") + (not self.raw.endswith(b"\n") and bool(self.raw))

    def lines(self) -> pl.DataFrame:
        """Its lines: ``_line``, ``line``, and ``invalid`` where one is no text."""
        return _lines(self.raw, self.first)


def blocks(
    content: Path | bytes, name: str, encoding: str = "utf-8", size: int = BLOCK
) -> Iterator[Block]:
    """Read a text; there is at least one block, and exactly the last one says so.

    Args:
        name: of the batch, for messages.
        encoding: what its bytes mean. The blocks are UTF-8 whatever it is.
        size: bytes of a block, about.

    Raises:
        BatchRefused: it is no text, is damaged, or has a line without end.
    """
    with opened(content, name) as stream:
        rest, first = b"", 1
        for piece in _pieces(stream, encoding, name, size):
            cut = piece.rfind(b"\n") + 1
            if not cut:
                rest += piece
                _require_end(rest, name, first)
                continue
            block = Block(rest + piece[:cut], first, last=False)
            rest, first = piece[cut:], first + block.count
            yield block
        yield Block(rest, first, last=True)


def count_lines(content: Path, encoding: str = "utf-8") -> int:
    """Lines that are not blank; of a damaged file, those that it yields before it breaks off."""
    count = 0
    with suppress(BatchRefused):
        for block in blocks(content, "", encoding):
            count += block.lines().filter(pl.col("line").str.strip_chars() != "").height
    return count


def _pieces(stream: Stream, encoding: str, name: str, size: int) -> Iterator[bytes]:
    """A stream as UTF-8 without a byte-order mark, whose lines end in a line feed."""
    plain = codecs.lookup(encoding).name == "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)(errors=_MARKING)
    head = stream.read(_HEAD)
    seen = head if plain else head.decode(encoding, errors="ignore").encode()
    if b"\0" in seen[:4096]:
        raise BatchRefused("The file is binary, not text.", where=name)
    returns = b"\n" not in seen and b"\r" in seen
    begins, whole = True, Ahead(head.removeprefix(_BOM) if plain else head, stream)
    while piece := whole.read(size):
        decoded = piece
        if not plain:
            text = decoder.decode(piece)
            decoded = (text.removeprefix(_BOM.decode()) if begins else text).encode()
            begins = begins and not text
        yield decoded.replace(b"\r", b"\n") if returns else decoded
    if not plain and (left := decoder.decode(b"", final=True)):
        yield left.encode()


def _require_end(rest: bytes, name: str, line: int) -> None:
    if len(rest) > MOST_LINE:
        raise BatchRefused(
            f"A line is longer than {MOST_LINE >> 20} MiB, which no record is.",
            where=f"{name}, line {line:,}",
            hint="have the provider end each record with a line feed",
        )


def _lines(raw: bytes, first: int) -> pl.DataFrame:
    if not raw:
        return pl.DataFrame(schema={LINE: pl.Int64, "line": pl.String, "invalid": pl.Boolean})
    invalid = pl.lit(value=False)
    lines = None if b"\0" in raw else _decoded(raw)
    if lines is None:
        # Marks and escapes keep every byte, so that the record can be repaired and replayed.
        text = raw.replace(b"\0", b"\0\\x00").decode(errors=_MARKING)
        lines = pl.DataFrame({"line": text.removesuffix("\n").split("\n")})
        invalid = pl.col("line").str.contains(_MARK, literal=True)
    return lines.select(
        pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias(LINE),
        pl.col("line").cast(pl.String).str.strip_suffix("\r"),
        invalid=invalid,
    ).with_columns(
        pl.when("invalid")
        .then(pl.col("line").str.replace_all(_MARK, "", literal=True))
        .otherwise("line")
        .alias("line")
    )


def _decoded(raw: bytes) -> pl.DataFrame | None:
    try:
        return pl.read_lines(raw, name="line")
    except pl.exceptions.ComputeError:
        return None


def _marked(error: UnicodeError) -> tuple[str | bytes, int]:
    """What cannot be decoded becomes escapes, behind a mark that no text has."""
    text, end = codecs.backslashreplace_errors(error)
    return f"{_MARK}{text!s}", end


codecs.register_error(_MARKING, _marked)
