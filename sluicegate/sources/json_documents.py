"""JSON documents: one with a list of records, or the pages of an API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sluicegate.errors import ContractError
from sluicegate.sources.json_records import EACH, count_records, record_blocks
from sluicegate.sources.ndjson import records_of
from sluicegate.sources.records import Records
from sluicegate.sources.text import require_encoding


@dataclass(frozen=True, slots=True)
class Json:
    """One JSON document with a list of records, packed or not, of any size.

    A record's position is its number, from 1. What the document says beside the list is not read.

    Attributes:
        records: the members that lead to the list, such as ``data.items``; nothing, if the
            document is that list.
        encoding: what its bytes mean, by the name that Python has for it.
    """

    records: str = ""
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        if not all(self._path):
            raise ContractError(
                f"{self.records!r} leads to no list of records.",
                hint="write the names of members with a dot between them, such as data.items",
            )

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        del columns
        for records in records_of(record_blocks(content, name, self._path, self.encoding)):
            yield from records.parts(most)

    def count(self, content: Path) -> int:
        """Records; of a damaged document, those before it breaks off."""
        return count_records(content, self._path, self.encoding)

    @property
    def _path(self) -> list[str]:
        return self.records.split(".") if self.records else []


@dataclass(frozen=True, slots=True)
class JsonPages:
    """Pages of an API, archived as one JSON array of the documents that were sent.

    Attributes:
        records: member of each document that holds its records.
    """

    records: str = "data"

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        del columns
        for records in records_of(record_blocks(content, name, (EACH, self.records))):
            yield from records.parts(most)

    def count(self, content: Path) -> int:
        """Records; pages are checked before they are archived."""
        return count_records(content, (EACH, self.records))
