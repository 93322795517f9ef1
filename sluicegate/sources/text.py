"""Text as providers send it: compressed or not, with a mark in front or not, not always UTF-8."""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import suppress
from pathlib import Path

import polars as pl

from sluicegate.errors import BatchRefused
from sluicegate.sources.records import LINE

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"

_MOST_BYTES = 4 << 30
"""Decompressed size at which a file is taken for a decompression bomb."""


def decompressed(content: Path | bytes, name: str) -> bytes:
    """The bytes of a text, without compression and byte-order mark.

    Raises:
        BatchRefused: it is a damaged gzip, or decompresses to more than any file should.
    """
    raw = content if isinstance(content, bytes) else content.read_bytes()
    return _unpacked(raw, name).removeprefix(_BOM)


def lines_of(raw: bytes, name: str) -> pl.DataFrame:
    """Physical lines: ``_line`` (from 1), ``line``, and ``invalid`` where one is not UTF-8.

    Raises:
        BatchRefused: it is no text at all.
    """
    if b"\0" in raw[:4096]:
        raise BatchRefused("The file is binary, not text.", where=name)
    try:
        lines = pl.read_lines(io.BytesIO(raw), name="line") if raw else pl.DataFrame({"line": []})
        invalid: pl.Series | bool = False
    except pl.exceptions.ComputeError:
        texts, flags = _decoded(raw)
        lines, invalid = pl.DataFrame({"line": texts}), pl.Series(flags)
    return lines.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE),
        pl.col("line").cast(pl.String).str.strip_suffix("\r"),
        invalid=invalid if isinstance(invalid, pl.Series) else pl.lit(invalid),
    )


def count_lines(content: Path) -> int:
    """Lines that are not blank; of a damaged gzip, those that it yields before it breaks off."""
    count = 0
    with content.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        lines = gzip.GzipFile(fileobj=raw) if packed else raw
        with suppress(EOFError, zlib.error, gzip.BadGzipFile):
            for line in lines:
                count += bool(line.strip())
    return count


def _unpacked(raw: bytes, name: str) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            text = stream.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BatchRefused(
            "The file is a damaged or truncated gzip.",
            where=name,
            hint="have the provider send it again",
        ) from error
    if len(text) > _MOST_BYTES:
        raise BatchRefused(
            f"The file decompresses to more than {_MOST_BYTES >> 30} GiB.",
            where=name,
            hint="have the provider split it",
        )
    return text


def _decoded(raw: bytes) -> tuple[list[str], list[bool]]:
    texts, flags = [], []
    for line in raw.removesuffix(b"\n").split(b"\n"):
        try:
            texts.append(line.decode())
            flags.append(False)
        except UnicodeDecodeError:
            # The escapes keep every byte, so that the record can be repaired and replayed.
            texts.append(line.decode(errors="backslashreplace"))
            flags.append(True)
    return texts, flags
