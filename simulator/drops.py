"""How a day becomes a file: its name, its bytes, and a rename that makes it appear at once."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from simulator.body import columns_of
from simulator.dirt import ENCODING_DAY, TRUNCATED_DAY

BOM_DAY = 7
CRLF_DAY = 12
_SUNDAY = 6
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Form:
    """The physical form of one day's file. Only ``cp1252`` and ``truncated`` are faults."""

    gzip: bool
    bom: bool
    crlf: bool
    cp1252: bool
    truncated: bool

    @classmethod
    def of(cls, day: date) -> Form:
        """Decide the form by the calendar: gzip on Sundays, the rest by day of the month."""
        return cls(
            gzip=day.weekday() == _SUNDAY,
            bom=day.day == BOM_DAY,
            crlf=day.day == CRLF_DAY,
            cp1252=day.day == ENCODING_DAY,
            truncated=day.day == TRUNCATED_DAY,
        )


def drop_name(day: date) -> str:
    """Name of the file of one day."""
    return f"payments_{day.isoformat()}.csv" + (".gz" if Form.of(day).gzip else "")


def line_numbers(lines: pl.Series) -> pl.Series:
    """Number the physical lines on which records start. The header is line 1. Returns Int64."""
    breaks = lines.str.count_matches("\n", literal=True).cast(pl.Int64)
    before = breaks.cum_sum() - breaks
    return pl.int_range(2, len(lines) + 2, eager=True) + before


def write_drop(folder: Path, day: date, lines: pl.Series, *, clean: bool = False) -> int:
    """Write one day's records.

    Args:
        folder: where the file appears, under its own name and only when it is complete.
        day: decides the file's name, header and form.
        lines: the records as text, without line ends.
        clean: whether the file is whole even on the day on which the transfer breaks off.

    Returns:
        Size of the file in bytes.
    """
    content = _encoded(day, lines, clean=clean)
    write_atomically(folder / drop_name(day), content)
    return len(content)


def write_atomically(file: Path, content: bytes) -> None:
    """Write under a hidden temporary name in the same folder, then rename."""
    hidden = file.with_name(f".{file.name}.part")
    hidden.write_bytes(content)
    hidden.replace(file)


def _encoded(day: date, lines: pl.Series, *, clean: bool) -> bytes:
    form = Form.of(day)
    text = ",".join(columns_of(day)) + "\n" + (lines.str.join("\n").item() or "")
    if clean or not form.truncated:
        text += "\n"
    if form.crlf:
        # The whole file went through a transfer in text mode, line breaks in fields included.
        text = text.replace("\n", "\r\n")
    content = text.encode("cp1252" if form.cp1252 else "utf-8")
    if form.bom:
        content = _BOM + content
    # No time stamp in the gzip header: the same records give the same bytes.
    return gzip.compress(content, compresslevel=3, mtime=0) if form.gzip else content
