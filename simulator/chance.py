"""Random numbers by name: the same on every machine, whatever the version of a library.

A draw is a hash (SplitMix64) of its seed, its name and its row number. Because draws are named,
a new column does not move the values of the others, and a day can be made again on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate

import polars as pl

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


@dataclass(frozen=True, slots=True)
class Chance:
    """A source of named draws; two sources with one seed give the same draws."""

    seed: str

    def uniform(self, name: str, rows: int) -> pl.Series:
        """Draw numbers in [0, 1), evenly spread. Returns ``rows`` of Float64."""
        first = int.from_bytes(sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big")
        # Unsigned integers wrap around in polars, which is the arithmetic that SplitMix64 wants.
        state = pl.int_range(1, rows + 1, dtype=pl.UInt64) * _u64(_GOLDEN) + _u64(first)
        mixed = _xor_shift(state, 30) * _u64(_MIX_1)
        mixed = _xor_shift(mixed, 27) * _u64(_MIX_2)
        mixed = _xor_shift(mixed, 31)
        # 53 bits are what a Float64 holds exactly.
        return pl.select((mixed // _u64(1 << 11)).cast(pl.Float64) / float(1 << 53)).to_series()

    def normal(self, name: str, rows: int) -> pl.Series:
        """Draw from the standard normal distribution. Returns ``rows`` of Float64."""
        radius = (1.0 - self.uniform(f"{name}/radius", rows)).log() * -2.0
        angle = self.uniform(f"{name}/angle", rows) * 6.283185307179586
        return radius.sqrt() * angle.cos()

    def below(self, name: str, rows: int, ceiling: int) -> pl.Series:
        """Draw whole numbers in [0, ceiling), evenly. Returns ``rows`` of Int64."""
        return (self.uniform(name, rows) * ceiling).cast(pl.Int64)

    def pick(self, name: str, rows: int, weights: Sequence[float]) -> pl.Series:
        """Draw positions of ``weights`` in proportion to them. Returns ``rows`` of UInt32."""
        total = sum(weights)
        edges = pl.Series([edge / total for edge in accumulate(weights)][:-1], dtype=pl.Float64)
        return edges.search_sorted(self.uniform(name, rows), side="right")


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)


def _xor_shift(state: pl.Expr, bits: int) -> pl.Expr:
    return state ^ (state // _u64(1 << bits))
