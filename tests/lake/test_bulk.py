"""Data files that polars writes: nobody who reads the lake can tell them from DuckDB's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from sluicegate.errors import Bug, EnvironmentFailed
from sluicegate.lake import Lake, Session, Table, bulk, compact
from sluicegate.lake.inventory import data_files, read_catalog
from sluicegate.lake.schema import read_schema
from sluicegate.lake.verify import verify

EVERY = Table("raw", "every")
TYPES = {
    "id": "BIGINT NOT NULL",
    "text": "VARCHAR",
    "day": "DATE",
    "at": "TIMESTAMP WITH TIME ZONE",
    "clock": "TIMESTAMP",
    "money": "DECIMAL(18,2)",
    "rate": "DECIMAL(38,12)",
}
ROWS = pl.DataFrame(
    {
        "id": [-(2**63), 0, 2**63 - 1, 7],
        "text": ["", "Ω" * 5_000, 'a"b\n,', None],
        "day": [date(1, 1, 1), date(9999, 12, 31), date(2026, 2, 28), None],
        "at": [
            datetime(1900, 1, 1, tzinfo=UTC),
            datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            None,
        ],
        "clock": [
            *(datetime.fromisoformat(f"{at}T23:59:59") for at in ("0001-01-01", "1969-12-31")),
            datetime.fromisoformat("2026-01-01"),
            None,
        ],
        "money": [Decimal("-9999999999999999.99"), Decimal("0.00"), Decimal("0.01"), None],
        "rate": [Decimal("-1.000000000001"), Decimal(10) ** 25, Decimal(0), None],
    },
    schema={
        "id": pl.Int64,
        "text": pl.String,
        "day": pl.Date,
        "at": pl.Datetime("us", "UTC"),
        "clock": pl.Datetime("us"),
        "money": pl.Decimal(18, 2),
        "rate": pl.Decimal(38, 12),
    },
)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row is many."""
    monkeypatch.setattr(bulk, "MANY", 1)


@pytest.fixture
def work(lake: Lake) -> Iterator[Session]:
    """A session on a branch with an empty table of every type."""
    with lake.branch("dev", "work") as branch:
        with branch.session() as session:
            session.create(EVERY, TYPES)
            yield session
        lake.publish(branch, run="work")


def by_duckdb(session: Session, table: Table, frame: pl.DataFrame) -> None:
    """Insert rows the other way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "MANY", 1 << 60)
        session.insert(table, frame)


def files(lake: Lake, name: str = "dev") -> list[str]:
    """Names of the data files that a ref shows."""
    listed = data_files(lake.resolve(name), current=True)
    return sorted(Path(file.key).name.partition("-")[0] for file in listed)


def test_every_value_comes_back(work: Session) -> None:
    """Whichever of the two has written it; also where a scan leaves files out by their bounds."""
    twin = Table("raw", "twin")
    work.create(twin, TYPES)
    work.insert(EVERY, ROWS)
    by_duckdb(work, twin, ROWS)
    for column in TYPES:
        for value in ROWS[column].drop_nulls():
            sql = f'SELECT * FROM {{}} WHERE "{column}" = $1'
            ours, theirs = (work.frame(sql.format(table.sql), [value]) for table in (EVERY, twin))
            assert ours.height == 1, (column, value)
            assert ours.equals(theirs)
        ours, theirs = (
            work.rows(
                f'SELECT min("{column}"), max("{column}"), count("{column}") FROM {table.sql}'
            )
            for table in (EVERY, twin)
        )
        assert ours == theirs
    assert work.frame(f"FROM {EVERY.sql} ORDER BY id").equals(ROWS.sort("id"))
    assert work.types(EVERY) == work.types(twin)


def test_files_are_the_lakes_own(lake: Lake) -> None:
    """In the folder of their table, with ids of columns, found sound by who verifies."""
    with lake.branch("dev", "one") as branch:
        with branch.session() as session:
            session.create(EVERY, TYPES)
        with branch.session() as session, session.transaction():
            session.insert(EVERY, ROWS)
        lake.publish(branch, run="one")
    (file,) = data_files(lake.resolve("dev"), current=True)
    assert (file.elsewhere, file.rows) == (None, ROWS.height)
    assert Path(file.key).name.startswith("sluicegate-")
    with duckdb.connect() as plain:
        sql = "SELECT name, field_id FROM parquet_schema($1) WHERE field_id IS NOT NULL"
        found = dict(plain.execute(sql, [str(lake.root / file.key)]).fetchall())
    (table,) = read_schema(lake.resolve("dev")).tables.values()
    assert found == {column.name: column.id for column in table.columns}
    assert verify(lake, keep=timedelta(days=1)).problems == []


def test_they_are_changed_and_merged_like_others(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside files of DuckDB's, after a column was renamed, one added, and rows deleted."""
    monkeypatch.setattr(compact, "FEW", 2)
    with lake.branch("dev", "one") as branch:
        with branch.session() as session:
            session.create(EVERY, TYPES)
            session.insert(EVERY, ROWS)
            by_duckdb(session, EVERY, ROWS.with_columns(id=pl.Series([11, 12, 13, 14])))
        lake.publish(branch, run="one")
    assert files(lake) == ["ducklake", "sluicegate"]
    with lake.branch("dev", "two") as branch:
        with branch.session() as session:
            session.execute(f"ALTER TABLE {EVERY.sql} RENAME COLUMN text TO words")
            session.add_column(EVERY, "text", "VARCHAR")
            session.execute(f"DELETE FROM {EVERY.sql} WHERE id = 7")
            fresh = ROWS.rename({"text": "words"}).with_columns(text=pl.lit("new"))
            for number in (20, 30, 40):
                session.insert(EVERY, fresh.with_columns(id=pl.int_range(number, number + 4)))
            before = session.frame(f"FROM {EVERY.sql} ORDER BY id")
        lake.publish(branch, run="two")
    with lake.read("dev") as session:
        after = session.frame(f"FROM {EVERY.sql} ORDER BY id")
    assert after.equals(before)
    assert after.height == 4 + 3 + 12
    assert after.filter(pl.col("id") < 20)["text"].null_count() == 6
    assert after.filter(pl.col("id") == 0)["words"].to_list() == ["Ω" * 5_000]
    # What was merged is DuckDB's; the one that rows were deleted from is not.
    assert files(lake).count("sluicegate") <= 1
    assert verify(lake, keep=timedelta(days=1)).problems == []


def test_files_are_recognised_in_other_catalogs(lake: Lake) -> None:
    """A diff does not read what both sides share."""
    for run in ("one", "two"):
        with lake.branch("dev", run) as branch:
            with branch.session() as session:
                session.create(EVERY, TYPES)
                session.insert(EVERY, ROWS)
            lake.publish(branch, run=run)
    (last, former) = (move.generation for move in lake.refs.log("dev"))
    one, two = (read_schema(lake.resolve(name)).tables["raw.every"] for name in (former, last))
    assert {*one.files} < {*two.files}
    assert one.files[0].mapping


def test_what_is_rolled_back_is_nobodys(lake: Lake) -> None:
    """The file stays for the collector; no catalog names it."""
    with lake.branch("dev", "one") as branch:
        with branch.session() as session:
            session.create(EVERY, TYPES)
            with suppress(ZeroDivisionError), session.transaction():
                session.insert(EVERY, ROWS)
                assert session.scalar(f"SELECT count(*) FROM {EVERY.sql}") == 4
                raise ZeroDivisionError
            assert session.scalar(f"SELECT count(*) FROM {EVERY.sql}") == 0
        lake.publish(branch, run="one")
    assert files(lake) == []


def test_no_value_where_there_must_be_one(work: Session) -> None:
    """DuckDB would refuse it, so we do."""
    with pytest.raises(Bug, match="'id' of a row has no value"):
        work.insert(EVERY, ROWS.with_columns(id=pl.lit(None, dtype=pl.Int64)))
    assert work.scalar(f"SELECT count(*) FROM {EVERY.sql}") == 0


def test_a_disk_that_cannot_be_written(lake: Lake, work: Session) -> None:
    """The machine is blamed, and nothing is left."""
    folder = lake.root / "files" / "raw" / "every"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where the folder should be")
    with pytest.raises(EnvironmentFailed, match="lake cannot be written"):
        work.insert(EVERY, ROWS)
    folder.unlink()
    assert work.scalar(f"SELECT count(*) FROM {EVERY.sql}") == 0


WAYS = ("made in the transaction", "changed in it", "parted", "lacking", "nested")


@pytest.mark.parametrize("way", WAYS)
def test_the_rest_is_for_duckdb(lake: Lake, way: str) -> None:
    """Tables whose ids are not settled yet, or whose files are not simply in their folder."""
    rows, types = ROWS, TYPES
    if way == "nested":
        rows, types = ROWS.with_columns(rules=pl.lit(["a", "b"])), {**TYPES, "rules": "VARCHAR[]"}
    with lake.branch("dev", "one") as branch:
        with branch.session() as session:
            if way != "made in the transaction":
                session.create(EVERY, types)
            if way == "parted":
                session.execute(f"ALTER TABLE {EVERY.sql} SET PARTITIONED BY (day)")
            with session.transaction():
                session.create(EVERY, TYPES)
                if way == "changed in it":
                    session.add_column(EVERY, "more", "VARCHAR")
                    rows = ROWS.with_columns(more=pl.lit("x"))
                if way == "lacking":
                    rows = ROWS.drop("text")
                session.insert(EVERY, rows)
            assert session.scalar(f"SELECT count(*) FROM {EVERY.sql}") == 4
        lake.publish(branch, run="one")
    assert set(files(lake)) == {"ducklake"}


def test_few_rows_are_for_duckdb(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways are taken, on both sides of the bound."""
    monkeypatch.setattr(bulk, "MANY", 4)
    with lake.branch("dev", "one") as branch:
        with branch.session() as session:
            session.create(EVERY, TYPES)
            session.insert(EVERY, ROWS)
            session.insert(EVERY, ROWS.head(3))
        lake.publish(branch, run="one")
    assert files(lake) == ["ducklake", "sluicegate"]


def test_the_catalog_does_not_grow_by_it(lake: Lake) -> None:
    """What the names in files mean is written down once a table, however many files there are."""
    for number in range(3):
        with lake.branch("dev", f"run-{number}") as branch:
            with branch.session() as session:
                session.create(EVERY, TYPES)
                session.insert(EVERY, ROWS)
            lake.publish(branch, run=f"run-{number}")
    with read_catalog(lake.resolve("dev")) as connection:
        ((mappings,),) = connection.execute("SELECT count(*) FROM ducklake_column_mapping")
    assert mappings == 1
