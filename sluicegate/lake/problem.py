"""A problem of a lake: something that is not there, or not what it was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        what: in one sentence, without its end.
        catalogs: generations and refused runs that show it; empty for what is in a log.
        table: with its schema, if it is in one.
        place: the object that it is in.
    """

    what: str
    catalogs: tuple[str, ...] = ()
    table: str | None = None
    place: str | None = None
