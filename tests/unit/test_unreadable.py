"""A lake that this user, or the disk, does not let be read: told as that, never taken for empty."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import Lake, query
from sluicegate.lake.backup import back_up
from sluicegate.lake.collect import collect
from sluicegate.lake.verify import verify
from tests.unit.kit import numbers, publish

NOW = timedelta(0)


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Let nobody list a folder in the block, not even who may read everything."""
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        yield


def test_ref_that_may_not_be_read_is_not_collected(lake: Lake) -> None:
    """Its folder is another user's: what it shows is not taken for what nothing shows."""
    mine = publish(lake, 1, ref="mine")
    publish(lake, 2)
    with closed(lake.root / "refs" / "mine"):
        with pytest.raises(EnvironmentFailed, match="cannot be read: Permission denied") as caught:
            collect(lake, keep=NOW, grace=NOW)
        assert caught.value.where == str(lake.root / "refs" / "mine")
        with pytest.raises(EnvironmentFailed, match="cannot be read: Permission denied"):
            Lake(lake.root).refs.head("mine")
    assert mine.generation in lake.generations()
    assert numbers(lake, "mine") == [1]


def test_entry_that_cannot_be_read(lake: Lake, tmp_path: Path) -> None:
    """Whoever needs it says so, and where it is; a rollback does not go by older ones."""
    publish(lake, 1)
    publish(lake, 2)
    file = lake.root / "refs" / "dev" / "00000002.json"
    file.unlink()
    # Nobody can open what leads to itself.
    file.symlink_to(file)
    uses: tuple[Callable[[], object], ...] = (
        lambda: numbers(Lake(lake.root)),
        lambda: back_up(lake, tmp_path / "backups"),
        lambda: Lake(lake.root).rollback("dev"),
        lambda: verify(lake, keep=NOW),
    )
    for use in uses:
        with pytest.raises(EnvironmentFailed, match="The lake cannot be read") as caught:
            use()
        assert caught.value.where == str(file)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"generation": 1}'])
@pytest.mark.parametrize("place", ["refs/dev/00000001.json", "pins/releases/r1.json"])
def test_damaged_log_is_not_backed_up(
    lake: Lake, tmp_path: Path, place: str, content: bytes
) -> None:
    """Nobody knows which generation it named: it is told, and there is no such backup."""
    lake.pins.add("r1", publish(lake, 1).generation)
    publish(lake, 2)
    (lake.root / place).write_bytes(content)
    with pytest.raises(EnvironmentFailed, match=f"^{place} is damaged") as caught:
        back_up(lake, tmp_path / "backups")
    assert caught.value.where == str(lake.root / place)
    assert list((tmp_path / "backups" / "backups").iterdir()) == []


@pytest.mark.parametrize("table", ["ducklake_schema", "ducklake_table"])
def test_catalog_that_duckdb_does_not_understand(lake: Lake, table: str) -> None:
    """It can be attached, and nothing in it be found: the catalog is told, and not the query."""
    publish(lake, 1)
    catalog = lake.resolve("dev")
    catalog.chmod(0o644)
    with closing(sqlite3.connect(catalog)) as connection, connection:
        connection.execute(f"UPDATE {table} SET path_is_relative = 'x'")
    catalog.chmod(0o444)
    with pytest.raises(EnvironmentFailed, match="catalog cannot be opened") as caught:
        query(lake, "dev", "SELECT 1")
    assert caught.value.where == str(catalog)
