"""Sheets of workbooks: each row below the header is a record, and an error makes it none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import polars as pl

from sluicegate.errors import BatchRefused, ContractError, meant
from sluicegate.sources.headers import named
from sluicegate.sources.records import BLANK, CELL, FIELDS, LINE, PREAMBLE, Records, rejects_of
from sluicegate.sources.workbook import Extent, NoNumber, is_no_number, open_sheet, texts_of

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Excel:
    """A sheet of a workbook: xlsx, xls or ods. A record's position is its row on the sheet.

    Cells are read as the values that were saved: formulas are not computed, and of merged cells
    the first one has the value.

    Attributes:
        sheet: its name; by default the only one that is not hidden.
        header_row: number of the row that names the columns; None: they are those of the contract,
            in its order, from the first column on.
        moments: column, as its header has it → zone of the clock whose date and time its cells
            show, such as ``Europe/Berlin`` or ``UTC``. Cells know no zone, and contracts read no
            moment without.
    """

    sheet: str | None = None
    header_row: int | None = 1
    moments: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.header_row is not None and self.header_row < 1:
            raise ContractError(
                f"A sheet has no row {self.header_row}.", hint="rows count from 1, as on the sheet"
            )
        for zone in self.moments.values():
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ContractError(
                    f"There is no time zone {zone!r}.", hint=meant(zone, available_timezones())
                ) from error
        object.__setattr__(self, "moments", dict(sorted(self.moments.items())))

    def read(
        self, content: Path, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read a batch; see :class:`~sluicegate.sources.records.Format`."""
        sheet, extent = open_sheet(content, self.sheet, name)
        where = f"{name}, sheet {sheet.name!r}"
        if sheet.start is None:
            what = ": it has not even a header" if self.header_row else ""
            raise BatchRefused(f"The sheet is empty{what}.", where=where)
        rows, left = sheet.iter_rows(), sheet.start[1]
        if self.header_row is None:
            header = tuple(column for column in columns if column != LINE)
            table = _Table(header, -left, extent, left, self.moments)
            above: list[Row] = []
        else:
            above = list(islice(rows, self.header_row - 1))
            table = self._headed(next(rows, None), left, extent, where)
        first = (self.header_row or 0) + 1
        filled = sum(any(cell != "" for cell in row) for row in above)
        left_out = Counter({PREAMBLE: filled, BLANK: len(above) - filled})
        part, told = list(islice(rows, most)), False
        while part or not told:
            told = True
            records, share = table.read(part, first), len(part) / max(1, sheet.total_height)
            left_out[BLANK] += len(part) - records.count
            yield replace(records, share=share, left_out=dict(+left_out))
            left_out.clear()
            first += len(part)
            part = list(islice(rows, most))
        for number in sorted(number for number in extent.errors if number >= first):
            yield replace(table.read([[]], number), share=0.0)

    def require_read(self, columns: Collection[str], where: str) -> None:
        """Refuse the zone of a column that a contract does not read.

        Args:
            columns: names as they are sent that it reads.
            where: the contract.

        Raises:
            ContractError: there is such a zone.
        """
        for name in self.moments:
            if name not in columns:
                raise ContractError(
                    f"moments= names the column {name!r}, which is not read.",
                    where=where,
                    hint=meant(name, columns) or "name columns as the header of the sheet does",
                )

    def count(self, content: Path) -> int:
        """Rows that are not blank, but for the header; none if the workbook cannot be opened."""
        with suppress(BatchRefused):
            sheet, _ = open_sheet(content, self.sheet, "")
            rows = islice(sheet.iter_rows(), self.header_row or 0, None) if sheet.start else ()
            return sum(any(cell != "" for cell in row) for row in rows)
        return 0

    def _headed(self, row: Row | None, left: int, extent: Extent, where: str) -> _Table:
        number = self.header_row or 0
        where = f"{where}, row {number:,}"
        if number in extent.errors:
            raise BatchRefused("The header holds an error instead of a name.", where=where)
        cells = _texts(row or [])
        filled = [at for at, cell in enumerate(cells) if cell and cell.strip()]
        if not filled:
            raise BatchRefused(
                "The row that should name the columns is blank.",
                where=where,
                hint="say which row is the header, such as Excel(header_row=3)",
            )
        header = named([cell or "" for cell in cells[filled[0] : filled[-1] + 1]], where)
        if LINE in header:
            raise BatchRefused(f"The sheet has a column of its own called {LINE!r}.", where=where)
        return _Table(header, filled[0], extent, left, self.moments)


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of a table on a sheet.

    Attributes:
        header: their names.
        start: where the first of them stands in a row as it is read.
        extent: what the sheet has.
        left: columns of the sheet that are not read, before the first one with a value.
        moments: column → zone.
    """

    header: tuple[str, ...]
    start: int
    extent: Extent
    left: int
    moments: Mapping[str, str]

    def read(self, rows: Sequence[Row], first: int) -> Records:
        """Some rows, the first of which has this number, as records."""
        end, width = self.start + len(self.header), max(map(len, rows), default=0)
        columns, numberless = {}, set[int]()
        for at, name in enumerate(self.header, self.start):
            cells = [row[at] for row in rows] if 0 <= at < width else [""] * len(rows)
            try:
                columns[name] = texts_of(cells, self._zone(name))
            except NoNumber:
                columns[name] = _texts(cells)
                numberless |= {n for n, cell in enumerate(cells, first) if is_no_number(cell)}
        beside = [at for at in range(width) if not self.start <= at < end]
        stray = {n for at in beside for n, row in enumerate(rows, first) if row[at] != ""}
        wrong = dict.fromkeys(stray, FIELDS) | dict.fromkeys(numberless, CELL)
        wrong |= {n: CELL for n in range(first, first + len(rows)) if n in self.extent.errors}
        schema = {**dict.fromkeys(self.header, pl.String), LINE: pl.Int64}
        frame = pl.DataFrame({**columns, LINE: range(first, first + len(rows))}, schema=schema)
        filled = pl.any_horizontal(pl.col(self.header).is_not_null())
        return Records(
            self.header,
            frame.filter(filled & ~pl.col(LINE).is_in(list(wrong))),
            rejects_of((n, self._text(n, rows[n - first]), wrong[n]) for n in sorted(wrong)),
        )

    def _zone(self, name: str) -> ZoneInfo | None:
        return ZoneInfo(self.moments[name]) if name in self.moments else None

    def _text(self, number: int, row: Row) -> str:
        cells = _texts(row)
        for column, error in self.extent.errors.get(number, {}).items():
            if 0 <= (at := column - 1 - self.left) < len(cells):
                cells[at] = error
        return json.dumps(cells, ensure_ascii=False)


def _texts(cells: Sequence[Any]) -> list[str | None]:
    """The texts of cells, some of which may be no numbers."""
    texts = []
    for cell in cells:
        try:
            texts += texts_of([cell])
        except NoNumber:
            texts.append("#NUM!")
    return texts
