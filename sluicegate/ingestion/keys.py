"""Keys that many rows have, kept part by part: looked for only where they can be."""

from __future__ import annotations

from typing import Any

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
        self._parts: list[tuple[Any, Any, pl.DataFrame]] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Keep the keys of some rows, with the bounds of their first column."""
        if not rows.is_empty():
            keys = rows.select(self._columns)
            self._parts.append((*_bounds(keys), keys))

    def near(self, rows: pl.DataFrame) -> pl.DataFrame | None:
        """Those that some rows may have, and perhaps others; None if there are none."""
        keys = rows.select(self._columns)
        if keys.is_empty():
            return None
        least, most = _bounds(keys)
        found = [part for low, high, part in self._parts if low <= most and least <= high]
        return pl.concat(found) if found else None


def _bounds(keys: pl.DataFrame) -> tuple[Any, Any]:
    first = keys.to_series()
    return first.min(), first.max()
