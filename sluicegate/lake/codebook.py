"""Codebooks: tables of this process that say which pseudonym each original value has.

Only for values that are exchanged among those of their kind, which takes more than SQL is made
for. Each distinct value is looked at once, wherever in the lake it stands and however often.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import polars as pl

from sluicegate.lake.session import Session
from sluicegate.pseudonyms import Mask, Pseudonyms, Replacement

VALUES_AT_ONCE = 100_000
"""Values that are given pseudonyms together: what bounds memory."""

_TYPES = {Mask.NUMBER: "BIGINT", Mask.DAY: "DATE"}


def type_of(mask: Mask) -> str:
    """DuckDB's type of the values that a mask replaces."""
    return _TYPES.get(mask, "VARCHAR")


class Codebooks:
    """The codebooks of one copy; they are gone when the session's connection is closed."""

    def __init__(self, session: Session, pseudonyms: Pseudonyms) -> None:
        self._session = session
        self._pseudonyms = pseudonyms
        self._names: dict[Replacement, str] = {}

    def of(self, replacement: Replacement, values: Iterable[str]) -> str:
        """Name of the table ``original``, ``pseudonym`` for all values of a kind.

        Args:
            replacement: how they are replaced.
            values: queries that yield them, absent ones included; asked the first time only.
        """
        if replacement not in self._names:
            name = f"codebook_{len(self._names)}"
            self._write(name, replacement, " UNION ALL ".join(values))
            self._names[replacement] = name
        return self._names[replacement]

    def _write(self, name: str, replacement: Replacement, values: str) -> None:
        session, kind = self._session, type_of(replacement.mask)
        session.execute(
            f"CREATE TEMP TABLE {name}_values AS SELECT row_number() OVER () AS number, original"
            f" FROM (SELECT DISTINCT original FROM ({values}) AS v(original))"
            " WHERE original IS NOT NULL"
        )
        session.execute(f"CREATE TEMP TABLE {name} (original {kind}, pseudonym {kind})")
        for first in count(1, VALUES_AT_ONCE):
            frame = session.frame(
                f"SELECT original FROM {name}_values WHERE number BETWEEN ? AND ?",
                [first, first + VALUES_AT_ONCE - 1],
            )
            if frame.is_empty():
                break
            pseudonyms = [self._pseudonyms.of(replacement, value) for value in frame["original"]]
            with session.lend(frame.with_columns(pl.Series("pseudonym", pseudonyms))) as lent:
                session.execute(f"INSERT INTO {name} FROM {lent}")
        session.execute(f"DROP TABLE {name}_values")
