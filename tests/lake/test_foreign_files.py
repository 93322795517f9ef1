"""Data files that somebody registered: only those in the lake can be published."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import Lake, Session
from sluicegate.lake.inventory import data_files
from sluicegate.lake.verify import verify
from tests.unit.kit import NUMBERS, numbers, publish, write


def register(session: Session, file: Path, table: str = NUMBERS.name) -> None:
    """Have a Parquet file made, and DuckLake told that it is one of a table."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"n": [7]}, schema={"n": pl.Int64}).write_parquet(file)
    call = "CALL ducklake_add_data_files('lake', ?, ?, schema => 'raw')"
    session.execute(call, [table, str(file)])


@pytest.mark.parametrize("place", ["drop/x.parquet", "lake/x.parquet", "lake/files/x.parquet"])
def test_file_that_is_not_in_its_tables_folder(lake: Lake, tmp_path: Path, place: str) -> None:
    """It would be in no backup: it is told which, and nothing is changed, the file included."""
    move = publish(lake, 1)
    file = tmp_path / place
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            register(session, file)
        content = file.read_bytes()
        with pytest.raises(ConfigurationError, match=r"A data file of raw\.numbers") as caught:
            lake.publish(branch, run="run")
    assert caught.value.where == str(file)
    assert "INSERT INTO" in str(caught.value.hint)
    assert lake.refs.require("dev") == move
    assert lake.generations() == [move.generation]
    assert file.read_bytes() == content
    assert numbers(lake) == [1]


def test_file_in_its_tables_folder(lake: Lake) -> None:
    """It is one of the lake's, as if DuckLake had written it."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            register(session, lake.root / "files" / "raw" / "numbers" / "mine.parquet")
        lake.publish(branch, run="run")
    assert numbers(lake) == [1, 7]


def test_file_that_readers_will_not_see(lake: Lake, tmp_path: Path) -> None:
    """Who inserts the rows of another file, and lets go of it, has them in the lake."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            session.execute("CREATE TABLE lake.raw.staged (n BIGINT)")
            register(session, tmp_path / "x.parquet", "staged")
            session.execute(f"INSERT INTO {NUMBERS.sql} FROM lake.raw.staged")
            session.execute("DROP TABLE lake.raw.staged")
        lake.publish(branch, run="run")
    (tmp_path / "x.parquet").unlink()
    assert numbers(lake) == [1, 7]
    assert all(file.elsewhere is None for file in data_files(lake.resolve("dev")))


def test_file_that_vanished_before_it_was_published(lake: Lake) -> None:
    """It is told which, and readers see what they saw."""
    move = publish(lake, 1)
    known = {file.key for file in data_files(lake.resolve("dev"))}
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        (key,) = {file.key for file in data_files(branch.catalog)} - known
        (lake.root / key).unlink()
        with pytest.raises(EnvironmentFailed, match="that this branch wrote is gone") as caught:
            lake.publish(branch, run="run")
    assert caught.value.where == str(lake.root / key)
    assert lake.refs.require("dev") == move


def test_refused_run_that_registered_one(lake: Lake, tmp_path: Path) -> None:
    """Verifying says where the file is, and that the lake does not have it."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            register(session, tmp_path / "x.parquet")
        branch.keep(lake.refused("run"))
    (problem,) = verify(lake, keep=timedelta(30)).problems
    assert problem.what == "a data file is not in the lake"
    assert (problem.catalogs, problem.place) == (("refused/run",), str(tmp_path / "x.parquet"))
