"""Looking the sheets of an ods file through before they are read; see OpenDocument 1.3, part 3."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from sluicegate.sources.workbook.sheets import Extent, Protected, parse

MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"

_MOST_ERRORS = 1_000_000
"""Cells with an error; a sheet with more of them has no other ones to speak of."""


def sheet_extents(archive: zipfile.ZipFile) -> dict[str, Extent]:
    """What each sheet has, by its name.

    Raises:
        Unreadable: its content is no XML.
        Protected: it is encrypted.
    """
    if b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise Protected
    found = _Content()
    with archive.open("content.xml") as stream:
        parse(stream, found.start)
    return found.extents


class _Content:
    """Where the next cell stands: rows and cells say how often they are repeated."""

    def __init__(self) -> None:
        self.extents: dict[str, Extent] = {}
        self._extent = Extent()
        self._rows = self._columns = range(1, 1)
        self._errors = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        said = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        match name.rpartition(":")[2]:
            case "table":
                self._extent = self.extents.setdefault(said.get("name", ""), Extent())
                self._rows = range(1, 1)
            case "table-row":
                self._rows = _next(self._rows, said.get("number-rows-repeated"))
                self._columns = range(1, 1)
            case "table-cell" | "covered-table-cell":
                self._columns = _next(self._columns, said.get("number-columns-repeated"))
                kinds = [v for key, v in attributes.items() if key.endswith(":value-type")]
                if kinds:
                    rows, columns = self._rows, self._columns
                    self._extent.reach((rows[0], rows[-1]), (columns[0], columns[-1]))
                if "error" in kinds:
                    self._fault()

    def _fault(self) -> None:
        for row, column in self._cells():
            self._errors += 1
            if self._errors > _MOST_ERRORS:
                return
            self._extent.fault(row, column, "#ERROR!")

    def _cells(self) -> Iterator[tuple[int, int]]:
        return ((row, column) for row in self._rows for column in self._columns)


def _next(before: range, repeated: str | None) -> range:
    """What follows, as often as it is repeated."""
    return range(before.stop, before.stop + max(1, int(repeated or 1)))
