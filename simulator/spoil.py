"""Where dirt goes: which records of which day, so that no record is hit twice by accident."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from random import Random

import polars as pl

from simulator.body import PLAIN_MARK
from simulator.dirt import DIRT, REPEATS, Record, soiled_line

_REMEMBERED = 64
"""Clean records kept of each day, for later files to repeat."""


class TooFewRecordsError(ValueError):
    """A day has too few records for the dirt that falls on it."""


@dataclass(frozen=True, slots=True)
class Stain:
    """One dirty record: its place in the file, counted from 0, and its kind."""

    place: int
    kind: str


def spread(days: Sequence[date], rows: Sequence[int], rng: Random) -> list[list[str]]:
    """Share the dirt out over days, in proportion to their rows.

    Every kind that is not confined to a day of the month comes at least once, every confined
    kind at least once on its day.

    Returns:
        For each day the kinds that fall on it, one entry a record.
    """
    total = sum(rows)
    tokens = [
        kind
        for kind, dirt in DIRT.items()
        if dirt.day is None
        for _ in range(max(1, round(dirt.rate * total)))
    ]
    rng.shuffle(tokens)
    ends = list(accumulate(rows))
    kinds: list[list[str]] = [[] for _ in days]
    for place, kind in enumerate(tokens):
        # Evenly spaced over all records: no file gets much more than its share.
        kinds[bisect_right(ends, (2 * place + 1) * total // (2 * len(tokens)))].append(kind)
    for day, count, of_day in zip(days, rows, kinds, strict=True):
        for kind, dirt in DIRT.items():
            if dirt.day == day.day:
                of_day.extend([kind] * max(1, round(dirt.rate * count)))
    return kinds


@dataclass(slots=True)
class Spoiler:
    """Puts dirt into days, one after the other, and remembers clean records to repeat later."""

    rng: Random
    _columns: list[str] = field(default_factory=list)
    _clean: list[Record] = field(default_factory=list)

    def spoil(self, day: pl.DataFrame, kinds: Sequence[str]) -> tuple[pl.Series, list[Stain]]:
        """Write a clean day as lines, some of them dirty.

        Args:
            day: what ``clean_day`` returns.
            kinds: kinds of dirt to put in, one entry a record.

        Returns:
            The lines (String, one a record, without line ends; a record may span lines), and the
            stains in the order of the file.
        """
        fields = day.drop(PLAIN_MARK)
        if fields.columns != self._columns:
            # A repeated line must have the width of the file that it is repeated in.
            self._columns, self._clean = fields.columns, []
        slots = _Slots(day[PLAIN_MARK], self.rng, kinds)
        dirty: dict[int, tuple[str, str]] = {}
        for kind in kinds:
            place, original = self._place(kind, fields, slots)
            dirty[place] = kind, soiled_line(kind, original, self.rng)
        self._clean += [fields.row(place, named=True) for place in slots.spare(_REMEMBERED)]
        lines = fields.select(pl.concat_str(pl.all(), separator=",")).to_series()
        stains = [Stain(place, dirty[place][0]) for place in sorted(dirty)]
        if stains:
            lines = lines.scatter(
                [stain.place for stain in stains], [dirty[stain.place][1] for stain in stains]
            )
        return lines, stains

    def _place(self, kind: str, fields: pl.DataFrame, slots: _Slots) -> tuple[int, Record]:
        if kind == "truncated_line":
            place = fields.height - 1
        elif kind == "broken_quoting":
            place = slots.followed()
        elif kind not in REPEATS:
            place = slots.one()
        elif self._clean and self.rng.random() < 0.5:
            # Each clean record is repeated once at most.
            return slots.one(), self._clean.pop(self.rng.randrange(len(self._clean)))
        else:
            earlier, place = slots.pair()
            return place, fields.row(earlier, named=True)
        return place, fields.row(place, named=True)


class _Slots:
    """Free places of one day, in random order. Only plain records, never the last of the file."""

    def __init__(self, plain: pl.Series, rng: Random, kinds: Sequence[str]) -> None:
        count = Counter(kinds)
        wanted = _REMEMBERED + sum(count.values()) + sum(count[kind] for kind in REPEATS)
        # Some six in seven records are plain, so three times the need is plenty.
        places = range(len(plain) - 1)
        sample = rng.sample(places, min(len(places), 3 * wanted))
        marks = plain.gather(sample)
        self._plain = plain
        self._free = [place for place, mark in zip(sample, marks, strict=True) if mark]
        self._taken: set[int] = set()

    def one(self) -> int:
        """Take a place."""
        return next(self._untaken())

    def pair(self) -> tuple[int, int]:
        """Take two places, the earlier first."""
        first, second = self.one(), self.one()
        return min(first, second), max(first, second)

    def followed(self) -> int:
        """Take a place whose next line has no quotes, and keep it so."""
        for position, place in enumerate(self._free):
            after = place + 1
            if place not in self._taken and after not in self._taken and self._plain[after]:
                del self._free[position]
                self._taken |= {place, after}
                return place
        raise TooFewRecordsError("no free record is followed by another")

    def spare(self, most: int) -> list[int]:
        """Take up to ``most`` of the places that are left."""
        return [place for place, _ in zip(self._untaken(last=False), range(most), strict=False)]

    def _untaken(self, *, last: bool = True) -> Iterator[int]:
        while self._free:
            place = self._free.pop()
            if place not in self._taken:
                self._taken.add(place)
                yield place
        if last:
            raise TooFewRecordsError("no free record is left")
