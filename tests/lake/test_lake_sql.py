"""Read-only SQL: answers for people, and no way out of the lake."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sluicegate.cli import render_lake
from sluicegate.cli.plain import blob
from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake import Lake, Table, query
from sluicegate.lake.backup import back_up
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import open_read_only
from sluicegate.lake.diff import diff
from sluicegate.lake.handout import reader
from sluicegate.lake.show import show
from tests.unit.kit import numbers, publish, settings_of, write


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with one table, a foreign file beside it, and nothing changed at the end."""
    made = Lake(tmp_path_factory.mktemp("sql") / "lake")
    made.prepare()
    publish(made, 1, 2, 3)
    (made.root / "secret.csv").write_text("secret\n42\n")
    with sqlite3.connect(made.root / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE secrets AS SELECT 42 AS secret")
    foreign.close()
    before = content(made.root)
    yield made
    assert content(made.root) == before


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT sum(n) FROM raw.numbers", [(6,)]),
        ("FROM raw.numbers ORDER BY n LIMIT 1;", [(1,)]),
        ("WITH big AS (SELECT n FROM raw.numbers WHERE n > 2) SELECT * FROM big", [(3,)]),
        ("SELECT n FROM raw.numbers AS a SEMI JOIN range(2, 3) AS b ON a.n = b.range", [(2,)]),
        ("SELECT count(*) FROM ducklake_snapshots('lake')", [(1,)]),
        ("SELECT 'a; b' AS text -- ; no second statement", [("a; b",)]),
        ("DESCRIBE raw.numbers", [("n", "BIGINT", "YES", None, None, None)]),
        ("SELECT current_setting('TimeZone')", [("UTC",)]),
    ],
)
def test_answers_what_reads(lake: Lake, sql: str, rows: list[tuple[object, ...]]) -> None:
    """Any one statement that reads the lake."""
    found = query(lake, "dev", sql).rows
    assert [tuple(cell if cell != "NULL" else None for cell in row) for row in found] == rows


def strictly(text: str) -> Any:
    """What JSON says, where ``NaN`` is none and no name comes twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        (
            "SELECT 'NaN'::DOUBLE AS a, ['inf'::FLOAT, 0.5] AS b, {'c': '-inf'::DOUBLE} AS d",
            {"a": "NaN", "b": ["Infinity", 0.5], "d": {"c": "-Infinity"}},
        ),
        ("SELECT 1 AS a, 2 AS a, 3 AS a_1", {"a": 1, "a_1": 2, "a_1_1": 3}),
        ("SELECT 1 AS a_1, 2 AS a, 3 AS a", {"a_1": 1, "a": 2, "a_2": 3}),
        ("SELECT '\\x00z'::BLOB AS a, ['\\xFF'::BLOB] AS b", {"a": "\\x00z", "b": ["\\xFF"]}),
        ("SELECT MAP {DATE '2026-01-31': 1} AS a", {"a": {"2026-01-31": 1}}),
    ],
)
def test_programs_lose_nothing(
    lake: Lake, capsys: pytest.CaptureFixture[str], sql: str, row: dict[str, object]
) -> None:
    """JSON has no NaN, no bytes, and one value a name; the names are those of a subquery."""
    render_lake.answer(query(lake, "dev", sql), json=True)
    assert strictly(capsys.readouterr().out) == [row]
    assert query(lake, "dev", f"FROM ({sql})").columns == list(row)


def test_bytes_are_written_as_duckdb_does(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, so that they can be read again; for people too."""
    everything = bytes(range(256))
    sql = f"SELECT from_hex('{everything.hex()}')"
    (((found,),), ((text,),)) = (
        query(lake, "dev", f"{sql}{end}").rows for end in ("", "::VARCHAR")
    )
    assert found == everything
    assert blob(found) == text
    render_lake.answer(query(lake, "dev", "SELECT '\\x00z'::BLOB AS a"), json=False)
    assert capsys.readouterr().out.split() == ["a", "\\x00z"]


def test_names_the_columns(lake: Lake) -> None:
    """An answer has its columns, also without rows."""
    answer = query(lake, "dev", "SELECT n AS a, n AS b FROM raw.numbers WHERE false")
    assert (answer.columns, answer.rows) == (["a", "b"], [])


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO raw.numbers VALUES (4)",
        "DELETE FROM raw.numbers",
        "UPDATE raw.numbers SET n = 0",
        "DROP TABLE raw.numbers",
        "CREATE TABLE raw.more AS SELECT 1",
        "CREATE TEMP TABLE t AS SELECT 1",
        "COPY (SELECT 1) TO '{files}/evil.parquet'",
        "COPY raw.numbers TO '{root}/evil.csv'",
        "EXPORT DATABASE '{root}/evil'",
        "ATTACH '{root}/foreign.db' AS f (TYPE sqlite)",
        "DETACH lake",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "PRAGMA enable_profiling",
        "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "BEGIN",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE raw.numbers",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{files}/evil.parquet'",
        "EXPLAIN /* */ ANALYZE DELETE FROM raw.numbers",
        "",
        "  -- nothing",
    ],
)
def test_refuses_what_does_more_than_read(lake: Lake, sql: str) -> None:
    """Writes, settings, attachments, several statements and none at all."""
    with pytest.raises(ConfigurationError, match="Only one statement that reads"):
        query(lake, "dev", sql.format(files=lake.root / "files", root=lake.root))


@pytest.mark.parametrize(
    "sql",
    [
        "FROM '/etc/passwd'",
        "FROM '{root}/secret.csv'",
        "FROM '{files}/../secret.csv'",
        "FROM '{files}/raw/numbers/*.parquet'",
        "SELECT (SELECT count(*) FROM '{files}/raw/numbers/x.parquet')",
        'FROM "{files}/raw/numbers/*".parquet',
        'SUMMARIZE "{files}/raw/numbers/*".parquet',
        'SELECT 1 FROM "{files}/raw/numbers/*.parquet"."x"',
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('{root}/secret.csv')",
        "SELECT (SELECT max(secret) FROM sqlite_scan('{root}/foreign.db', 'secrets'))",
        "SUMMARIZE FROM sqlite_scan('{root}/foreign.db', 'secrets')",
        "SELECT * FROM query('SELECT * FROM sqlite_scan(''{root}/foreign.db'', ''secrets'')')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "SELECT * FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "WITH a AS (FROM \"DuckLake_Merge_Adjacent_Files\"('lake')) SELECT * FROM a",
    ],
)
def test_reaches_nothing_but_the_lake(lake: Lake, sql: str) -> None:
    """No other file is read, and no function is called that rewrites the lake's."""
    with pytest.raises(ConfigurationError):
        query(lake, "dev", sql.format(files=lake.root / "files", root=lake.root))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "cannot be parsed: syntax error"),
        ("SELECT * FROM raw.nubmers", "nubmers does not exist"),
        ("SELECT x FROM raw.numbers", '"x" not found'),
    ],
)
def test_wrong_query_is_explained(lake: Lake, sql: str, message: str) -> None:
    """A mistake in SQL is the asker's, with DuckDB's own words."""
    with pytest.raises(ConfigurationError, match=message):
        query(lake, "dev", sql)


@pytest.mark.parametrize("name", ["../foreign", "refused/../../foreign", "/etc/passwd", "", "g*"])
def test_name_is_never_a_path(lake: Lake, name: str) -> None:
    """A name is looked up among those there are, so that it leads to no other file."""
    with pytest.raises(UnknownName):
        query(lake, name, "SELECT 1")


def test_unknown_ref_is_told(lake: Lake) -> None:
    """Before anything is opened."""
    with pytest.raises(UnknownName, match="called 'dve'") as caught:
        query(lake, "dve", "SELECT 1")
    assert "dev" in str(caught.value.hint)


@pytest.fixture
def opened(lake: Lake) -> Iterator[Any]:
    """What a query is asked of: the second wall, behind the look at the statement."""
    connection = open_read_only(lake.resolve("dev"), lake.files)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{root}/secret.csv')",
        "FROM '{root}/secret.csv'",
        "FROM '{root}/files/../secret.csv'",
        "COPY (SELECT 1) TO '{root}/evil.csv'",
        "ATTACH '{root}/foreign.duckdb' AS f",
        "INSTALL httpfs",
    ],
)
def test_connection_itself_reaches_no_other_file(lake: Lake, opened: Any, sql: str) -> None:
    """Whatever slips through the look at a statement.

    But for files of SQLite: its extension asks nobody, and the look at a statement must hold.
    """
    with pytest.raises(duckdb.PermissionException):
        opened.execute(sql.format(root=lake.root))
    assert not (lake.root / "evil.csv").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "SET threads = 1",
        "SET allowed_directories = ['/']",
        "SET temp_directory = '/'",
        "RESET allowed_directories",
    ],
)
def test_connection_itself_cannot_be_opened_up(opened: Any, sql: str) -> None:
    """Its settings are locked."""
    with pytest.raises(duckdb.InvalidInputException, match="locked"):
        opened.execute(sql)


@pytest.mark.parametrize("name", ["RANGE", '"Range"', "Generate_Series", "DuckDB_Tables"])
def test_functions_are_known_whatever_their_case(lake: Lake, name: str) -> None:
    """As DuckDB knows them."""
    arguments = "" if "Tables" in name else "1, 4"
    assert query(lake, "dev", f"SELECT count(*) > 0 FROM {name}({arguments})").rows == [(True,)]


ODD = ("a*?[b]", "x.parquet", "data/x", "it's", 'q"uote', "x.y", "a{b}")


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def test_marts_need_no_schema(tmp_path: Path) -> None:
    """As in sluicegate.connect(): marts by their name, other tables with their schema."""
    made = Lake(tmp_path / "lake")
    made.prepare()
    with made.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 7)
            for name in ("m", *ODD):
                write(session, 1, 2, table=Table("marts", name))
        made.publish(branch, run="run")
    assert query(made, "dev", "SELECT sum(n) FROM m").rows == [(3,)]
    assert query(made, "dev", "SELECT n FROM raw.numbers").rows == [(7,)]
    assert query(made, "dev", "SELECT count(*) FROM lake.marts.m, marts.m").rows == [(4,)]
    for name in ODD:
        assert query(made, "dev", f"SELECT sum(n) FROM marts.{quoted(name)}").rows == [(3,)]
        with pytest.raises(ConfigurationError):
            query(made, "dev", f"FROM marts.{quoted(f'no{name}')}")
    assert query(made, "dev", "SHOW TABLES").rows[0] == ("a*?[b]",)


@pytest.mark.parametrize("ending", ["-journal", "-wal"])
@pytest.mark.parametrize("content", ["hot", "garbage", ""])
def test_journal_beside_a_generation_is_neither_applied_nor_ignored(
    tmp_path: Path, ending: str, content: str
) -> None:
    """Nobody writes to a generation: whose it is, somebody must find out."""
    made = Lake(tmp_path / "lake")
    made.prepare()
    publish(made, 1)
    first = made.resolve("dev")
    publish(made, 2)
    catalog = made.resolve("dev")
    before = catalog.read_bytes()
    journal = catalog.with_name(catalog.name + ending)
    if content == "hot":
        leave_hot(catalog, first, journal, ending)
    else:
        journal.write_text(content)
    readers: list[Callable[[], object]] = [
        lambda: query(made, "dev", "SELECT 1"),
        lambda: numbers(made),
        lambda: show(made, "dev"),
        lambda: diff(made, "dev", "dev"),
        lambda: reader(settings_of(tmp_path)),
        lambda: collect(made, keep=timedelta(0), grace=timedelta(0)),
        lambda: back_up(made, tmp_path / "to"),
    ]
    for read in readers:
        with pytest.raises(EnvironmentFailed, match="A journal lies beside") as caught:
            read()
        assert caught.value.where == str(journal)
    assert catalog.read_bytes() == before
    journal.unlink()
    assert numbers(made) == [1, 2]


def leave_hot(catalog: Path, other: Path, journal: Path, ending: str) -> None:
    """What SQLite would take for the work of a writer of this catalog who died."""
    victim = catalog.with_name("victim.db")
    shutil.copyfile(other, victim)
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        f"c.execute('PRAGMA journal_mode = {'WAL' if ending == '-wal' else 'DELETE'}');"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN');"
        "c.execute('UPDATE ducklake_snapshot SET snapshot_id = 99');"
        "c.execute('CREATE TABLE x AS SELECT randomblob(100000)');"
        + ("c.execute('COMMIT');" if ending == "-wal" else "")
        + "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(victim)], check=True)
    shutil.move(victim.with_name(victim.name + ending), journal)
    for left in catalog.parent.glob("victim*"):
        left.unlink()
