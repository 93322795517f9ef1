"""Comparing what the pipeline and the script by hand made: any difference is a difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.compare import compare
from sluicegate.lake import Folder, Lake, Session
from sluicegate.lake.connection import attach, connect
from tests.unit.kit import publish, write


def by_hand(folder: Path, *values: int, column: str = "n") -> Path:
    """A lake of somebody else's, with these numbers."""
    (folder / "files").mkdir(parents=True)
    connection = connect()
    attach(connection, folder / "catalog.db", Folder(folder).files, read_only=False)
    write(Session(connection), *values)
    if column != "n":
        connection.execute(f"ALTER TABLE lake.raw.numbers RENAME n TO {column}")
    connection.close()
    return folder


def test_equal_tables(lake: Lake, tmp_path: Path) -> None:
    """The order of rows is no difference."""
    publish(lake, 1, 2, 3)
    rows, differences = compare(lake.root, by_hand(tmp_path / "hand", 3, 1, 2))
    assert (rows, differences) == ({"raw.numbers": 3}, [])


@pytest.mark.parametrize(
    ("values", "column"),
    [((1, 2), "n"), ((1, 2, 4), "n"), ((1, 2, 3, 3), "n"), ((1, 2, 3), "m"), ((), "n")],
)
def test_any_difference_is_told(
    lake: Lake, tmp_path: Path, values: tuple[int, ...], column: str
) -> None:
    """A row too few, another one, one twice, another column, no row at all."""
    publish(lake, 1, 2, 3)
    _, differences = compare(lake.root, by_hand(tmp_path / "hand", *values, column=column))
    assert [difference.table for difference in differences] == ["raw.numbers"]
