"""Tables as files of CSV: RFC 4180, UTF-8, line feeds, there as a whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sluicegate.errors import ConfigurationError, EnvironmentFailed, SluicegateError
from sluicegate.spreadsheets import as_text

__all__ = ["CsvWriter", "told", "whole_file"]

_END = "\r\n"


class CsvWriter:
    """Writes records.

    Args:
        exact: whether cells are written as they are, or so that no spreadsheet runs them.

    Attributes:
        changed: cells that were changed for spreadsheets, names of columns included.
    """

    def __init__(self, target: IO[str], *, exact: bool) -> None:
        # The module quotes what its line ends are made of; a carriage return needs quotes always.
        self._rows = csv.writer(_LineFeeds(target), lineterminator=_END)
        self._exact = exact
        self.changed = 0

    def write(self, records: Iterable[Iterable[str]]) -> None:
        """Write records, each a line; or more, if a cell has line ends."""
        self._rows.writerows(records if self._exact else map(self._guarded, records))

    def _guarded(self, record: Iterable[str]) -> list[str]:
        cells = list(record)
        guarded = [as_text(cell) for cell in cells]
        if guarded != cells:
            self.changed += sum(a != b for a, b in zip(cells, guarded, strict=True))
        return guarded


class _LineFeeds:
    """Ends each record as files here do."""

    def __init__(self, target: IO[str]) -> None:
        self._target = target

    def write(self, record: str, /) -> None:
        self._target.write(f"{record.removesuffix(_END)}\n")


@contextmanager
def whole_file(place: Path) -> Iterator[IO[str]]:
    """A text file that is there when it is complete, and not before.

    Raises:
        ConfigurationError: there is no such folder.
        EnvironmentFailed: it cannot be written.
    """
    draft = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with told(place, "written"), draft.open("w", encoding="utf-8", newline="") as target:
            yield target
        with told(place, "written"):
            draft.replace(place)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


@contextmanager
def told(place: Path, done: str = "read") -> Iterator[None]:
    """Name what the system says of a file; one that is written by the name that was asked for."""

    def where(error: OSError) -> str:
        return str(place if done == "written" else error.filename or place)

    try:
        yield
    except SluicegateError:
        raise
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        if done == "read" and isinstance(error, IsADirectoryError):
            raise ConfigurationError(
                "It is a folder, and no file.",
                where=where(error),
                hint=f"name files, such as {Path(where(error)) / '*'}",
            ) from error
        raise ConfigurationError(
            "There is no such file." if done == "read" else "It cannot be written there.",
            where=where(error),
            hint=f"look at the path: {error.strerror}",
        ) from error
    except OSError as error:
        raise EnvironmentFailed(
            f"The file cannot be {done}: {error.strerror or type(error).__name__}.",
            where=where(error),
            hint="look at its permissions, and at the free space of the disk",
        ) from error
