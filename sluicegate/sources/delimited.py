"""Delimited text as it really is: records, and what cannot be one.

Every record that the source meant to send is either a row of text cells or a reject with its line
and its text; blank lines are neither. A record starts at a physical line, which is how people find
it again. Well-formed records are parsed by polars; only lines that look wrong are looked at one by
one, so that a broken quote costs one record and not the rest of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sluicegate.errors import BatchRefused, ContractError
from sluicegate.opening import Content
from sluicegate.sources.headers import named
from sluicegate.sources.members import require_glob
from sluicegate.sources.records import BLANK, LINE, Records, left_out
from sluicegate.sources.rows import Table
from sluicegate.sources.text import BLOCK, Block, blocks, count_lines, require_encoding


@dataclass(frozen=True, slots=True)
class Delimited:
    """Delimited text, packed or not.

    Attributes:
        delimiter: the one character between fields.
        header: whether the first line that is not blank names the columns. If not, they are
            those of the contract, in its order.
        encoding: what its bytes mean, by the name that Python has for it.
        members: which files of a zip are meant, such as ``*.csv``; by default all of them.
    """

    delimiter: str = ","
    header: bool = True
    encoding: str = "utf-8"
    members: str | None = None

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        require_glob(self.members)
        mark = self.delimiter
        if len(mark) != 1 or not mark.isascii() or mark in '"\r\n\0':
            raise ContractError(
                f"{self.delimiter!r} cannot separate fields.",
                hint="write one character of ASCII, such as ',' or ';'",
            )

    def read(
        self, content: Content, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        given = None if self.header else tuple(column for column in columns if column != LINE)
        found = read_delimited(
            content,
            delimiter=self.delimiter,
            name=name,
            header=given,
            encoding=self.encoding,
        )
        for records in found:
            yield from records.parts(most)

    def count(self, content: Content) -> int:
        """Lines that are not blank, but for the header."""
        return max(0, count_lines(content, self.encoding) - self.header)


def read_delimited(
    content: Content | bytes,
    *,
    delimiter: str = ",",
    name: str = "",
    header: tuple[str, ...] | None = None,
    encoding: str = "utf-8",
    size: int = BLOCK,
) -> Iterator[Records]:
    """Read a delimited text block by block; there is at least one.

    Args:
        header: the column names; by default its first line that is not blank says them.
        encoding: what its bytes mean.
        size: bytes of a block, about.

    Raises:
        BatchRefused: it has no header, is damaged, or is no text at all.
    """
    table = Table(header, delimiter, name) if header else None
    told, rest, blank = False, b"", 0
    for new in blocks(content, name, encoding, size):
        block = _after(rest, new)
        if table is None:
            before = block.first
            table, block = _headed(block, delimiter, name)
            blank += block.first - before - (table is not None)
        if table is None:
            continue
        records, rest = table.read(block)
        blank += records.left_out.get(BLANK, 0)
        untold = blank if told else not header
        if records.count or (block.last and untold):
            told = True
            yield replace(records, share=block.share, left_out=left_out(BLANK, blank))
            blank = 0
    if not told:
        what = "" if header else ": it has not even a header"
        raise BatchRefused(f"The file is empty{what}.", where=name)


def _after(rest: bytes, block: Block) -> Block:
    """A block with what was left of the one before."""
    first = block.first - rest.count(b"\n")
    return replace(block, raw=rest + block.raw, first=first) if rest else block


def _headed(block: Block, delimiter: str, name: str) -> tuple[Table | None, Block]:
    """The table that the first line which is not blank names, and what follows that line."""
    raw, line = block.raw, block.first
    while raw:
        text, _, raw = raw.partition(b"\n")
        if filled := text.strip(b"\r"):
            names = _names(filled, delimiter, f"{name}, line {line:,}")
            return Table(names, delimiter, name), replace(block, raw=raw, first=line + 1)
        line += 1
    return None, replace(block, raw=b"", first=line)


def _names(line: bytes, delimiter: str, where: str) -> tuple[str, ...]:
    try:
        (header,) = csv.reader([line.decode(errors="backslashreplace")], delimiter=delimiter)
    except csv.Error as error:
        raise BatchRefused(
            f"The header cannot be read: {error}.",
            where=where,
            hint="lines must end in a line feed, and the header must be one of them",
        ) from error
    return named(header, where)
