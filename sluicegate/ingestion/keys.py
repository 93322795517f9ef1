"""Keys that many rows have, kept part by part: looked for only where they can be."""

from __future__ import annotations

import polars as pl


class Keys:
    """Keys of rows that come in parts.

    Files are mostly sorted by something, so that a later part has few keys within the bounds of
    earlier ones; only these are looked at.

    Args:
        columns: of the key.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._parts: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Keep the keys of some rows."""
        if not rows.is_empty():
            self._parts.append(rows.select(self._columns))

    def near(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those that some rows may have, and perhaps others."""
        found = [part for part in self._parts if _overlap(part, rows, self._columns[0])]
        return pl.concat(found) if found else rows.select(self._columns).clear()


def _overlap(part: pl.DataFrame, rows: pl.DataFrame, column: str) -> bool:
    """Whether the bounds of a column do; of no rows there are none."""
    mine, theirs = rows[column], part[column]
    if mine.is_empty():
        return False
    return bool(mine.min() <= theirs.max() and theirs.min() <= mine.max())  # type: ignore[operator]
