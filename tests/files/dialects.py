"""Texts that are read under the dialect that is found for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluicegate.dialect import Declared, Dialect, Kind, Part, Reading, Record, detect, lines_of


@dataclass(frozen=True, slots=True)
class Read:
    """A text, read: its dialect, header, and records by what they are."""

    dialect: Dialect
    header: tuple[str, ...]
    parts: list[tuple[Part, Record]]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return [record.cells for part, record in self.parts if part is Part.ROW]

    @property
    def rejects(self) -> list[tuple[int, str, str]]:
        """Line, rule and text of every reject."""
        return [
            (record.line, (record.flaw or "").removeprefix("record:"), record.text)
            for part, record in self.parts
            if part is Part.REJECT
        ]

    def lines(self, part: Part) -> list[int]:
        """First lines of the records that are a part."""
        return [record.line for each, record in self.parts if each is part]


def read(
    text: str,
    columns: Sequence[str] = (),
    types: Mapping[str, Kind] | None = None,
    declared: Declared | None = None,
) -> Read:
    """Find the dialect of a text, and read it."""
    found = detect(text, columns=columns, types=types or {}, declared=declared).dialect
    return read_under(found, text, columns)


def read_under(dialect: Dialect, text: str, columns: Sequence[str] = ()) -> Read:
    """Read a text under a dialect."""
    reading = Reading(dialect, columns)
    parts = list(reading.parts(lines_of(text, returns=dialect.returns)))
    return Read(dialect, reading.header, parts)
