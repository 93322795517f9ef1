"""What a column holds, going by its looks, and what in it can be read in two ways."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sluicegate.dialect.kinds import NUMBERS, Kind, kind_of

_MIXED = 0.9
"""Share of the cells that have one type, where the rest are worth a word."""

PADDED = "^[+-]?0[0-9]"
"""How digits begin that are no number: as one they would lose their noughts."""

CODES = "digits with leading zeros: codes, not numbers"
"""What is said of them."""

_NUMBER = re.compile(r"\d[\d.,' \u00a0\u202f]*")
_GROUPED = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_DAY = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Shape:
    """A column, as its cells look.

    Attributes:
        kind: integer, decimal, date, timestamp, time, boolean or text; empty if no cell has a text.
        notes: what one should know before one reads them as that.
    """

    kind: Kind
    notes: tuple[str, ...] = ()


def shape_of(cells: Iterable[str]) -> Shape:
    """What the cells of a column look like."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    kinds = Counter(kind_of(cell) for cell in filled)
    kinds.pop(Kind.EMPTY, None)
    if not kinds:
        return Shape(Kind.EMPTY)
    if kinds.keys() <= NUMBERS:
        kind = Kind.DECIMAL if Kind.DECIMAL in kinds else Kind.INTEGER
        return _padded(kind, filled) or Shape(kind, _numbers(filled))
    kind, count = kinds.most_common(1)[0]
    if kind in NUMBERS:
        count = sum(kinds[each] for each in NUMBERS)
        kind = Kind.DECIMAL if kinds[Kind.DECIMAL] else kind
    if kind is Kind.ODD or count < kinds.total() * _MIXED:
        return Shape(Kind.TEXT)
    right = [cell for cell in filled if kind_of(cell) is kind]
    notes = [] if count == kinds.total() else [_others(kinds, kind)]
    if codes := _padded(kind, right):
        return Shape(codes.kind, (*codes.notes, *notes))
    if kind is Kind.DECIMAL:
        notes += _numbers(right)
    if kind in {Kind.DATE, Kind.TIMESTAMP}:
        notes += _days(right)
    return Shape(kind, tuple(notes))


def _padded(kind: Kind, cells: Sequence[str]) -> Shape | None:
    """Texts, if integers are padded with noughts."""
    if kind is Kind.INTEGER and any(re.match(PADDED, cell) for cell in cells):
        return Shape(Kind.TEXT, (CODES,))
    return None


def _others(kinds: Counter[Kind], kind: Kind) -> str:
    """How many cells are of another kind than most, and of which."""
    of_it = NUMBERS if kind in NUMBERS else {kind}
    others = {each: count for each, count in kinds.items() if each not in of_it}
    named = sorted("something else" if each is Kind.ODD else each.value for each in others)
    count = sum(others.values())
    look = "looks" if count == 1 else "look"
    return f"{count:,} of {kinds.total():,} cells {look} like {' or '.join(named)}"


def _numbers(cells: Sequence[str]) -> tuple[str, ...]:
    """How decimals are written, where they have a point or a comma at all."""
    marks: set[str] = set()
    unclear = False
    for cell in cells:
        if found := _NUMBER.search(cell):
            number = found.group().rstrip()
            if _GROUPED.fullmatch(number):
                unclear = unclear or "," in number
            elif mark := _decimal_mark(number):
                marks.add(mark)
    notes = []
    if marks == {","}:
        notes.append("decimals use commas")
    elif len(marks) == 2:
        notes.append("decimals use commas and points")
    if unclear and not marks:
        notes.append("a comma may group thousands or begin decimals")
    return tuple(notes)


def _decimal_mark(number: str) -> str | None:
    """The point or comma before the decimals of a number; None if it has none."""
    last = max(number.rfind("."), number.rfind(","))
    if last < 0 or number.count(number[last]) > 1:
        return None
    return number[last]


def _days(cells: Sequence[str]) -> list[str]:
    """In how many formats dates are written, and whether the day can be told from the month."""
    formats: dict[str, None] = {}
    firsts: list[int] = []
    seconds: list[int] = []
    for cell in cells:
        found = _DAY.search(cell)
        if not found:
            formats.setdefault(_DIGITS.sub("9", re.sub("[A-Za-z]+", "a", cell.split(":")[0])))
            continue
        first, mark, second, last = found.groups()
        if len(first) > 2:
            formats.setdefault(f"year{mark}month{mark}day")
            continue
        formats.setdefault(f"?{mark}?{mark}{'year' if len(last) > 2 else 'yy'}")
        firsts.append(int(first))
        seconds.append(int(second))
    notes = [_order(max(firsts), max(seconds))] if firsts else []
    if len(formats) > 1:
        notes.append(f"dates in {'two' if len(formats) == 2 else len(formats)} formats")
    return [note for note in notes if note]


def _order(first: int, second: int) -> str:
    if first > 12 and second > 12:
        return "dates in two formats: day first, and month first"
    if first > 12:
        return "day first"
    return "month first" if second > 12 else "day or month first: nothing tells"
