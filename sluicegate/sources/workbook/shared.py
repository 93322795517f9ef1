"""How much the texts of a sheet are, where cells share them: each cell gets a copy of its own."""

from __future__ import annotations

import re
import zipfile
from contextlib import suppress

from sluicegate.errors import BatchRefused
from sluicegate.sources.workbook.ooxml import texts_part
from sluicegate.sources.workbook.sheets import Extent, Uncanonical, pieces, whole_cells

MOST_TEXT = 4 << 30
"""Bytes of all texts of a sheet."""

_END = b"</si>"
_shared = re.compile(rb'<c r="[^"]*"[^/>]* t="s"[^>]*>(?:(?!</c>).)*?<v>([0-9]+)', re.DOTALL)


def require_modest_texts(archive: zipfile.ZipFile, part: str, extent: Extent, where: str) -> None:
    """Refuse a sheet whose texts are few, long, and shared by so many cells that they fill memory.

    Args:
        part: the file that holds the sheet.
        where: it is, for messages.
    """
    texts = texts_part(archive) if extent.shared else None
    if texts is None:
        return
    lengths = _lengths(archive, texts)
    total = extent.shared * max(lengths, default=0)
    if total > MOST_TEXT:
        with suppress(Uncanonical, IndexError):
            total = _total(archive, part, lengths, extent.shared)
    if total > MOST_TEXT:
        raise BatchRefused(
            f"The texts of the sheet are more than {MOST_TEXT / 2**30:,.0f} GiB.",
            where=where,
            hint="if it is no bomb, have the provider send delimited text",
        )


def _lengths(archive: zipfile.ZipFile, texts: str) -> list[int]:
    """Bytes of each text, with the XML around it."""
    lengths: list[int] = []
    rest, begin, last = b"", 0, 0
    with archive.open(texts) as stream:
        for piece in pieces(stream):
            held = rest + piece
            for match in re.finditer(_END, held):
                lengths.append(begin + match.end() - last)
                last = begin + match.end()
            rest = held[-len(_END) + 1 :]
            begin += len(held) - len(rest)
    return lengths


def _total(archive: zipfile.ZipFile, part: str, lengths: list[int], cells: int) -> int:
    """Bytes of the texts of all cells, if so many of them are written as they usually are."""
    total = found = 0
    with archive.open(part) as stream:
        for text in whole_cells(stream):
            indexes = _shared.findall(text)
            total += sum(lengths[int(index)] for index in indexes)
            found += len(indexes)
    if found < cells:
        raise Uncanonical
    return total
