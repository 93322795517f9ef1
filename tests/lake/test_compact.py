"""Compaction: what a catalog need not remember is gone, and nothing that anybody reads is."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from sluicegate.errors import Bug, EnvironmentFailed
from sluicegate.lake import Folder, Lake, Session, Table, compact
from sluicegate.lake.checksums import digest, recorded
from sluicegate.lake.inventory import data_files, read_catalog
from tests.unit.kit import NUMBERS, numbers, publish, write

Rows = list[tuple[object, ...]]
_runs = count(1)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are merged sooner, so that tests need fewer."""
    monkeypatch.setattr(compact, "FEW", 2)


def change(lake: Lake, work: Callable[[Session], None]) -> tuple[str, Rows]:
    """Publish what a piece of work makes of the lake; the rows that its branch had at the end."""
    run = f"change-{next(_runs)}"
    with lake.branch("dev", run) as branch:
        with branch.session() as session:
            work(session)
            rows = rows_in(session)
        return lake.publish(branch, run=run).generation, rows


def rows_in(session: Session) -> Rows:
    """All rows of all tables, in any order."""
    listed = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake'"
    found: Rows = []
    for place in session.rows(f"{listed} ORDER BY ALL"):
        table = Table(*place)
        found += session.rows(f"SELECT ?, * FROM {table.sql} ORDER BY ALL", [str(table)])
    return found


def held(lake: Lake, what: str, name: str = "dev") -> int:
    """How many rows a table of the catalog itself has."""
    with read_catalog(lake.resolve(name)) as connection:
        ((number,),) = connection.execute(f"SELECT count(*) FROM {what}")
    return int(number)


def files_of(lake: Lake, table: Table = NUMBERS) -> list[int]:
    """Rows of each data file that readers read of a table, and minus those of deletions."""
    found = data_files(lake.resolve("dev"), current=True)
    return [file.rows for file in found if file.table == str(table)]


class Week:
    """Things that happen to tables, chosen by dice."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def __call__(self, session: Session) -> None:
        """Let a few of them happen."""
        session.create(NUMBERS, {"n": "BIGINT"})
        session.create(Table("raw", "parts"), {"n": "BIGINT", "part": "BIGINT"})
        if session.scalar("SELECT count(*) FROM lake.raw.parts") == 0:
            session.execute("ALTER TABLE lake.raw.parts SET PARTITIONED BY (part)")
        for what in self._dice.sample(
            [self.append, self.part, self.lose, self.build, self.grow], 2
        ):
            what(session)

    def append(self, session: Session) -> None:
        """Rows are appended, a few or many."""
        many = self._dice.choice([1, 1, 10, 3000])
        values = [self._dice.randrange(1000) for _ in range(many)]
        session.insert(NUMBERS, pl.DataFrame({"n": values}))

    def part(self, session: Session) -> None:
        """Rows are appended to a table of parts."""
        values = [self._dice.randrange(9) for _ in range(6)]
        frame = pl.DataFrame({"n": values, "part": [value % 2 for value in values]})
        session.insert(Table("raw", "parts"), frame)

    def lose(self, session: Session) -> None:
        """Some rows are deleted."""
        table = self._dice.choice(["numbers", "parts"])
        part = self._dice.choice([2, 5, 50])
        session.execute(f"DELETE FROM lake.raw.{table} WHERE n % {part} = 0")

    def build(self, session: Session) -> None:
        """A model is built anew, as dbt does it."""
        session.execute("CREATE SCHEMA IF NOT EXISTS lake.marts")
        session.execute("CREATE OR REPLACE TABLE lake.marts.m AS SELECT n AS x FROM lake.raw.parts")
        session.execute("CREATE OR REPLACE VIEW lake.marts.v AS FROM lake.raw.numbers")

    def grow(self, session: Session) -> None:
        """A table gets a column, or loses it again."""
        if "more" in session.types(NUMBERS):
            session.execute(f"ALTER TABLE {NUMBERS.sql} DROP COLUMN more")
        else:
            session.add_column(NUMBERS, "more", "BIGINT")


@pytest.mark.parametrize("seed", [1])
def test_rows_stay_the_same_whatever_happened(lake: Lake, seed: int) -> None:
    """Every generation reads as its branch did before it was compacted, and does so to the end."""
    week = Week(random.Random(seed))
    published = [change(lake, week) for _ in range(10)]
    for generation, rows in published:
        with lake.read(generation) as session:
            assert rows_in(session) == rows
    assert held(lake, "ducklake_snapshot") == held(lake, "ducklake_snapshot_changes") == 1
    assert held(lake, "ducklake_files_scheduled_for_deletion") == 0
    for table in ("data_file", "delete_file", "table", "view", "schema"):
        assert held(lake, f"ducklake_{table} WHERE end_snapshot IS NOT NULL") == 0


def test_files_and_catalog_stay_few_and_small(lake: Lake) -> None:
    """A table that is appended to has few files, and each model its last version alone."""

    def work(session: Session) -> None:
        write(session, 1)
        session.execute(f"CREATE OR REPLACE TABLE lake.raw.model AS FROM {NUMBERS.sql}")

    sizes = []
    for _ in range(3 * compact.FEW):
        change(lake, work)
        sizes.append(lake.resolve("dev").stat().st_size)
        assert len(files_of(lake)) <= compact.FEW
    assert sum(files_of(lake)) == 3 * compact.FEW
    assert held(lake, "ducklake_table") == 2
    assert max(sizes[compact.FEW :]) <= max(sizes[: compact.FEW])


def test_files_that_are_deleted_from_stay_few(lake: Lake) -> None:
    """A few deletions a file do not keep files from being brought together."""

    def work(session: Session) -> None:
        write(session, *range(20))
        session.execute(f"DELETE FROM {NUMBERS.sql} WHERE n = 7")

    for _ in range(3 * compact.FEW):
        change(lake, work)
        assert len(files_of(lake)) <= 3 * compact.FEW
    assert numbers(lake) == [n for n in range(20) if n != 7 for _ in range(3 * compact.FEW)]


def test_much_deleted_file_is_written_anew(lake: Lake) -> None:
    """From a quarter of its rows on; below that, the deletions stay beside it."""
    publish(lake, *range(100))
    change(lake, lambda session: session.execute(f"DELETE FROM {NUMBERS.sql} WHERE n < 24"))
    assert sorted(files_of(lake)) == [-24, 100]
    change(lake, lambda session: session.execute(f"DELETE FROM {NUMBERS.sql} WHERE n < 25"))
    assert files_of(lake) == [75]


def test_large_files_are_left_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are merged with files of their size, so a row is not copied again and again."""
    monkeypatch.setattr(compact, "SIZES", (800, 4 << 20))
    publish(lake, *range(1000))
    (large,) = data_files(lake.resolve("dev"))
    for n in range(2 * compact.FEW):
        publish(lake, n)
    assert large in data_files(lake.resolve("dev"))
    assert len(files_of(lake)) <= compact.FEW + 1


def test_no_file_is_removed(lake: Lake) -> None:
    """Other generations read the files that were merged."""
    seen: set[Path] = set()
    for n in range(2 * compact.FEW):
        publish(lake, n)
        now = set((lake.root / "files").rglob("*.parquet"))
        assert seen < now
        seen = now


def test_merged_files_are_made_durable(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a generation names and its base does not is synced before it is published."""
    synced: set[str] = set()
    real = Folder.sync

    def sync(store: Folder, keys: set[str]) -> None:
        synced.update(keys)
        real(store, keys)

    monkeypatch.setattr(Folder, "sync", sync)
    for n in range(compact.FEW + 1):
        publish(lake, n)
        assert {file.key for file in data_files(lake.resolve("dev"))} <= synced
    assert len(files_of(lake)) == 1


def test_unchanged_catalog_keeps_its_name(lake: Lake) -> None:
    """Publishing nothing is no new generation: compaction changes no byte without need."""
    before = publish(lake, 1).generation
    with lake.branch("dev", "idle") as branch:
        with branch.session() as session:
            assert session.scalar(f"SELECT count(*) FROM {NUMBERS.sql}") == 1
        assert lake.publish(branch, run="idle").generation == before


def test_compaction_that_loses_rows_is_not_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts the rows of every table before and after."""
    for n in range(compact.FEW):
        head = publish(lake, n)

    def lose(session: Session, _: object) -> None:
        session.execute(f"DELETE FROM {NUMBERS.sql}")

    monkeypatch.setattr(compact, "_compact_table", lose)
    with pytest.raises(Bug, match=r"number of rows of raw\.numbers"):
        publish(lake, 8)
    assert lake.refs.head("dev") == head


def test_catalog_knows_the_checksums_of_its_files(lake: Lake) -> None:
    """Of all that it names, those of its base included, and of nothing else."""
    for n in range(compact.FEW + 2):
        publish(lake, n)
        named = {file.key for file in data_files(lake.resolve("dev"))}
        found = recorded(lake.resolve("dev"))
        assert found == {key: digest(lake.store, key) for key in named}


def test_rows_of_a_file_that_was_dropped_are_not_counted(lake: Lake) -> None:
    """Nor are the deletions that were beside it, though its catalog lists them as current."""
    publish(lake, *range(9))
    with lake.branch("dev", "run") as branch:
        for condition in ("n = 1", "n < 9"):
            with branch.session() as session:
                session.execute(f"DELETE FROM {NUMBERS.sql} WHERE {condition}")
        assert sum(file.rows for file in data_files(branch.catalog, current=True)) == 0
        lake.publish(branch, run="run")
    assert numbers(lake) == []


def test_what_has_rotted_is_not_merged(lake: Lake) -> None:
    """Merged, it would get a checksum of its own, and nobody could find it any more."""
    publish(lake, 1_000_000_007)
    (file,) = (lake.store.local(file.key) for file in data_files(lake.resolve("dev")))
    content = bytearray(file.read_bytes())
    content[content.find((1_000_000_007).to_bytes(8, "little"))] ^= 0x40
    file.chmod(0o644)
    file.write_bytes(content)
    second = publish(lake, 2)
    with pytest.raises(EnvironmentFailed, match="is not what was published") as caught:
        publish(lake, 3)
    assert caught.value.where == str(file)
    assert lake.refs.require("dev") == second


def test_files_that_ducklake_does_not_merge_are_no_work(lake: Lake) -> None:
    """Those of other versions of a table, parts or ways to part it: each try is another catalog."""

    def parted(by: str) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            session.create(parts, {"n": "BIGINT", "one": "BIGINT", "two": "BIGINT"})
            session.execute(f"ALTER TABLE {parts.sql} {by}")

        return work

    def add(*values: tuple[int, int, int]) -> Callable[[Session], None]:
        listed = ", ".join(map(str, values))
        return lambda session: session.execute(f"INSERT INTO {parts.sql} VALUES {listed}")

    parts = Table("raw", "parts")
    change(lake, parted("SET PARTITIONED BY (one)"))
    change(lake, add(*((n, n, n) for n in range(3 * compact.FEW))))
    require_idle(lake)
    assert len(files_of(lake, parts)) == 3 * compact.FEW
    for n in range(2 * compact.FEW):
        # In the same place each time, by another way.
        change(lake, parted(f"SET PARTITIONED BY ({('one', 'two')[n % 2]})"))
        change(lake, add((n, 77, 77)))
    require_idle(lake)
    assert len(files_of(lake, parts)) == 5 * compact.FEW


def test_files_of_other_versions_of_a_table_are_no_work(lake: Lake) -> None:
    """DuckLake merges those that were written under one version."""
    for number in range(2 * compact.FEW):
        change(lake, lambda session: write(session, 1))
        change(lake, lambda session: session.add_column(NUMBERS, f"c{number}", "BIGINT"))  # noqa: B023
    require_idle(lake)
    assert len(files_of(lake)) == 2 * compact.FEW


def require_idle(lake: Lake) -> None:
    """Nothing is left to do: what is published unchanged keeps its name."""
    head = lake.refs.require("dev").generation
    generation, _ = change(lake, lambda _: None)
    assert generation == head
