"""The header of a table: found by the names that are known, else told from what stands below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sluicegate.dialect.kinds import TYPED, Kind, kind_of
from sluicegate.dialect.records import Record

_MOST_BEFORE = 200
"""Records that are looked at for a header."""

_MOST_GUESSED = 3
"""Records that are taken for a header by their looks."""

_MOST_DEEP = 8
"""Records, blank ones included, that name columns together."""

_MOST_WORDS = 24
"""Words of a name that are thought of."""

_ENOUGH = 0.5
"""Share of the known names that a header has."""

_NEARLY = 0.1
"""Share of the names by which a header may fall short of the best."""

_YEAR = re.compile("(?:19|20)[0-9]{2}")

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Block:
    """Records that name the columns together.

    Attributes:
        first: its first line.
        last: its last line.
        cells: of each record that is not blank.
        found: share of the known names that it has.
    """

    first: int
    last: int
    cells: tuple[tuple[str, ...], ...]
    found: float

    @property
    def width(self) -> int:
        """Columns that it names, without the cells at its end that are empty in all its records."""
        return max(
            (at for cells in self.cells for at, cell in enumerate(cells, 1) if cell.strip()),
            default=len(self.cells[-1]),
        )


def find(records: Sequence[Record], names: Sequence[str]) -> Block | None:
    """The records that have the most of the known names; None if none has enough of them."""
    wanted = _Wanted(names)
    if not wanted.count:
        return None
    heads = [record for record in records if not record.flaw][:_MOST_BEFORE]
    likely = [record.blank or wanted.touched_by(record) for record in heads]
    blocks: list[Block] = []
    for start, record in enumerate(heads):
        if likely[start] and not record.blank:
            end = next((at for at in range(start, len(heads)) if not likely[at]), len(heads))
            blocks += _blocks(heads[start : min(end, start + _MOST_DEEP)], wanted)
    most = max((block.found for block in blocks), default=0.0)
    # The first that is nearly as good: a second table may have the names once more.
    good = [block for block in blocks if block.found >= most - _NEARLY]
    first = [block for block in good if block.first == good[0].first]
    return max(first, key=lambda block: (block.found, -block.last)) if first else None


class _Wanted:
    """The names that a header is looked for by."""

    def __init__(self, names: Sequence[str]) -> None:
        self.folds = [folded(name) for name in names]
        self.counts = Counter(filter(None, self.folds))
        self.count = self.counts.total()
        self._parts = {part for name in names for part in _parts(name)}

    def touched_by(self, record: Record) -> bool:
        """Whether half of what a record has are names, or parts of them."""
        folds = [fold for fold in map(folded, record.cells) if fold]
        parts = sum(fold in self.counts or fold in self._parts for fold in folds)
        return parts * 2 >= len(folds) > 0

    def found(self, cells: Sequence[tuple[str, ...]]) -> float:
        """Share of the names that a header has, in their order or in another."""
        most = 0
        for names in _merged(cells):
            most = max(most, (Counter(filter(None, map(folded, names))) & self.counts).total())
        return most / self.count


def _parts(name: str) -> Iterator[str]:
    """Words of a name that stand beside each other: what one line of a header may have of it."""
    words = [folded(word) for word in re.findall(r"\w+", name)][:_MOST_WORDS]
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            yield "".join(words[start:end])


def _blocks(heads: Sequence[Record], wanted: _Wanted) -> Iterator[Block]:
    """Headers that begin at the first of some records, if they have enough of the names."""
    cells: tuple[tuple[str, ...], ...] = ()
    for last in heads:
        if last.blank:
            continue
        cells += (last.cells,)
        if (found := wanted.found(cells)) >= _ENOUGH:
            yield Block(heads[0].line, last.last, cells, found)


@lru_cache(maxsize=1 << 14)
def folded(name: str) -> str:
    """A name without what is often lost on the way: case, blanks and marks."""
    return "".join(_WORD.findall(name.casefold())) or " ".join(name.split())


def named(cells: Sequence[tuple[str, ...]], columns: Sequence[str], width: int) -> tuple[str, ...]:
    """What the columns are called: as they are known, where the header says the same.

    Names of several records are joined by a blank; a name above stands for all columns up to the
    next one beside it.
    """
    known = {folded(column): column for column in reversed(columns)}
    variants = [[*names, *[""] * (width - len(names))][:width] for names in _merged(cells)]
    found = []
    for at, said in enumerate(zip(*variants, strict=True)):
        place = columns[at] if at < len(columns) else ""
        folds = [folded(name) for name in said]
        if folded(place) in folds:
            found.append(place)
        else:
            found.append(next((known[fold] for fold in folds if fold in known), said[0].strip()))
    return tuple(found)


def _merged(cells: Sequence[tuple[str, ...]]) -> list[list[str]]:
    """Names from records of a header: with names above that span columns, and without."""
    if len(cells) == 1:
        return [list(cells[0])]
    width = max(map(len, cells))
    rows = [[*row, *[""] * (width - len(row))] for row in cells]
    return [_joined(_spread(rows)), _joined(rows)]


def _spread(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows above the last with each name repeated as far as it spans: up to the next one.

    What stands below a name does not reach beyond it.
    """
    spread: list[list[str]] = []
    starts: set[int] = {0}
    for row in rows[:-1]:
        filled: list[str] = []
        for at, cell in enumerate(row):
            starts |= {at} if cell.strip() else set()
            filled.append(cell if at in starts else filled[-1])
        spread.append(filled)
    return [*spread, list(rows[-1])]


def _joined(rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        " ".join(cell.strip() for cell in column if cell.strip())
        for column in zip(*rows, strict=True)
    ]


def guessed(body: Sequence[Record], width: int, *, known: bool = False) -> int:
    """How many records at the beginning of a table are its header, going by their looks.

    Several are if the last of them has something else in each column below that has a type, and
    none above is like a row. The first alone is one if most such columns have something else there,
    and in a table of texts, if all its cells are texts, each another one, that stand nowhere below.
    Where other names are known, that is not enough: a row must not be lost.
    """
    if len(body) == 1:
        kinds = {kind_of(cell) for cell in body[0].cells}
        return int(kinds <= {Kind.TEXT, Kind.EMPTY})
    for count in range(min(_MOST_GUESSED, len(body) - 1), 1, -1):
        against, alike, _ = _held_against(body[count - 1 :], width)
        above = [_held_against([each, *body[count:]], width)[1] for each in body[: count - 1]]
        if against > 1 and not alike and max(above) < against:
            return count
    against, alike, texts = _held_against(body, width)
    if against or alike or known:
        return int(against > alike)
    once = len({cell for cell, _ in texts}) == len(texts)
    return int(once and not any(cell in below for cell, below in texts))


def _held_against(
    body: Sequence[Record], width: int
) -> tuple[int, int, list[tuple[str, tuple[str, ...]]]]:
    """The first record beside those below.

    Returns:
        columns with a type that it has not, those that have it there too, and the others, each as
        its cell and the cells below.
    """
    first = body[0].cells
    rows = (record.cells for record in body[1:] if not record.flaw)
    rest = [cells for cells in rows if len(cells) == width and cells != first]
    against = alike = 0
    texts: list[tuple[str, tuple[str, ...]]] = []
    years = _years(first)
    for at, (cell, *column) in enumerate(zip(first, *rest, strict=False)):
        below = tuple(each.strip() for each in column if each.strip())
        typed = sum(kind_of(each) in TYPED for each in below)
        kind = kind_of(cell)
        if typed > 0.6 * len(below):
            named_by_year = at in years and not all(map(_YEAR.fullmatch, below))
            alike += kind in TYPED and not named_by_year
            against += named_by_year or kind not in TYPED | {Kind.EMPTY}
        elif kind is not Kind.EMPTY:
            texts.append((cell.strip(), below))
    return against, alike, texts


def _years(cells: Sequence[str]) -> set[int]:
    """Where in a record years follow each other, as names of columns do."""
    numbers = [int(cell) if _YEAR.fullmatch(cell.strip()) else 0 for cell in cells]
    found: set[int] = set()
    for at, (one, other) in enumerate(pairwise(numbers)):
        if one and other and abs(one - other) == 1:
            found |= {at, at + 1}
    return found
