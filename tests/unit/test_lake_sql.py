"""Read-only SQL: answers for people, and no way out of the lake."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluicegate.cli import render_lake
from sluicegate.cli.plain import blob
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.lake import Lake, query
from tests.unit.kit import publish


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
