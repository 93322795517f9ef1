"""Detection: the dialect of a text from the beginning of it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from types import MappingProxyType

from sluicegate.dialect.candidates import USUAL, candidates
from sluicegate.dialect.consistency import Look, look
from sluicegate.dialect.dialect import Declared, Dialect
from sluicegate.dialect.encoding import other_format, relabelled
from sluicegate.dialect.kinds import Kind
from sluicegate.dialect.layout import comment_of, placed
from sluicegate.dialect.records import Lexer, Record
from sluicegate.errors import BatchRefused

MOST_LINES = 400
MOST_CHARACTERS = 1 << 17
"""Lines, and characters, that dialects are tried on."""

MOST_COLUMNS = 1 << 14
"""Columns of a table; no spreadsheet has more."""

_ONE_BLANK = re.compile(r" (?! )")

_NO_RECORD = Record(0, 0, "", ())

_CLOSE = 0.9
"""A second dialect this near to the first leaves the text undecided."""


NO_TYPES: Mapping[str, Kind] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Detected:
    """A dialect, and how sure that is.

    Attributes:
        rival: the best dialect that would read other cells, if any.
        confidence: from 0, as good as the rival, to 1, there is none.
    """

    dialect: Dialect
    rival: Dialect | None
    confidence: float


def detect(
    text: str,
    *,
    columns: Sequence[str] = (),
    types: Mapping[str, Kind] = NO_TYPES,
    declared: Declared | None = None,
    whole: bool = True,
    name: str = "text",
) -> Detected:
    """Find the dialect of a text.

    Args:
        text: the beginning of it.
        columns: names of its columns, as far as they are known. They need not be in it.
        types: what columns hold, as far as it is known.
        declared: what is known of the dialect: nothing else is tried in its place.
        whole: whether that is all of the text; if not, its last line is cut off.
        name: of the file, for messages.

    Raises:
        BatchRefused: it is empty or of another format, it has too many columns, or two dialects are
            as good.
    """
    known = declared or Declared()
    if not text.strip():
        raise BatchRefused("The file is empty: it has not even a header.", where=name)
    if what := other_format(text):
        raise BatchRefused(
            f"The file is not delimited text: it is {what}.",
            where=name,
            hint="look at what the provider sent: it may be an error message",
        )
    if "relabelled" not in known:
        known = {**known, "relabelled": relabelled(text)}
    tried = [each for each in candidates(text, known) if not _too_wide(each, text)]
    looks = [look(each, sampled(each, text, whole=whole), columns, types) for each in tried]
    looks.sort(key=lambda each: -each.score)
    alone = not looks or looks[0].dialect.delimiter is None
    if alone and any(_wide(mark, text) for mark in USUAL):
        raise BatchRefused(
            f"The table has more than {MOST_COLUMNS:,} columns.",
            where=name,
            hint="have the provider send it with rows and columns exchanged, or in parts",
        )
    best = looks[0]
    rival = next((each for each in looks[1:] if _reads_otherwise(each, best)), None)
    confidence = 1 - rival.score / best.score if rival else 1.0
    if rival and confidence < 1 - _CLOSE and not best.block:
        raise BatchRefused(
            "The dialect cannot be told: two read the file as well as each other.",
            where=name,
            hint=f"declare one: {best.dialect}; or {rival.dialect}",
        )
    dialect = _placed(best, len(columns), known)
    return Detected(dialect, rival.dialect if rival else None, confidence)


def _too_wide(dialect: Dialect, text: str) -> bool:
    return dialect.delimiter is not None and _wide(dialect.delimiter, text)


def _wide(delimiter: str, text: str) -> bool:
    """Whether a line has more cells than tables have columns."""
    if text.count(delimiter) < MOST_COLUMNS:
        return False
    return any(line.count(delimiter) >= MOST_COLUMNS for line in text.splitlines())


def lines_of(text: io.TextIOBase | str, *, returns: bool) -> Iterator[str]:
    """Physical lines with their ends."""
    source = io.StringIO(text, newline="" if returns else "\n") if isinstance(text, str) else text
    return iter(source)


def sampled(dialect: Dialect, text: str, *, whole: bool) -> list[Record]:
    """Records of the beginning of a text."""
    lines = list(_some(lines_of(text, returns=dialect.returns)))
    if len(lines) > 1 and not (whole and sum(map(len, lines)) == len(text)):
        lines.pop()
    return list(Lexer(dialect).records(lines))


def _some(lines: Iterable[str]) -> Iterator[str]:
    size = 0
    for count, line in enumerate(lines, 1):
        yield line
        size += len(line)
        if count >= MOST_LINES or (size >= MOST_CHARACTERS and count >= 20):
            return


def _reads_otherwise(one: Look, other: Look) -> bool:
    """Whether two looks cut the text in other places; quotes alone are no reason for doubt."""
    marks = [
        (each.dialect.delimiter, each.dialect.runs, each.dialect.returns) for each in (one, other)
    ]
    return marks[0] != marks[1] and any(
        ours.cells != theirs.cells
        for ours, theirs in zip_longest(one.records, other.records, fillvalue=_NO_RECORD)
    )


def _placed(best: Look, names: int, known: Declared) -> Dialect:
    """The dialect with its encoding, preamble, header and width."""
    found = placed(best.records, best.width, best.block, known=names == best.width)
    preamble = [record for record in best.records if record.line <= found.preamble]
    end = found.preamble + found.header
    header = [record for record in best.records if found.preamble < record.line <= end]
    return replace(
        best.dialect,
        encoding=known.get("encoding", best.dialect.encoding),
        comment=known.get("comment", comment_of(preamble)),
        preamble=known.get("preamble", found.preamble),
        header=known.get("header", found.header),
        width=known.get("width", found.width),
        row_names=known.get("row_names", found.row_names),
        trimmed=known.get("trimmed", _trims(best, header)),
    )


def _trims(best: Look, header: Sequence[Record]) -> bool:
    """Whether one blank follows every delimiter: it is part of that then, not of the cells.

    A header must say so, too: no name begins with a blank, but a number that is aligned may. More
    than one blank align columns, and are left as they are.
    """
    if best.dialect.delimiter in {None, " ", "\t"} or not header:
        return False
    quote = best.dialect.quote or '"'
    plain = [record.cells for record in best.records if quote not in record.text]
    rows = [cells[1:] for cells in plain if len(cells) == best.width > 1]
    cells = [cell for row in rows for cell in row if cell]
    return len(rows) > 1 and bool(cells) and all(_ONE_BLANK.match(cell) for cell in cells)
