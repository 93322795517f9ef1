"""Preview of what is no delimited text: JSON, Parquet and workbooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from sluicegate.contracts.texts import as_text
from sluicegate.csv_files import CsvWriter, whole_file
from sluicegate.dialect import Part, Record
from sluicegate.errors import BatchRefused
from sluicegate.pipeline.previewed import (
    AGAIN,
    MOST_LOOKED_AT,
    MOST_READ,
    MOST_REJECTED,
    Previewed,
    seen_as,
    unknown_of,
)
from sluicegate.scaffold.formats import Told
from sluicegate.sources import LINE, Excel, Json, Ndjson, Parquet, Records

_CALLED = {
    Ndjson: "JSON, one object a line",
    Json: "a JSON document",
    Parquet: "Parquet",
    Excel: "a workbook",
}
_AT_ONCE = 10_000


def previewed(
    file: Path,
    way: Told,
    *,
    columns: Sequence[str],
    output: Path | None,
    exact: bool,
    rows: int,
) -> Previewed:
    """Read a file as a source of this format would, and write the reading if asked.

    Args:
        way: how it is read.
        columns: names of its columns, as far as they are known.
        output: the file to write, as CSV.
        exact: whether its cells are written as they are, or so that no spreadsheet runs them.
        rows: how many to keep to be shown.

    Raises:
        BatchRefused: the file would be held; for a lack of records if nothing is to be written.
        EnvironmentFailed: the reading cannot be written.
    """
    seen = _Seen(_header(file, way) if output else way.columns, max(rows, MOST_LOOKED_AT))
    with ExitStack() as stack:
        if output:
            target = stack.enter_context(whole_file(output))
            seen.write_to(CsvWriter(target, exact=exact))
        whole = seen.all(_parts(file, way))
    if not seen.counts.total() and output is None:
        raise BatchRefused("The file has not a single record.", where=file.name, hint=AGAIN)
    return Previewed(
        file,
        None,
        seen.header,
        tuple(seen_as(column, seen.counts[Part.ROW]) for column in seen.columns()),
        tuple(seen.rows[:rows]),
        tuple(seen.rejected),
        seen.counts,
        whole,
        output,
        changed=seen.writer.changed if seen.writer else 0,
        named=len(columns),
        unknown=unknown_of(columns, seen.header),
        form=(_CALLED[type(way.format)], way.declared),
        remarks=way.remarks,
        broken=seen.broken,
    )


class _Seen:
    """What is kept of records, and written of them.

    Args:
        header: names of columns that are known before; records may name more.
        most: rows that are kept.
    """

    def __init__(self, header: tuple[str, ...], most: int) -> None:
        self.header = header
        self.rejected: list[Record] = []
        self.broken: Counter[str] = Counter()
        self.counts: Counter[Part] = Counter()
        self.writer: CsvWriter | None = None
        self._most = most
        self._rows: list[dict[str, str]] = []

    def write_to(self, writer: CsvWriter) -> None:
        """Write what follows, too."""
        self.writer = writer
        writer.write([self.header])

    def all(self, parts: Iterator[Records]) -> bool:
        """Take in records: all of them, if they are written; tells whether they were all."""
        for part in parts:
            if self.writer is None and self.counts.total() >= MOST_READ:
                return False
            self._take(part)
        return True

    def _take(self, part: Records) -> None:
        self.header = tuple(dict.fromkeys([*self.header, *part.header]))
        texts = part.rows.select(as_text(name, part.rows.schema[name]) for name in _own(part))
        self.counts += Counter({Part.ROW: part.rows.height, Part.REJECT: part.rejects.height})
        # Records may say nothing at all, and are records.
        records = texts.rows(named=True) if texts.width else [{}] * part.rows.height
        self._rows += records[: max(0, self._most - len(self._rows))]
        self.broken += Counter(part.rejects["rule"].to_list())
        lost = part.rejects.select(LINE, "text", "rule").head(MOST_REJECTED - len(self.rejected))
        self.rejected += [Record(line, line, text, (), rule) for line, text, rule in lost.rows()]
        if self.writer:
            self.writer.write(map(self._record, records))

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The first ones."""
        return [self._record(row) for row in self._rows]

    def columns(self) -> list[tuple[str, ...]]:
        """Cells of each column."""
        return list(zip(*self.rows, strict=True)) or [() for _ in self.header]

    def _record(self, row: Mapping[str, str | None]) -> tuple[str, ...]:
        """An absent value is an empty cell, as files of CSV have it."""
        return tuple(row.get(name) or "" for name in self.header)


def _own(part: Records) -> list[str]:
    return [name for name in part.header if name in part.rows.columns and name != LINE]


def _parts(file: Path, way: Told) -> Iterator[Records]:
    return iter(way.format.read(file, name=file.name, columns=way.columns, most=_AT_ONCE))


def _header(file: Path, way: Told) -> tuple[str, ...]:
    """All columns: records of JSON name them as they come."""
    if not isinstance(way.format, Ndjson | Json):
        return way.columns
    return tuple(dict.fromkeys(name for part in _parts(file, way) for name in part.header))
