"""Headers: the names of columns as they are sent, told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sluicegate.errors import BatchRefused

MOST_COLUMNS = 10_000
"""Columns that a header may name; what has more is no table, but one that fell over."""


def named(header: Sequence[str], where: str) -> tuple[str, ...]:
    """The names of a header, without what pads them.

    Raises:
        BatchRefused: there are too many, or one is there twice or is no name.
    """
    if len(header) > MOST_COLUMNS:
        raise BatchRefused(
            f"The header names {len(header):,} columns; a table may have {MOST_COLUMNS:,}.",
            where=where,
            hint="have the provider send a row a record, and not a column",
        )
    names = tuple(column.strip() for column in header)
    counts = Counter(names)
    if twice := [n for n, column in enumerate(names, 1) if counts[column] > 1 or not column]:
        # By number: of a file without a header, what stands there are values of a row.
        listed = ", ".join(map(str, twice[:9])) + (", ..." if len(twice) > 9 else "")
        raise BatchRefused(
            f"The header names a column twice or not at all: its columns {listed}.", where=where
        )
    return names
