"""The difference between two refs: what changed, by key and by column, and nothing personal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from sluicegate.catalogue import Catalogue
from sluicegate.cli.main import app
from sluicegate.contracts import PII, Contract, Model, field, key
from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake import Lake
from sluicegate.lake import diff as diff_module
from sluicegate.lake.collect import collect
from sluicegate.lake.connection import identifier
from sluicegate.lake.diff import Diff, diff
from sluicegate.lake.diff_rows import LONGEST, Comparison
from sluicegate.lake.diff_tables import TableDiff, plan
from sluicegate.lake.names import full_name, parts
from sluicegate.lake.schema import CatalogSchema, read_schema
from sluicegate.lake.show import show
from sluicegate.pipeline import diffing
from tests.unit.diff_oracle import VALUES, Content, Dice, Expected, expected
from tests.unit.kit import source

TABLES = 34
ROOT = Path(__file__).parents[2]


def publish(lake: Lake, ref: str, *statements: str) -> None:
    """Publish what some statements make of a ref."""
    with lake.branch(ref, ref) as branch:
        with branch.session() as session:
            session.execute("CREATE SCHEMA IF NOT EXISTS lake.raw")
            for sql in statements:
                session.execute(sql)
        lake.publish(branch, run=ref)


def fork(lake: Lake, *statements: str) -> None:
    """Publish what some statements make of ``a`` as ``b``."""
    lake.start("b", "a")
    publish(lake, "b", *statements)


def compared(lake: Lake, *, clear: bool = True, **options: Any) -> TableDiff:
    """The difference of the one table ``raw.t`` between ``a`` and ``b``, by its column ``id``."""
    chosen: dict[str, Any] = {"keys": {"raw.t": ("id",)}, "tables": ["raw.t"], **options}
    personal: dict[str, frozenset[str]] = {"raw.t": frozenset()} if clear else {}
    (table,) = diff(lake, "a", "b", personal=personal, **chosen).tables
    return table


def rows_of(table: TableDiff) -> tuple[int, int, int, int]:
    """Rows added, removed, changed and unchanged."""
    rows = table.rows
    return rows.added, rows.removed, rows.changed, rows.unchanged


def data_files(lake: Lake) -> set[Path]:
    """Every data file of a lake."""
    return set((lake.root / "files").rglob("*.parquet"))


@dataclass
class Thrown:
    """Refs by dice: what is in them, and what a diff says of each two of them."""

    contents: dict[str, dict[str, Content]]
    keys: dict[str, tuple[str, ...]]
    diffs: dict[tuple[str, str], Diff]


@pytest.fixture(scope="module")
def thrown(tmp_path_factory: pytest.TempPathFactory) -> Thrown:
    """Tables in three refs: one, a branch of it, and one that has only their names in common."""
    lake = Lake(tmp_path_factory.mktemp("dice") / "lake")
    lake.prepare()
    dice = Dice(20261030)
    made = {f"raw.t{number}": dice.table(f"t{number}") for number in range(TABLES)}
    first = {name: content for name, (content, _) in made.items()}
    write(lake, "first", first)
    lake.start("branch", "first")
    branch = {name: dice.change(content) for name, content in first.items()}
    write(lake, "branch", branch)
    stranger = {name: dice.stranger(content) for name, content in first.items()}
    write(lake, "stranger", stranger)
    keys = {name: key for name, (_, key) in made.items()}
    contents = {"first": first, "branch": branch, "stranger": stranger}
    diffs = {
        (before, after): diff(lake, before, after, keys=keys, sample=0)
        for before, after in permutations(contents, 2)
    }
    return Thrown(contents, keys, diffs)


def write(lake: Lake, ref: str, contents: Mapping[str, Content]) -> None:
    """Publish tables to a ref."""
    with lake.branch(ref, ref) as branch:
        with branch.session() as session:
            session.execute("CREATE SCHEMA IF NOT EXISTS lake.raw")
            for phase in ("data", "shape"):
                with session.transaction():
                    for content in contents.values():
                        for sql in getattr(content, phase):
                            session.execute(sql)
        lake.publish(branch, run=ref)


def told(table: TableDiff) -> Expected:
    """A diff of a table in the words of the oracle."""
    return Expected(
        key=table.key,
        renamed={(column.before, column.after) for column in table.columns.renamed},
        retyped={column.name for column in table.columns.retyped},
        added_columns={column.name for column in table.columns.added},
        removed_columns={column.name for column in table.columns.removed},
        before=table.rows.before,
        after=table.rows.after,
        added=table.rows.added,
        removed=table.rows.removed,
        changed=table.rows.changed,
        columns={column.name: column.rows for column in table.values},
    )


def test_agrees_with_an_oracle(thrown: Thrown) -> None:
    """Over 200 pairs of tables: odd values, types, keys, lineages, and every change of a branch."""
    found = {
        (sides, table.name): told(table)
        for sides, found in thrown.diffs.items()
        for table in found.tables
    }
    wanted = {
        ((before, after), name): expected(
            thrown.contents[before][name], thrown.contents[after][name], thrown.keys[name]
        )
        for before, after in thrown.diffs
        for name in thrown.keys
    }
    assert len(wanted) > 200
    assert found == wanted


def test_every_two_values_of_a_kind_compare_as_they_should(lake: Lake) -> None:
    """Each value beside each of the other type, or of the same: one table, a column a kind."""
    rows, differ = [], []
    for kind in VALUES.values():
        couples = list(product(kind.literals(0), kind.literals(1)))
        retyped = kind.types[0] != kind.types[1]
        differ.append(sum(x.common != y.common if retyped else x.own != y.own for x, y in couples))
        rows.append(couples)
    height = max(map(len, rows))
    for side, ref in enumerate(("a", "b")):
        columns = ", ".join(
            f"[{', '.join(f'{couple[side].sql}::{kind.types[side]}' for couple in couples)}][id]"
            f' AS "{name}"'
            for (name, kind), couples in zip(VALUES.items(), rows, strict=True)
        )
        made = f"SELECT id, {columns} FROM range(1, {height + 1}) AS t(id)"
        publish(lake, ref, f"CREATE TABLE lake.raw.t AS {made}")
    table = compared(lake)
    unlike = list(VALUES).index("unlike")
    # Where types do not compare, rows that are padded with NULL differ too.
    differ[unlike] = height
    assert {column.name: column.rows for column in table.values} == dict(
        zip(VALUES, differ, strict=True)
    )


def test_the_other_way_round_is_the_mirror_image(thrown: Thrown) -> None:
    """A is before and B after: what was added is removed, seen from the other side."""
    for (before, after), found in thrown.diffs.items():
        for table, other in zip(found.tables, thrown.diffs[after, before].tables, strict=True):
            assert rows_of(table) == (
                other.rows.removed,
                other.rows.added,
                other.rows.changed,
                other.rows.unchanged,
            )
            assert table.columns.added == other.columns.removed
            assert table.rows.before == other.rows.after


def test_rows_add_up(thrown: Thrown) -> None:
    """Every row of both sides is in exactly one count, and no column changes more rows than do."""
    for found in thrown.diffs.values():
        for table in found.tables:
            added, removed, changed, unchanged = rows_of(table)
            assert table.rows.before == removed + changed + unchanged
            assert table.rows.after == added + changed + unchanged
            assert all(column.rows <= changed for column in table.values)
            assert sum(column.rows for column in table.values) >= changed
        assert found.equal == all(table.equal for table in found.tables)


ORDERS = (
    "CREATE TABLE lake.raw.t (id INTEGER, city VARCHAR, price DECIMAL(9,2))",
    "INSERT INTO lake.raw.t VALUES (1, 'Bonn', 1), (2, 'Köln', 2), (3, NULL, 3)",
)


def test_tells_rows_and_values(lake: Lake) -> None:
    """What was added, removed and changed, how much of each column, and the values of a few."""
    publish(lake, "a", *ORDERS)
    fork(
        lake,
        "UPDATE lake.raw.t SET city = 'Ulm', price = 3.5 WHERE id = 3",
        "UPDATE lake.raw.t SET price = 2.25 WHERE id = 2",
        "DELETE FROM lake.raw.t WHERE id = 1",
        "INSERT INTO lake.raw.t VALUES (4, NULL, 4)",
    )
    told = (
        compared(lake).__class__.__module__
        and diff(lake, "a", "b", keys={"raw.t": ["id"]}, personal={"raw.t": frozenset()}).to_dict()
    )
    assert told["before"]["name"], told["after"]["name"] == ("a", "b")
    (table,) = told["tables"]
    assert table["rows"] == {
        "before": 3,
        "after": 3,
        "added": 1,
        "removed": 1,
        "changed": 2,
        "unchanged": 0,
    }
    assert table["values"] == (
        {"name": "city", "rows": 1, "share": 0.5},
        {"name": "price", "rows": 2, "share": 1.0},
    )
    assert table["sample"] == {
        "added": ({"id": "4", "city": None, "price": "4.00"},),
        "removed": ({"id": "1", "city": "Bonn", "price": "1.00"},),
        "changed": (
            {"key": {"id": "2"}, "columns": {"price": ("2.00", "2.25")}},
            {"key": {"id": "3"}, "columns": {"city": (None, "Ulm"), "price": ("3.00", "3.50")}},
        ),
    }
    assert json.loads(json.dumps(told))["equal"] is False


def test_sample_is_bounded_and_in_the_order_of_keys(lake: Lake) -> None:
    """The first few of every kind, whatever order they were written in; long texts are cut."""
    publish(lake, "a", *ORDERS, "INSERT INTO lake.raw.t SELECT i, '', 0 FROM range(90, 9, -1) t(i)")
    long = "x" * (LONGEST + 1)
    fork(
        lake,
        f"UPDATE lake.raw.t SET city = '{long}' WHERE id > 20",
        "DELETE FROM lake.raw.t WHERE id < 20",
    )
    sample = compared(lake, sample=2).sample
    assert [row["id"] for row in sample.removed] == ["1", "2"]
    assert [row.key["id"] for row in sample.changed] == ["21", "22"]
    assert sample.changed[0].columns["city"] == ("", "x" * LONGEST + "…")
    assert compared(lake, sample=0).sample == type(sample)()


def test_equal_values_are_shown_alike(lake: Lake) -> None:
    """Which of two zeros stands for both must not depend on chance."""
    publish(lake, "a", "CREATE TABLE lake.raw.t AS SELECT 1.5::DOUBLE AS x")
    publish(lake, "b", "CREATE TABLE lake.raw.t AS SELECT unnest([-0.0, 0.0, 1.5]::DOUBLE[]) AS x")
    assert compared(lake, keys={}).sample.added == ({"x": "0.0"}, {"x": "0.0"})


def test_rows_of_one_key_are_matched_as_multisets(lake: Lake) -> None:
    """Equal ones first, then the others in the order of their values; the rest comes or goes."""
    publish(
        lake, "a", ORDERS[0], "INSERT INTO lake.raw.t VALUES (1, 'a', 1), (1, 'b', 2), (1, 'c', 3)"
    )
    fork(
        lake,
        "DELETE FROM lake.raw.t WHERE city IN ('a', 'b')",
        "INSERT INTO lake.raw.t VALUES (1, 'b', 9)",
    )
    table = compared(lake)
    assert rows_of(table) == (0, 1, 1, 1)
    assert {column.name: column.rows for column in table.values} == {"city": 1, "price": 1}
    assert table.sample.changed[0].columns == {"city": ("a", "b"), "price": ("1.00", "9.00")}
    assert [row["city"] for row in table.sample.removed] == ["b"]


def test_rows_that_all_have_one_key_pair_off(lake: Lake) -> None:
    """Equal ones pair off, three thousand of one key, and only the one that is new is left."""
    rows = "SELECT 1, i::VARCHAR, i % 7 FROM range(3000) t(i)"
    publish(lake, "a", ORDERS[0], f"INSERT INTO lake.raw.t {rows}")
    publish(lake, "b", ORDERS[0], f"INSERT INTO lake.raw.t {rows} UNION ALL SELECT 1, 'more', 0")
    assert rows_of(compared(lake)) == (1, 0, 0, 3000)


def test_key_that_is_not_in_both_is_told(lake: Lake) -> None:
    """Rows are compared as multisets then, and the reader knows why."""
    publish(lake, "a", *ORDERS)
    publish(lake, "b", "CREATE TABLE lake.raw.t AS SELECT 1 AS number, 'Bonn' AS city")
    table = compared(lake)
    assert (table.key, rows_of(table)) == ((), (0, 2, 0, 1))
    assert "its column 'id' is not in both" in str(table.note)
    publish(lake, "b", "DROP TABLE lake.raw.t", "CREATE TABLE lake.raw.t (id DATE, city VARCHAR)")
    assert "its column 'id' has types that do not compare" in str(compared(lake).note)


def test_tables_columns_and_views_come_and_go(lake: Lake) -> None:
    """Each is told by name; a view by its SQL, and a table that became a view is another thing."""
    publish(
        lake,
        "a",
        *ORDERS,
        "CREATE TABLE lake.raw.old AS SELECT 1 AS n",
        "CREATE TABLE lake.raw.turned AS SELECT 1 AS n",
        "CREATE VIEW lake.raw.same AS SELECT 1 AS n",
        "CREATE VIEW lake.raw.view AS SELECT id FROM lake.raw.t",
    )
    fork(
        lake,
        "DROP TABLE lake.raw.old",
        "DROP TABLE lake.raw.turned",
        "CREATE VIEW lake.raw.turned AS SELECT 1 AS n",
        "CREATE OR REPLACE VIEW lake.raw.view AS SELECT id FROM lake.raw.t WHERE id > 1",
        "CREATE TABLE lake.raw.new AS SELECT 1 AS n FROM range(3)",
        "ALTER TABLE lake.raw.t RENAME city TO town",
        "ALTER TABLE lake.raw.t DROP price",
        "ALTER TABLE lake.raw.t ADD fee INTEGER",
        "ALTER TABLE lake.raw.t ALTER id TYPE BIGINT",
    )
    found = diff(lake, "a", "b", keys={"raw.t": ["id"]})
    assert [(one.name, one.kind, one.rows) for one in found.added] == [
        ("raw.new", "table", 3),
        ("raw.turned", "view", None),
    ]
    assert [(one.name, one.kind, one.rows) for one in found.removed] == [
        ("raw.old", "table", 1),
        ("raw.turned", "table", 1),
    ]
    assert found.views == ("raw.view",)
    (table,) = found.tables
    assert json.loads(json.dumps(found.to_dict()["tables"][0]["columns"])) == {
        "added": [{"name": "fee", "type": "INTEGER"}],
        "removed": [{"name": "price", "type": "DECIMAL(9,2)"}],
        "renamed": [{"before": "city", "after": "town"}],
        "retyped": [{"name": "id", "before": "INTEGER", "after": "BIGINT"}],
    }
    assert rows_of(table) == (0, 0, 0, 3)
    assert not table.equal


def test_column_that_two_branches_added_is_not_renamed(lake: Lake) -> None:
    """Both get the same id, for two columns that have nothing to do with each other."""
    publish(lake, "a", *ORDERS)
    fork(lake, "ALTER TABLE lake.raw.t ADD fee INTEGER")
    publish(lake, "a", "ALTER TABLE lake.raw.t ADD discount INTEGER")
    columns = compared(lake).columns
    assert not columns.renamed
    assert [column.name for column in (*columns.removed, *columns.added)] == ["discount", "fee"]


def test_equal_tables_are_not_read(lake: Lake) -> None:
    """Not even where their data files are lost; other columns need no reading either."""
    publish(lake, "a", *ORDERS, "CREATE TABLE lake.raw.other AS SELECT 1 AS n")
    publish(lake, "a", "DELETE FROM lake.raw.t WHERE id = 1")
    fork(
        lake, "ALTER TABLE lake.raw.t RENAME city TO town", "ALTER TABLE lake.raw.t ADD fee INTEGER"
    )
    for file in data_files(lake):
        file.unlink()
    found = diff(lake, "a", "b", keys={"raw.t": ["id"]})
    assert [(table.name, table.equal) for table in found.tables] == [
        ("raw.other", True),
        ("raw.t", False),
    ]
    assert rows_of(found.tables[1]) == (0, 0, 0, 2)
    assert diff(lake, "a", "a").equal


def test_of_an_appended_table_only_what_was_appended_is_read(lake: Lake) -> None:
    """Files that both sides read cancel out, also where a key of theirs comes again."""
    publish(lake, "a", *ORDERS)
    shared = data_files(lake)
    fork(lake, "INSERT INTO lake.raw.t VALUES (1, 'Bonn', 1), (4, 'Jena', 4)")
    for file in shared:
        file.unlink()
    table = compared(lake)
    assert rows_of(table) == (2, 0, 0, 3)
    assert [row["id"] for row in table.sample.added] == ["1", "4"]


def test_file_with_other_deletions_is_read(lake: Lake) -> None:
    """The same data file, from which each side has deleted another row."""
    publish(lake, "a", *ORDERS)
    fork(lake, "DELETE FROM lake.raw.t WHERE id = 1")
    publish(lake, "a", "DELETE FROM lake.raw.t WHERE id = 2")
    assert rows_of(compared(lake)) == (1, 1, 0, 1)


def test_column_that_came_again_is_another_one(lake: Lake) -> None:
    """It has its name and no value, although both sides read the same file."""
    publish(lake, "a", *ORDERS)
    fork(lake, "ALTER TABLE lake.raw.t DROP price", "ALTER TABLE lake.raw.t ADD price DECIMAL(9,2)")
    table = compared(lake)
    assert (table.columns.any, rows_of(table)) == (False, (0, 0, 3, 0))


SECRETS = ("Maria Musterfrau", "DE02", "Moritz Mustermann", "DE05", "Erika Beispiel")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with people in it, known by their names, who move, come and go."""
    lake = Lake(tmp_path_factory.mktemp("people") / "lake")
    lake.prepare()
    one, account, two, another, three = SECRETS
    publish(
        lake,
        "a",
        "CREATE TABLE lake.raw.t (id VARCHAR, account VARCHAR, plan INTEGER)",
        f"INSERT INTO lake.raw.t VALUES ('{one}', '{account}', 1), ('{two}', '{account}', 1)",
    )
    fork(
        lake,
        f"UPDATE lake.raw.t SET account = '{another}', plan = 2 WHERE id = '{one}'",
        f"UPDATE lake.raw.t SET id = '{three}' WHERE id = '{two}'",
        f"INSERT INTO lake.raw.t VALUES (NULL, '{account}', 3)",
        "ALTER TABLE lake.raw.t RENAME account TO iban",
    )
    return lake


@pytest.mark.parametrize("name", ["account", "iban"])
def test_personal_values_are_masked(people: Lake, name: str) -> None:
    """Old and new ones, in keys too, under the name before or after; others are shown."""
    personal = {"raw.t": frozenset({"id", name})}
    found = diff(people, "a", "b", keys={"raw.t": ["id"]}, personal=personal)
    shown = json.dumps(found.to_dict(), ensure_ascii=False)
    assert not [secret for secret in SECRETS if secret in shown]
    (row,) = found.tables[0].sample.changed
    assert (row.key, row.columns) == ({"id": "•••"}, {"iban": ("•••", "•••"), "plan": ("1", "2")})
    assert {row["plan"] for row in found.tables[0].sample.added} == {"1", "3"}


def test_without_a_word_on_it_everything_is_personal(people: Lake) -> None:
    """A table that nobody has said anything about shows no value at all."""
    sample = compared(people, clear=False).sample
    cells = {value for row in (*sample.added, *sample.removed) for value in row.values()}
    assert cells == {"•••"}


def test_sample_is_as_long_as_was_asked_for_whatever_the_keys(people: Lake) -> None:
    """Rows that lack a part of their key come last, and count too."""
    table = compared(people, sample=1)
    assert table.rows.added == 2
    assert [row["id"] for row in table.sample.added] == [SECRETS[4]]


def test_table_that_cannot_be_read_is_named(lake: Lake) -> None:
    """It is an error, never left out."""
    publish(lake, "a", *ORDERS)
    fork(lake, "UPDATE lake.raw.t SET price = 9")
    for file in data_files(lake):
        file.unlink()
    with pytest.raises(EnvironmentFailed, match="cannot be read") as caught:
        compared(lake)
    assert caught.value.where == "raw.t"


def test_error_quotes_no_value(people: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB's messages do, when a value cannot be converted."""

    def fail(*_: object, **__: object) -> None:
        raise duckdb.ConversionException(f"Could not convert string '{SECRETS[0]}'")

    monkeypatch.setattr(Comparison, "_joined", fail)
    with pytest.raises(EnvironmentFailed, match="DuckDB says ConversionException") as caught:
        compared(people)
    assert SECRETS[0] not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.where == "raw.t"


def test_table_with_other_rows_than_its_catalog_says_is_refused(lake: Lake) -> None:
    """Counts would not add up; a damaged lake is told, not compared."""
    publish(lake, "a", *ORDERS)
    with lake.branch("a", "run") as branch:
        with branch.session() as session:
            session.execute("INSERT INTO lake.raw.t VALUES (5, '', 5)")
        catalog = sqlite3.connect(branch.catalog)
        with catalog:
            catalog.execute("UPDATE ducklake_delete_file SET delete_count = 0")
            catalog.execute("UPDATE ducklake_data_file SET record_count = record_count + 1")
        catalog.close()
        branch.keep(lake.refused("run"))
    with pytest.raises(EnvironmentFailed, match="has 4 rows where its catalog says 6"):
        diff(lake, "a", "refused/run")


def test_refused_run_can_be_compared(lake: Lake) -> None:
    """What a reviewer asks first: what would it have changed?"""
    publish(lake, "a", *ORDERS)
    with lake.branch("a", "run-7") as branch:
        with branch.session() as session:
            session.execute("DELETE FROM lake.raw.t WHERE id > 1")
        branch.keep(lake.refused("run-7"))
    found = diff(lake, "a", "refused/run-7", keys={"raw.t": ["id"]})
    assert (found.before.generation, found.after.generation) == (lake.generation("a"), None)
    assert rows_of(found.tables[0]) == (0, 2, 0, 1)


def test_unknown_names_are_told_with_near_ones(lake: Lake) -> None:
    """Refs and tables alike; a view can be named too."""
    publish(lake, "a", *ORDERS, "CREATE VIEW lake.raw.view AS SELECT 1 AS n")
    with pytest.raises(UnknownName, match="no ref or generation called 'aa'") as caught:
        diff(lake, "a", "aa")
    assert "'a'" in str(caught.value.hint)
    with pytest.raises(UnknownName, match="no table or view called") as caught:
        diff(lake, "a", "a", tables=["raw.t", "raw.x"])
    assert "'raw.t'" in str(caught.value.hint)
    assert diff(lake, "a", "a", tables=["raw.view"]).tables == ()


class Visits(Contract):
    """One row a visit."""

    visit_id: str = key()
    guest: str = field(pii=PII.INDIRECT)
    room: str = field()


def test_contracts_say_what_identifies_a_row_and_what_is_personal() -> None:
    """What no contract declares as harmless is masked; our own accounts are known."""
    visits = source("visits", contract=Visits)
    catalogue = Catalogue({"visits": visits}, {"marts.visits": Model("marts.visits", Visits)})
    keys, personal = diffing.keys(catalogue), diffing.personal(catalogue)
    assert keys["raw.visits"] == keys["marts.visits"] == ("visit_id",)
    for table in ("raw.visits", "marts.visits"):
        columns = ("visit_id", "guest", "room", "unheard_of", "_batch", "_line")
        assert [name for name in columns if name in personal[table]] == ["guest", "unheard_of"]
    assert "accounts.quarantine" not in keys
    quarantine = personal["accounts.quarantine"]
    assert [name for name in ("file", "line", "record") if name in quarantine] == ["record"]
    assert "marts.undeclared" not in personal


def test_console_command_shows_and_prints(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables for people, JSON for programs, and exit code 2 for a table that is not there."""
    publish(lake, "a", *ORDERS, "CREATE TABLE lake.raw.mcc_codes AS SELECT '0742' AS mcc, 1 AS x")
    fork(
        lake,
        "UPDATE lake.raw.t SET city = 'Ulm' WHERE id = 3",
        "UPDATE lake.raw.mcc_codes SET x = 2",
    )
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(ROOT))
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", str(lake.root))
    run = CliRunner().invoke
    shown = run(app, ["lake", "diff", "a", "b"]).output
    assert f"a ({lake.generation('a')}) → b" in shown
    assert "raw.mcc_codes, by mcc" in shown
    assert "mcc=0742" in shown
    assert "x: ••• → •••" in shown
    assert "Ulm" not in shown
    arguments = ["lake", "diff", "a", "b", "--json", "--table", "raw.t", "--sample", "1"]
    assert json.loads(run(app, arguments).output)["tables"][0]["rows"]["added"] == 1
    assert "Nothing is different" in run(app, ["lake", "diff", "a", "a"]).output
    with pytest.raises(UnknownName, match=r"raw\.tt"):
        run(app, ["lake", "diff", "a", "b", "--table", "raw.tt"], catch_exceptions=False)


def test_files_are_shared_within_one_lineage_only(lake: Lake) -> None:
    """Other lineages, rows outside of files, files whose names a catalog takes for others."""
    publish(lake, "a", *ORDERS)
    table = read_schema(lake.resolve("a")).tables["raw.t"]
    assert plan("raw.t", table, table).shared == frozenset(table.files)
    named = (("i", 1, None, 0), ("x", 2, None, 1))
    mapped = replace(table, files=tuple(replace(file, mapping=named) for file in table.files))
    assert plan("raw.t", mapped, mapped).shared == frozenset(mapped.files)
    others = (replace(table, uuid="another"), replace(table, inlined=True))
    for one, other in ((table, others[0]), (table, others[1]), (others[1], table), (table, mapped)):
        found = plan("raw.t", one, other)
        assert found.shared == frozenset()
        assert found.reads


def test_letters_outside_of_ascii_are_not_folded(lake: Lake) -> None:
    """DuckDB tells such columns apart, so one is not the other."""
    columns = ("straße", "strasse", "Ä", "ä", "Id")
    declared = ", ".join(f'"{name}" INTEGER' for name in columns)
    publish(
        lake,
        "a",
        f"CREATE TABLE lake.raw.t ({declared})",
        "INSERT INTO lake.raw.t VALUES (1, 2, 3, 4, 5)",
    )
    fork(
        lake,
        'UPDATE lake.raw.t SET "straße" = 9, "Ä" = 9',
        'ALTER TABLE lake.raw.t DROP COLUMN "strasse"',
        'ALTER TABLE lake.raw.t RENAME "Id" TO "ID"',
    )
    table = compared(lake, keys={"raw.t": ("id",)})
    assert {each.name: each.rows for each in table.values} == {"straße": 1, "Ä": 1, "ä": 0}
    assert [each.name for each in table.columns.removed] == ["strasse"]
    assert table.columns.added == ()
    assert table.key == ("ID",)


def test_dots_do_not_make_one_table_of_two(lake: Lake) -> None:
    """``"raw.x".y`` is not ``raw."x.y"``."""
    publish(
        lake,
        "a",
        'CREATE SCHEMA lake."raw.x"',
        'CREATE TABLE lake."raw.x".y AS SELECT 1 AS n',
        'CREATE TABLE lake.raw."x.y" AS SELECT 2 AS n, 3 AS m',
        'CREATE VIEW lake.raw."v.w" AS SELECT 1 AS n',
        'CREATE VIEW lake."raw.x"."w" AS SELECT 1 AS n',
    )
    fork(
        lake,
        'INSERT INTO lake.raw."x.y" VALUES (4, 5)',
        'CREATE OR REPLACE VIEW lake.raw."v.w" AS SELECT 2 AS n',
    )
    found = diff(lake, "a", "b")
    rows = {table.name: (table.rows.before, table.rows.added) for table in found.tables}
    assert rows == {'"raw.x".y': (1, 0), 'raw."x.y"': (1, 1)}
    assert found.views == ('raw."v.w"',)
    assert [table.name for table in diff(lake, "a", "b", tables=['raw."x.y"']).tables] == [
        'raw."x.y"'
    ]
    assert {each.name: each.rows for each in show(lake, "b").tables if each.kind == "table"} == {
        '"raw.x".y': 1,
        'raw."x.y"': 2,
    }


@pytest.mark.parametrize(
    "name", ["a*?[b]", "data/x", '"x"', "it's", 'q"uote', "a.b", "a{b}", "-- c", "ü"]
)
def test_tables_of_odd_names(lake: Lake, name: str) -> None:
    """What their columns are called too."""
    table = f"lake.raw.{identifier(name)}"
    column = identifier(name)
    publish(lake, "a", f"CREATE TABLE {table} AS SELECT 1 AS id, 2 AS {column}")
    fork(
        lake, f"INSERT INTO {table} VALUES (2, 3)", f"UPDATE {table} SET {column} = 9 WHERE id = 1"
    )
    full = full_name("raw", name)
    (found,) = diff(lake, "a", "b", keys={full: ("id",)}, personal={full: ()}, tables=[full]).tables
    assert rows_of(found) == (1, 0, 1, 0)
    assert found.sample.changed[0].columns == {name: ("2", "9")}
    assert parts(full) == ("raw", name)


def test_variants_of_any_types_compare(lake: Lake) -> None:
    """As JSON: DuckDB itself cannot compare a number with a text that both are VARIANT."""
    values = ("1", "'1'", "'x'", "DATE '2020-01-01'", "[1, 2]", "{'a': 1}", "true", "NULL", "1.5")
    for ref, shift in (("a", 0), ("b", 1)):
        rows = [
            f"({n}, ({values[(n + shift * (n % 2)) % len(values)]})::VARIANT)"
            for n in range(len(values))
        ]
        publish(
            lake,
            ref,
            "CREATE TABLE lake.raw.t (id INTEGER, v VARIANT)",
            *(f"INSERT INTO lake.raw.t VALUES {row}" for row in rows),
        )
    table = compared(lake, sample=99)
    assert rows_of(table) == (0, 0, 4, 5)
    assert [each.columns["v"] for each in table.sample.changed] == [
        ('"1"', '"x"'),
        ('"2020-01-01"', "[1,2]"),
        ('{"a":1}', "true"),
        (None, "1.5"),
    ]
    assert rows_of(compared(lake, keys={})) == (4, 4, 0, 5)
    assert rows_of(compared(lake, keys={"raw.t": ("v",)})) == (4, 4, 0, 5)


def test_variant_that_was_another_type_differs_in_every_row(lake: Lake) -> None:
    """There is no type in which the two would compare."""
    for ref, kind in (("a", "VARIANT"), ("b", "INTEGER")):
        publish(
            lake,
            ref,
            f"CREATE TABLE lake.raw.t (id INTEGER, v {kind})",
            f"INSERT INTO lake.raw.t VALUES (1, 1::{kind}), (2, 2::{kind})",
        )
    assert rows_of(compared(lake)) == (0, 0, 2, 0)


def test_nothing_is_collected_under_a_diff(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are held for as long as it takes."""
    publish(lake, "a", *ORDERS)
    before = lake.generation("a")
    publish(lake, "a", "DELETE FROM lake.raw.t WHERE id = 1")
    after = lake.generation("a")
    publish(lake, "a", "DROP TABLE lake.raw.t")
    real, now = diff_module.read_schema, timedelta(0)
    kept: dict[str, str] = {}

    def read(catalog: Path) -> CatalogSchema:
        kept.update(collect(lake, keep=now, grace=now).kept)
        return real(catalog)

    monkeypatch.setattr(diff_module, "read_schema", read)
    (table,) = diff(lake, before, after, keys={"raw.t": ("id",)}).tables
    assert rows_of(table) == (0, 1, 0, 2)
    assert kept[before] == kept[after] == "read by somebody"
    assert set(collect(lake, keep=now, grace=now).removed) == {before, after}
