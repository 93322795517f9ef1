"""What readers see, handed out: as a connection, and as a file that needs nothing of ours."""

from __future__ import annotations

import gc
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

import sluicegate
from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake import Lake, Table, export_marts
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import Connection, identifier
from sluicegate.lake.handout import reader
from sluicegate.lake.leases import leased
from tests.support import ROOT
from tests.unit.kit import numbers, settings_of, write

MART = Table("marts", "numbers")
NOW = timedelta(0)
_runs = count(1)


def publish(lake: Lake, *values: int) -> str:
    """Publish a mart with these numbers more."""
    run = f"run-{next(_runs)}"
    with lake.branch("dev", run) as branch:
        with branch.session() as session:
            write(session, *values, table=MART)
            write(session, *values)
        return lake.publish(branch, run=run).generation


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with settings, whose lake is the one of the test."""
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments")
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(tmp_path / "lake"))
    return tmp_path


def test_a_connection_sees_what_readers_see(project: Path, lake: Lake) -> None:
    """Marts by their name, other tables with their schema, and nothing can be changed."""
    publish(lake, 1, 2)
    connection = sluicegate.connect("dev", project=project)
    assert connection.sql("SELECT sum(n)::INT FROM numbers").fetchall() == [(3,)]
    assert connection.sql("SELECT count(*) FROM raw.numbers").fetchall() == [(2,)]
    with pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("DELETE FROM numbers")
    connection.close()


def test_a_connection_keeps_its_view(project: Path, lake: Lake) -> None:
    """What is published later is seen by who connects later; an older generation has a name."""
    first = publish(lake, 1)
    early = sluicegate.connect("dev", project=project)
    publish(lake, 2)
    late = sluicegate.connect("dev", project=project)
    back = sluicegate.connect("dev", ref=first, project=project)
    sums = [each.sql("SELECT sum(n)::INT FROM numbers").fetchall() for each in (early, late, back)]
    assert sums == [[(1,)], [(3,)], [(1,)]]
    for each in (early, late, back):
        each.close()


def test_before_the_first_publish_there_is_nothing(project: Path, lake: Lake) -> None:
    """An environment that shows nothing yet, and one that does not exist, are told by name."""
    assert lake.refs.head("dev") is None
    with pytest.raises(UnknownName, match="'dev'"):
        sluicegate.connect("dev", project=project)
    with pytest.raises(UnknownName, match="no environment called 'pord'") as caught:
        sluicegate.connect("pord", project=project)
    assert "did you mean 'prod'" in str(caught.value.hint)


def test_an_empty_name_names_nothing(project: Path, lake: Lake) -> None:
    """Who took it from a variable that is not set is not shown what he did not ask for."""
    publish(lake, 1)
    sluicegate.connect(project=project).close()
    with pytest.raises(UnknownName, match="no environment called ''"):
        sluicegate.connect("", project=project)
    with pytest.raises(UnknownName, match="no ref or generation called ''"):
        sluicegate.connect("dev", ref="", project=project)


def test_an_export_needs_nothing_of_ours(tmp_path: Path, lake: Lake) -> None:
    """A plain DuckDB, without extensions and without the lake, reads the marts and nothing else."""
    generation = publish(lake, 1, 2, 3)
    export = export_marts(settings_of(tmp_path), tmp_path / "out" / "marts.duckdb")
    assert (export.generation, export.tables) == (generation, {"numbers": 3})
    shutil.rmtree(tmp_path / "lake")
    with duckdb.connect(str(export.file), read_only=True) as plain:
        assert plain.sql("SELECT n FROM numbers ORDER BY n").fetchall() == [(1,), (2,), (3,)]
        assert plain.sql("SHOW ALL TABLES").fetchall()[0][1:3] == ("main", "numbers")
        assert len(plain.sql("SHOW ALL TABLES").fetchall()) == 1


def test_an_export_replaces_the_one_before(tmp_path: Path, lake: Lake) -> None:
    """At once, and beside a reader who keeps what he has; no draft is left behind."""
    file = tmp_path / "out" / "marts.duckdb"
    publish(lake, 1)
    export_marts(settings_of(tmp_path), file)
    with duckdb.connect(str(file), read_only=True) as reader:
        publish(lake, 2)
        export_marts(settings_of(tmp_path), file)
        assert reader.sql("SELECT count(*) FROM numbers").fetchall() == [(1,)]
    with duckdb.connect(str(file), read_only=True) as reader:
        assert reader.sql("SELECT count(*) FROM numbers").fetchall() == [(2,)]
    assert [each.name for each in file.parent.iterdir()] == ["marts.duckdb"]


@pytest.mark.parametrize("name", ["marts.parquet", "marts", "folder.duckdb", "a?b/marts.duckdb"])
def test_an_export_goes_to_a_duckdb_file(tmp_path: Path, lake: Lake, name: str) -> None:
    """Another ending, a folder, or a path that DuckDB reads otherwise is refused."""
    publish(lake, 1)
    (tmp_path / "folder.duckdb").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigurationError, match="DuckDB"):
        export_marts(settings_of(tmp_path), tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before
    assert numbers(lake) == [1]


def test_a_full_disk_is_no_bug(tmp_path: Path, lake: Lake) -> None:
    """Where the file fits, and not what DuckDB logs of it: it is told, and nothing is left."""
    publish(lake, *range(20_000))
    before = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, hard))
    try:
        with pytest.raises(EnvironmentFailed, match=r"cannot be written: .* Failed to commit"):
            export_marts(settings_of(tmp_path), tmp_path / "marts.duckdb")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("place", ["lake/catalogs/x.db", ".sluicegate/prefect/prefect.db"])
def test_an_export_never_replaces_our_own_files(tmp_path: Path, lake: Lake, place: str) -> None:
    """Not a generation, and not the database of a service."""
    generation = publish(lake, 1)
    wanted = place.replace("x", generation)
    with pytest.raises(ConfigurationError, match="keep their own files"):
        export_marts(settings_of(tmp_path), tmp_path / wanted)
    assert numbers(lake) == [1]


def test_an_export_is_not_spoilt_by_what_somebody_left(tmp_path: Path, lake: Lake) -> None:
    """Who died writing to it before leaves a log, which is not replayed into the new one."""
    publish(lake, 1)
    file = tmp_path / "marts.duckdb"
    export_marts(settings_of(tmp_path), file)
    script = (
        f"import duckdb, os; c = duckdb.connect({str(file)!r});"
        "c.execute('INSERT INTO numbers VALUES (99)'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert file.with_name("marts.duckdb.wal").exists()
    export_marts(settings_of(tmp_path), file)
    with duckdb.connect(str(file), read_only=True) as reader:
        assert reader.sql("FROM numbers").fetchall() == [(1,)]


READS = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as reader:
    kinds = "SELECT table_name, table_type FROM information_schema.tables ORDER BY 1"
    print(reader.sql(kinds).fetchall())
    print(reader.sql("SELECT list(n ORDER BY n) FROM numbers").fetchall())
    print(reader.sql("SELECT list(n ORDER BY n) FROM corrected").fetchall())
"""


def test_views_need_neither_the_lake_nor_a_copy(tmp_path: Path, lake: Lake) -> None:
    """A plain DuckDB reads them; a table that rows were deleted from is copied instead."""
    corrected = Table("marts", "corrected")
    publish(lake, 1, 2)
    with lake.branch("dev", "corrects") as branch:
        with branch.session() as session:
            write(session, *range(100), table=corrected)
            session.execute(f"DELETE FROM {corrected.sql} WHERE n > 3")
            write(session, *range(200, 300), table=corrected)
            session.execute(f"DELETE FROM {corrected.sql} WHERE n = 299")
        lake.publish(branch, run="corrects")
    file = tmp_path / "views.duckdb"
    export = export_marts(settings_of(tmp_path), file, views=True)
    assert export.views == {"numbers"}
    assert export.tables == {"corrected": 103, "numbers": 2}
    publish(lake, 3)
    told = subprocess.run(
        [sys.executable, "-c", READS, str(file)], capture_output=True, text=True, check=True
    )
    tables, numbered, rest = told.stdout.splitlines()
    assert tables == "[('corrected', 'BASE TABLE'), ('numbers', 'VIEW')]"
    assert numbered == "[([1, 2],)]"
    assert rest == f"[({[0, 1, 2, 3, *range(200, 299)]},)]"


def test_view_of_a_table_whose_columns_changed_is_a_copy(tmp_path: Path, lake: Lake) -> None:
    """A file that was written under other names cannot be read as the table is."""
    publish(lake, 1)
    with lake.branch("dev", "renames") as branch:
        with branch.session() as session:
            session.execute(f"ALTER TABLE {MART.sql} RENAME n TO number")
        lake.publish(branch, run="renames")
    export = export_marts(settings_of(tmp_path), tmp_path / "views.duckdb", views=True)
    assert export.views == frozenset()
    with duckdb.connect(str(export.file), read_only=True) as reader:
        assert reader.sql("SELECT number FROM numbers").fetchall() == [(1,)]


@pytest.mark.parametrize("held", ["cursor", "cursor of a cursor", "relation", "result"])
def test_what_is_derived_from_a_connection_holds_its_view(
    tmp_path: Path, lake: Lake, held: str
) -> None:
    """Nothing of it is collected until the last of them is gone, and then it is."""
    publish(lake, 1, 2)
    derived = DERIVED[held](reader(settings_of(tmp_path)))
    gc.collect()
    with lake.branch("dev", "drops") as branch:
        with branch.session() as session:
            session.execute(f"DROP TABLE {MART.sql}")
            session.execute("CREATE OR REPLACE TABLE lake.raw.numbers AS SELECT 1 AS n")
        lake.publish(branch, run="drops")
    collect(lake, keep=NOW, grace=NOW)
    collect(lake, keep=NOW, grace=NOW)
    assert fetched(derived) == [(1,), (2,)]
    assert len(leased(lake.root)) == 1
    del derived
    gc.collect()
    assert leased(lake.root) == set()
    assert collect(lake, keep=NOW, grace=NOW).files > 0


NUMBERED = "FROM lake.marts.numbers"
DERIVED: dict[str, Callable[[Connection], Any]] = {
    "cursor": lambda connection: connection.cursor(),
    "cursor of a cursor": lambda connection: connection.cursor().cursor(),
    "relation": lambda connection: connection.cursor().sql(NUMBERED),
    "result": lambda connection: connection.cursor().execute(NUMBERED),
}


def fetched(derived: Any) -> list[tuple[int]]:
    """The numbers; in a frame of its own, for DuckDB looks for names in the caller's."""
    if isinstance(derived, duckdb.DuckDBPyConnection) and derived.description is None:
        derived.execute(NUMBERED)
    return sorted(derived.fetchall())


def test_closed_connection_lets_go(tmp_path: Path, lake: Lake) -> None:
    """Of its cursors too, which cannot be asked any more; so does a process that ends."""
    publish(lake, 1)
    connection = reader(settings_of(tmp_path))
    cursor = connection.cursor()
    assert len(leased(lake.root)) == 1
    connection.close()
    with pytest.raises(duckdb.ConnectionException):
        cursor.sql("SELECT 1")
    gc.collect()
    assert leased(lake.root) == set()


def test_process_that_ends_with_a_connection_ends_well(project: Path, lake: Lake) -> None:
    """It need not close what it has."""
    publish(lake, 1)
    script = (
        "import sluicegate; from pathlib import Path;"
        f"c = sluicegate.connect('dev', project=Path({str(project)!r})).cursor();"
        "print(c.sql('FROM lake.marts.numbers').fetchall())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[(1,)]\n", "")
    assert leased(lake.root) == set()


def test_views_outlive_the_next_publish_and_a_collector(tmp_path: Path, lake: Lake) -> None:
    """For as long as the generation is kept: files that were merged since are still there."""
    for n in range(20):
        publish(lake, n)
    file = tmp_path / "views.duckdb"
    export = export_marts(settings_of(tmp_path), file, views=True)
    # Merged files have a column of DuckLake's own.
    assert export.views == {"numbers"}
    for n in range(20, 40):
        publish(lake, n)
    with lake.branch("dev", "drops") as branch:
        with branch.session() as session:
            session.execute(f"DROP TABLE {MART.sql}")
        lake.publish(branch, run="drops")
    for _ in range(2):
        collect(lake, keep=timedelta(days=30), grace=NOW)
    collect(lake, keep=NOW, grace=timedelta(hours=24))
    assert read_plainly(file) == list(range(20))
    for _ in range(2):
        collect(lake, keep=NOW, grace=NOW)
    with pytest.raises(subprocess.CalledProcessError):
        read_plainly(file)


PLAINLY = "SELECT list(n ORDER BY n) FROM numbers"


def read_plainly(file: Path) -> list[int]:
    """What DuckDB's own command line reads."""
    told = subprocess.run(
        [Path(sys.executable).with_name("duckdb"), "-readonly", "-json", file, PLAINLY],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    ((values,),) = (row.values() for row in json.loads(told.stdout))
    found: list[int] = json.loads(values) if isinstance(values, str) else values
    return found


def test_view_never_shows_what_was_dropped(tmp_path: Path, lake: Lake) -> None:
    """A column that came again is another one, though an old file has one of its name."""
    publish(lake, 1)
    with lake.branch("dev", "again") as branch:
        with branch.session() as session:
            session.add_column(MART, "more", "BIGINT")
            session.execute(f"UPDATE {MART.sql} SET more = 666")
            session.execute(f"INSERT INTO {MART.sql} VALUES (2, 666)")
            session.execute(f"ALTER TABLE {MART.sql} DROP COLUMN more")
            session.add_column(MART, "more", "BIGINT")
            session.execute(f"INSERT INTO {MART.sql} VALUES (3, 3)")
        lake.publish(branch, run="again")
    export = export_marts(settings_of(tmp_path), tmp_path / "views.duckdb", views=True)
    with duckdb.connect(str(export.file), read_only=True) as plain:
        rows = plain.sql("SELECT n, more FROM numbers ORDER BY n").fetchall()
    assert rows == [(1, None), (2, None), (3, 3)]


def test_view_never_shows_a_neighbour(tmp_path: Path) -> None:
    """Whose file a pattern would find where that of the view is gone."""
    lake = Lake(tmp_path / "lak?" / "lake")
    lake.prepare()
    publish(lake, 1)
    settings = settings_of(tmp_path / "lak?")
    export = export_marts(settings, tmp_path / "views.duckdb", views=True)
    assert export.views == {"numbers"}
    with duckdb.connect(str(export.file), read_only=True) as plain:
        assert plain.sql("FROM numbers").fetchall() == [(1,)]
    (tmp_path / "lak?").rename(tmp_path / "lake")
    with (
        duckdb.connect(str(export.file), read_only=True) as plain,
        pytest.raises(duckdb.IOException),
    ):
        plain.sql("FROM numbers").fetchall()


@pytest.mark.parametrize("views", [True, False])
def test_marts_of_odd_names_are_exported(tmp_path: Path, views: bool) -> None:
    """From a folder of an odd name, with a neighbour that a pattern would take for it."""
    folder = tmp_path / "it's #1%20? [x]*"
    lake = Lake(folder / "lake")
    lake.prepare()
    names = ("a*?[b]", "ab", "data/x", "it's", 'q"uote', "a.b", "a{b}", "select")
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            for number, name in enumerate(names):
                write(session, number, table=Table("marts", name))
            write(session, 666, table=Table("marts.a", "b"))
        lake.publish(branch, run="run")
    export = export_marts(settings_of(folder), tmp_path / "marts.duckdb", views=views)
    assert export.tables == dict.fromkeys(names, 1)
    assert export.views == (frozenset(names) if views else frozenset())
    with duckdb.connect(str(export.file), read_only=True) as plain:
        for number, name in enumerate(names):
            assert plain.sql(f"FROM {identifier(name)}").fetchall() == [(number,)]


def test_tables_that_have_contracts_are_exported_in_their_schemas(
    lake: Lake, tmp_path: Path
) -> None:
    """Marts or not; those that are not published yet are left out, and no other comes along."""
    publish(lake, 1, 2)
    wanted = {"raw.numbers", "raw.later"}
    for views in (False, True):
        file = tmp_path / f"contracts-{views}.duckdb"
        export = export_marts(settings_of(tmp_path), file, views=views, tables=wanted)
        assert export.tables == {"raw.numbers": 2}
        assert export.views == ({"raw.numbers"} if views else set())
        with duckdb.connect(file, read_only=True) as connection:
            found = connection.sql(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            )
            assert found.fetchall() == [("raw.numbers",)]
            assert connection.sql("SELECT sum(n)::INT FROM raw.numbers").fetchall() == [(3,)]
    with pytest.raises(ConfigurationError, match="ambiguous"):
        export_marts(settings_of(tmp_path), tmp_path / "raw.duckdb", tables=wanted)
