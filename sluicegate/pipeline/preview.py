"""Preview: how files would be read, without a contract."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from sluicegate.csv_files import CsvWriter, told, whole_file
from sluicegate.dialect import (
    Detected,
    Kind,
    Part,
    Reading,
    Record,
    Shape,
    detect_file,
    lines_of_file,
    sample_of,
)
from sluicegate.errors import BatchRefused, ConfigurationError, SluicegateError
from sluicegate.opening import Content, Member, members_of
from sluicegate.pipeline.preview_records import previewed
from sluicegate.pipeline.previewed import (
    AGAIN,
    MOST_LOOKED_AT,
    MOST_READ,
    MOST_REJECTED,
    Previewed,
    seen_as,
    unknown_of,
)
from sluicegate.scaffold.formats import form_of, is_workbook

_OTHERS = frozenset(
    {".json", ".ndjson", ".jsonl", ".parquet", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
)
"""How files are called that are no text of cells: what is written of them is."""

_PACKINGS = frozenset({"gz", "zst", "bz2", "xz", "zip"})

_NOTHING = b"\0\t\n\r \xef\xbb\xbf\xfe\xff"


def inputs(files: Sequence[Path]) -> list[Content]:
    """What is previewed by itself: files, and the files of zips that have several."""
    return [each for file in files for each in _within(file)]


def _within(file: Path) -> Sequence[Content]:
    try:
        found = members_of(file, file.name)
    except (SluicegateError, OSError):
        # Whatever is wrong with it is told when it is read.
        found = None
    if found is None or len(found) == 1 or is_workbook(file):
        return [file]
    return found


def preview(
    file: Content,
    *,
    columns: Sequence[str] = (),
    output: Path | None = None,
    exact: bool = True,
    rows: int = 10,
) -> Previewed:
    """Read a file as ingestion would, and write the reading if there is a place for it.

    Args:
        columns: names of its columns, as far as they are known.
        output: the file to write: CSV by RFC 4180 with a header, UTF-8, line feeds. It is there
            as a whole or not at all.
        exact: whether its cells are written as they are, or so that no spreadsheet runs them.
        rows: how many to keep to be shown.

    Raises:
        BatchRefused: the file would be held; for a lack of records if nothing is to be written.
        ConfigurationError: there is no such file.
        EnvironmentFailed: it cannot be read, or the reading cannot be written.
    """
    name, place = _named(file)
    with told(place):
        if not isinstance(file, Member) and (way := form_of(file, name)):
            return previewed(file, way, columns=columns, output=output, exact=exact, rows=rows)
        detected = _detected(file, columns, name)
        if detected is not None:
            return _delimited(file, detected, columns, output, exact=exact, rows=rows)
        if output is not None:
            return _nothing(file, tuple(columns), output, exact=exact)
        raise BatchRefused("The file is empty: it has not even a header.", where=name, hint=AGAIN)


def _detected(file: Content, columns: Sequence[str], name: str) -> Detected | None:
    """The dialect of delimited text; None if there is no text."""
    if not sample_of(file, name).head.strip(_NOTHING):
        return None
    return detect_file(file, columns=columns, name=name)


def _delimited(
    file: Content,
    detected: Detected,
    columns: Sequence[str],
    output: Path | None,
    *,
    exact: bool,
    rows: int,
) -> Previewed:
    name, _ = _named(file)
    reading = Reading(detected.dialect, columns, name)
    with lines_of_file(file, detected.dialect, name) as lines:
        parts = reading.parts(lines)
        if output is None:
            seen = _Seen(reading, rows)
            seen.all(islice(parts, MOST_READ))
            whole = next(parts, None) is None
            _require_records(file, reading, name, whole=whole)
        else:
            with whole_file(output) as target:
                seen = _Seen(reading, rows, CsvWriter(target, exact=exact))
                seen.all(parts)
            whole = True
    return Previewed(
        file,
        detected,
        reading.header,
        tuple(seen_as(column, reading.counts[Part.ROW]) for column in seen.columns()),
        tuple(seen.rows[:rows]),
        tuple(seen.rejected),
        reading.counts,
        whole,
        output,
        reading.absent,
        seen.changed,
        len(columns),
        unknown_of(columns, (*reading.header, *reading.absent)),
        broken=seen.broken,
    )


def _nothing(file: Content, columns: tuple[str, ...], output: Path, *, exact: bool) -> Previewed:
    """An empty file, written: a table without rows, of columns that only the caller knows."""
    with whole_file(output) as target:
        writer = CsvWriter(target, exact=exact)
        writer.write([columns] if columns else [])
    empty = tuple(Shape(Kind.EMPTY) for _ in columns)
    return Previewed(file, None, columns, empty, written=output, changed=writer.changed)


def _require_records(file: Content, reading: Reading, name: str, *, whole: bool = True) -> None:
    """Refuse a file without records, as a source does that does not say otherwise.

    One file of a zip may have none: the others are of the same batch.
    """
    found = reading.counts[Part.ROW] + reading.counts[Part.REJECT]
    if found or not whole or isinstance(file, Member):
        return
    raise BatchRefused(
        "The file has a header and not a single record.",
        where=name,
        hint=f"{AGAIN}; a source that declares may_be_empty=True takes it as it is",
    )


def _named(file: Content) -> tuple[str, Path]:
    """What messages call a file, and where it is."""
    if isinstance(file, Member):
        return f"{file.archive.name}, member {file.told}", file.archive
    return file.name, file


def places(files: Sequence[Content], output: str | None) -> list[Path | None]:
    """Where the reading of each file goes: a file for one, files in a folder for several.

    Args:
        output: a folder if there is one, or if it ends as folders do.

    Raises:
        ConfigurationError: two readings would have one place, or one the place of a file.
        EnvironmentFailed: the folder cannot be made.
    """
    if output is None:
        return [None] * len(files)
    root = Path(output)
    folder = len(files) > 1 or output.endswith(os.sep) or root.is_dir()
    found = [root / _plain_name(file) if folder else root for file in files]
    twice = [place.name for place, count in Counter(found).items() if count > 1]
    if twice:
        raise ConfigurationError(
            f"Several files would be written as {twice[0]!r}.",
            where=output,
            hint="preview them one by one, each with an --output of its own",
        )
    taken = {_named(file)[1].resolve() for file in files}
    for place in found:
        if place.resolve() in taken:
            raise ConfigurationError(
                "The reading would take the place of the file.",
                where=str(place),
                hint="write it elsewhere",
            )
    if folder:
        with told(root, "written"):
            root.mkdir(parents=True, exist_ok=True)
    return list(found)


def _plain_name(file: Content) -> str:
    """What a file is called when it is no longer packed; one of a zip is called after it, too."""
    if isinstance(file, Member):
        within = file.told.replace("/", "_").replace("\\", "_")
        return f"{_unpacked(file.archive.name)}.{_unpacked(within)}"
    name = _unpacked(file.name)
    if (name != file.name and not Path(name).suffix) or Path(name).suffix.lower() in _OTHERS:
        return f"{name}.csv"
    return name


def _unpacked(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return _unpacked(stem) if stem and dot and ending.lower() in _PACKINGS else name


class _Seen:
    """What is kept of a reading, and written of it."""

    def __init__(self, reading: Reading, rows: int, writer: CsvWriter | None = None) -> None:
        self.reading = reading
        self.rows: list[tuple[str, ...]] = []
        self.rejected: list[Record] = []
        self.broken: Counter[str] = Counter()
        self._most = max(rows, MOST_LOOKED_AT)
        self._writer = writer
        self._begun = False

    def all(self, parts: Iterator[tuple[Part, Record]]) -> None:
        """Take in all records."""
        for part, record in parts:
            if part is Part.ROW:
                if len(self.rows) < self._most:
                    self.rows.append(record.cells)
                self._write(record.cells)
            elif part is Part.REJECT:
                self.broken[record.flaw or ""] += 1
                if len(self.rejected) < MOST_REJECTED:
                    self.rejected.append(record)
        self._write()

    def columns(self) -> list[tuple[str, ...]]:
        """Cells of each column."""
        return list(zip(*self.rows, strict=True)) or [() for _ in self.reading.header]

    @property
    def changed(self) -> int:
        """Cells that were written otherwise."""
        return self._writer.changed if self._writer else 0

    def _write(self, *rows: tuple[str, ...]) -> None:
        if self._writer:
            if not self._begun:
                self._writer.write([self.reading.header])
                self._begun = True
            self._writer.write(rows)
