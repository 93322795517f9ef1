"""Building again on a moved ref: what reads nothing new is copied, the rest is built and tested."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import Bug
from sluicegate.lake import Branch, Lake, Session, Table
from sluicegate.lake.inventory import state_of
from sluicegate.lake.reads import tables_read
from sluicegate.lake.schema import read_schema
from sluicegate.warehouse import Build, Former, Step, build, rebuild
from sluicegate.warehouse.graph import Graph, Node, read_graph, same

MODULE = import_module("sluicegate.warehouse.rebuild")
_count = count(1)
ORDERS, RATES = Table("raw", "orders"), Table("raw", "rates")
PROJECT = Path(__file__).parents[2] / "dbt_project"
FILES = {
    "dbt_project.yml": "name: sluicegate\nprofile: sluicegate\n",
    "models/orders.sql": """
{{ config(materialized='table') }}
select id, amount, {'a b': [id]} as nested, amount / 3 as third, current_timestamp as built_at
from {{ ref('lean_orders') }} order by id desc""",
    "models/lean_orders.sql": "{{ config(materialized='ephemeral') }}"
    " select * from {{ source('raw', 'orders') }} where id > 0",
    "models/seen.sql": "select id, amount from {{ ref('orders') }}",
    "models/rates.sql": "{{ config(materialized='table') }}"
    " select * from {{ source('raw', 'rates') }}",
    "models/converted.sql": """
{{ config(materialized='table') }}
select seen.id, seen.amount * rates.rate as euros, current_timestamp as built_at
from {{ ref('seen') }} as seen cross join {{ ref('rates') }} as rates""",
    "models/grown.sql": """
{{ config(materialized='incremental') }}
select id, current_timestamp as built_at from {{ ref('orders') }}
{% if is_incremental() %} where id not in (select id from {{ this }}) {% endif %}""",
    "snapshots/history.sql": """
{% snapshot history %}
{{ config(unique_key='id', strategy='check', check_cols=['amount']) }}
select id, amount from {{ ref('orders') }}
{% endsnapshot %}""",
    "tests/adds_up.sql": "select 1 from {{ ref('converted') }} where euros < 0",
    "tests/orders_and_rates.sql": "select 1 from {{ ref('orders') }}, {{ ref('rates') }} limit 0",
    "models/undeclared.sql": "{{ config(materialized='table') }} select rate from lake.raw.rates",
    "tests/undeclared_too.sql": "select 1 from lake.main.undeclared where false",
    "models/models.yml": """
sources:
  - name: raw
    database: lake
    tables:
      - {name: orders, columns: [{name: id, data_tests: [not_null]}]}
      - {name: rates, columns: [{name: rate, data_tests: [not_null]}]}
models:
  - name: orders
    description: "What's ordered"
    config: {contract: {enforced: true}, persist_docs: {relation: true, columns: true}}
    columns:
      - {name: id, data_type: integer, description: "It's the id", data_tests: [not_null, unique],
         constraints: [{type: not_null}]}
      - {name: amount, data_type: "decimal(18, 2)", constraints: [{type: not_null}]}
      - {name: nested, data_type: 'struct("a b" integer[])'}
      - {name: third, data_type: double}
      - {name: built_at, data_type: timestamp with time zone}
  - name: seen
    description: "Orders, seen"
    config: {persist_docs: {relation: true}}
    columns: [{name: id, data_tests: [not_null]}]
  - name: rates
    columns: [{name: rate, data_tests: [not_null]}]
  - name: grown
    columns: [{name: id, data_tests: [unique]}]
unit_tests:
  - name: no_rates
    model: rates
    given: [{input: "source('raw', 'rates')", rows: []}]
    expect: {rows: []}
""",
}
ALL = {"orders", "rates", "grown", "seen", "history", "converted", "undeclared"}
"""Everything that is built; `lean_orders` is a part of others."""
OF_RATES = {"rates", "converted", "undeclared"}


class Shop:
    """A dbt project, a lake that it was built and published in, and a build that came too late.

    A branch of the lake begins with what readers see, which somebody else may have changed.
    """

    def __init__(self, folder: Path) -> None:
        self.project, self.target = folder / "project", folder / "target"
        for name, content in FILES.items():
            self.write(name, content)
        shutil.copytree(PROJECT / "macros", self.project / "macros")
        shutil.copy(PROJECT / "profiles.yml", self.project)
        self.lake = Lake(folder / "lake")
        self.lake.prepare()
        with self.lake.branch("dev", "first") as branch:
            with branch.session() as session:
                session.create(ORDERS, {"id": "INTEGER", "amount": "DECIMAL(18, 2)"})
                session.create(RATES, {"rate": "INTEGER"})
                session.execute(f"INSERT INTO {ORDERS.sql} VALUES (1, 10), (2, 20), (-1, 0)")
                session.execute(f"INSERT INTO {RATES.sql} VALUES (2)")
            assert self.build(branch).complete
            base = self.lake.catalog(self.lake.publish(branch, run="first").generation)
        (folder / "aside").mkdir()
        with self.begun() as branch:
            made = self.build(branch, unit_tests=False)
            self.former = Former(base, branch.set_aside(folder / "aside"), branch.files, made)

    def write(self, name: str, content: str) -> None:
        """Have a file in the project."""
        (self.project / name).parent.mkdir(parents=True, exist_ok=True)
        (self.project / name).write_text(content)

    def build(self, branch: Branch, **options: Any) -> Build:
        """Build everything."""
        where: dict[str, Any] = {"project": self.project, "target": self.target}
        return build(branch.catalog, branch.files, **where, **options)

    def rebuild(self, branch: Branch, former: Former | None = None, **options: Any) -> Build:
        """Build what has to be."""
        where = {"project": self.project, "target": self.target}
        options = {"unit_tests": False, "untouched": {"raw.orders"}, **where, **options}
        return rebuild(former or self.former, branch, options.pop("untouched"), **options)

    @contextmanager
    def begun(self, *changes: str) -> Iterator[Branch]:
        """A branch where somebody changed something, and the run has taken in its orders."""
        with self.lake.branch("dev", f"branch-{next(_count)}") as branch:
            with branch.session() as session:
                for change in changes:
                    session.execute(change)
                session.execute(f"INSERT INTO {ORDERS.sql} VALUES (3, 30)")
                session.execute(f"UPDATE {ORDERS.sql} SET amount = 11 WHERE id = 1")
            yield branch


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project, built and built again."""
    return Shop(tmp_path_factory.mktemp("shop"))


def tables(catalog: Path, shop: Shop) -> dict[str, object]:
    """What a catalog has of every model: columns, promises, comments, rows."""
    with shop.lake.branch("dev", f"look-{next(_count)}") as branch:
        shutil.copy(catalog, branch.catalog)
        with branch.session() as session:
            return {name: _content(session, Table("main", name)) for name in sorted(ALL)}


def _content(session: Session, table: Table) -> object:
    told = " FROM duckdb_{}() WHERE (database_name, schema_name) = ('lake', 'main')"
    comments = session.rows(
        f"SELECT comment {told.format('tables')} AND table_name = $1"
        f" UNION ALL SELECT comment {told.format('views')} AND view_name = $1"
        f" UNION ALL SELECT comment {told.format('columns')} AND table_name = $1",
        [table.name],
    )
    # A table of several files has no order.
    rows = sorted(session.rows(f"FROM {table.sql}"), key=repr)
    return session.rows(f"DESCRIBE {table.sql}"), comments, rows


def again(shop: Shop, branch: Branch, **options: Any) -> tuple[Build, set[str]]:
    """Build what has to be; also tell what dbt was at."""
    steps: list[Step] = []
    made = shop.rebuild(branch, on_event=steps.append, **options)
    return made, {step.name for step in steps}


def told(made: Build) -> tuple[list[str], list[tuple[str, str]]]:
    """Models and checks of a build, without how long they took."""
    return [model.id for model in made.models], [(each.id, each.kind) for each in made.checks]


def forbidden(*_: object, **__: object) -> Build:
    """Stands for a build where none may be."""
    pytest.fail("dbt was to build nothing")


def test_nothing_is_built_again_where_nothing_differs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No build at all; tables are what it made, to the comment; models and checks are told."""
    monkeypatch.setattr(MODULE, "build", forbidden)
    with shop.begun("CREATE SCHEMA lake.elsewhere") as branch, caplog.at_level(logging.INFO):
        made = shop.rebuild(branch)
        assert tables(branch.catalog, shop) == tables(shop.former.catalog, shop)
        theirs, mine = read_schema(shop.former.catalog), read_schema(branch.catalog)
        assert mine.views == theirs.views
        kinds = {name: [c.kind for c in table.columns] for name, table in theirs.tables.items()}
        assert {n: [c.kind for c in t.columns] for n, t in mine.tables.items()} == kinds
    former = shop.former.build
    assert (made.models, made.checks) == (former.models, former.checks)
    assert made.complete
    assert f"{len(ALL)} models: carried over" in caplog.text


def test_only_what_reads_a_changed_table_is_built_again(shop: Shop) -> None:
    """Tests too, of which some are about a table that was carried over as well."""
    with shop.begun(f"INSERT INTO {RATES.sql} VALUES (5)") as branch:
        made, steps = again(shop, branch)
        found = tables(branch.catalog, shop)
    assert steps == {
        *OF_RATES,
        *("source_not_null_raw_rates_rate", "not_null_rates_rate"),
        *("adds_up", "orders_and_rates", "undeclared_too"),
    }
    before = tables(shop.former.catalog, shop)
    assert {name for name in ALL if found[name] != before[name]} == OF_RATES
    assert told(made) == told(shop.former.build)
    assert made.complete
    assert next(model.rows for model in made.models if model.name == "converted") == 6
    # A whole build on the same branch gives the same.
    with shop.begun(f"INSERT INTO {RATES.sql} VALUES (5)") as branch:
        whole = shop.build(branch, unit_tests=False)
        expected = tables(branch.catalog, shop)
    assert [(m.id, m.rows) for m in whole.models] == [(m.id, m.rows) for m in made.models]
    assert {name: _timeless(found[name]) for name in ALL} == {
        name: _timeless(expected[name]) for name in ALL
    }


def _timeless(content: Any) -> object:
    columns, comments, rows = content
    moments = [n for n, (_, kind, *_) in enumerate(columns) if kind.startswith("TIMESTAMP")]
    dated = {n for n, (name, *_) in enumerate(columns) if name == "dbt_scd_id"} | set(moments)
    kept = [tuple(value for n, value in enumerate(row) if n not in dated) for row in rows]
    return columns, comments, sorted(kept, key=str)


def test_failing_test_of_a_new_table_is_told(shop: Shop) -> None:
    """What was carried over does not hide what is wrong now."""
    with shop.begun(f"INSERT INTO {RATES.sql} VALUES (NULL), (-3)") as branch:
        made = shop.rebuild(branch)
    failed = {check.name for check in made.failed}
    # The test of the source keeps the model from being built.
    assert failed == {"source_not_null_raw_rates_rate"}
    skipped = {model.name for model in made.models if model.status == "skipped"}
    # dbt does not know that one of them reads the source.
    assert skipped == OF_RATES - {"undeclared"}
    assert not made.complete


def test_what_remembers_is_built_again_if_its_own_table_was_touched(shop: Shop) -> None:
    """A snapshot goes on from what readers see of it now; another table is replaced as ever."""
    with shop.begun(
        "INSERT INTO lake.main.history BY NAME SELECT 7 AS id, 70 AS amount, 'x' AS dbt_scd_id,"
        " now() AS dbt_updated_at, now() AS dbt_valid_from",
        "DELETE FROM lake.main.grown",
        "DELETE FROM lake.main.orders",
    ) as branch:
        _, steps = again(shop, branch)
        found = tables(branch.catalog, shop)
    assert steps == {"history", "grown", "unique_grown_id"}
    before = tables(shop.former.catalog, shop)
    assert {name for name in ALL if found[name] != before[name]} == {"history", "grown"}
    ids = {row[0] for row in found["history"][2]}  # type: ignore[index]
    assert ids == {1, 2, 3, 7}
    assert len(found["history"][2]) == 5  # type: ignore[index]


def test_table_in_the_place_of_a_view_is_replaced(shop: Shop) -> None:
    """As dbt would."""
    with shop.begun(
        "DROP VIEW lake.main.seen",
        "CREATE TABLE lake.main.seen AS SELECT 1 AS one",
        "DROP TABLE lake.main.rates",
        "CREATE VIEW lake.main.rates AS SELECT 1 AS one",
    ) as branch:
        _, steps = again(shop, branch)
        assert steps == set()
        assert tables(branch.catalog, shop) == tables(shop.former.catalog, shop)


def test_source_that_was_not_carried_over_is_read_again(shop: Shop) -> None:
    """Rows that another intake wrote are in other files, even if they are the same."""
    with shop.begun() as branch:
        _, steps = again(shop, branch, untouched=set())
    assert steps & ALL == ALL - {"rates", "undeclared"}
    assert "not_null_rates_rate" not in steps


def test_unit_tests_run_if_they_have_to(shop: Shop) -> None:
    """The former build has none to tell of: all is built, and they are told; later they stay."""
    with shop.begun() as branch:
        made, steps = again(shop, branch, unit_tests=True)
        assert {*ALL, "no_rates"} <= steps
    assert [check.name for check in made.checks if check.kind == "unit"] == ["no_rates"]
    with shop.begun() as branch:
        former = replace(shop.former, catalog=shop.former.catalog, build=made)
        stays, steps = again(shop, branch, former=former, unit_tests=True)
    assert steps == set()
    assert told(stays) == told(made)


def test_another_project_is_built_whole(shop: Shop) -> None:
    """A build that does not tell of every model and check of the project is worth nothing."""
    checks = shop.former.build.checks[1:]
    former = replace(shop.former, build=replace(shop.former.build, checks=checks))
    with shop.begun() as branch:
        made, steps = again(shop, branch, former=former)
    assert steps >= ALL
    assert told(made) == told(shop.former.build)


def test_what_dbt_leaves_out_is_no_success(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A selection that finds nothing has built nothing."""

    def lost(*where: Any, only: list[str], **options: Any) -> Build:
        return build(*where, only=[f"{each}_lost" for each in only], **options)

    monkeypatch.setattr(MODULE, "build", lost)
    with (
        shop.begun(f"INSERT INTO {RATES.sql} VALUES (5)") as branch,
        pytest.raises(Bug, match="left out") as raised,
    ):
        shop.rebuild(branch)
    assert "model.sluicegate.converted" in str(raised.value.where)


def test_what_dbt_is_not_told_of_is_seen() -> None:
    """A query that names a table of the lake itself reads it, whatever the project declares."""
    hidden = Graph(
        models={"main.a": node("a"), "main.b": node("b", "main.a")},
        tests=(node("t", "main.a"), node("about nothing")),
        unit_tests=frozenset(),
        plain=True,
    )
    untouched = {"raw.x"}.__contains__
    assert same(hidden, untouched, bool) == {"a", "b", "t"}
    seen = hidden.reading({"a": frozenset({"raw.y"})})
    assert same(seen, untouched, bool) == set()
    assert same(hidden.reading({"a": frozenset({"raw.x"})}), untouched, bool) == {"a", "b", "t"}
    assert same(hidden.reading({"a": None}), untouched, bool) == set()
    assert same(hidden.reading({"t": frozenset({"raw.y"})}), untouched, bool) == {"a", "b"}
    itself = hidden.reading({"a": frozenset({"main.a"})})
    assert same(itself, untouched, lambda name: name == "main.a") == {"a", "b", "t"}
    assert same(itself, untouched, lambda name: name != "main.a") == set()
    assert same(replace(hidden, plain=False), untouched, bool) == set()


def node(key: str, *parents: str, kind: str = "table", plain: bool = True) -> Node:
    """A node of a graph."""
    return Node(key, kind, plain, frozenset(parents), f"fqn:{key}")


def test_graph_is_the_projects(shop: Shop) -> None:
    """Sources by their real names, ephemeral models, tests, and what selects them."""
    with shop.begun() as branch:
        graph = read_graph(branch.catalog, branch.files, project=shop.project, target=shop.target)
    parents = {name: set(node.parents or ()) for name, node in graph.models.items()}
    assert parents == {
        "main.lean_orders": {"raw.orders"},
        "main.orders": {"main.lean_orders"},
        "main.seen": {"main.orders"},
        "main.rates": {"raw.rates"},
        "main.converted": {"main.seen", "main.rates"},
        "main.grown": {"main.orders"},
        "main.history": {"main.orders"},
        "main.undeclared": set(),
    }
    assert graph.models["main.history"].kind == "snapshot"
    assert graph.unit_tests == {"unit_test.sluicegate.rates.no_rates"}
    assert {node.selector for node in graph.tests} >= {"fqn:sluicegate.adds_up"}
    assert graph.plain
    assert all(node.plain for node in graph.nodes)
    assert {node.id for node in graph.nodes} == {
        *(model.id for model in shop.former.build.models),
        *(check.id for check in shop.former.build.checks),
    }


RAW_BC = {"raw.b", "raw.c"}
KINDS = ("table", "view", "incremental", "snapshot", "ephemeral", "seed", "external")


@st.composite
def projects(draw: st.DrawFn) -> tuple[Graph, set[str], set[str]]:
    """A graph of any shape, the tables that nobody touched, and those that begin alike."""
    names = [f"main.{n}" for n in range(draw(st.integers(0, 8)))]
    sources = [f"raw.{n}" for n in range(3)]
    # Now and then a model reads itself, or something that is built after it.
    anything = st.sampled_from([*sources, *names])
    models = {}
    for n, name in enumerate(names):
        usual = draw(st.lists(st.sampled_from([*sources, *names[:n]]), max_size=3))
        odd = draw(st.sampled_from([[]] * 6 + [[name], [draw(anything)]]))
        parents = None if draw(st.integers(0, 19)) == 0 else frozenset([*usual, *odd])
        plain = draw(st.integers(0, 9)) > 0
        models[name] = Node(name, draw(st.sampled_from(KINDS)), plain, parents, name)
    tests = tuple(
        node(f"test.{n}", *draw(st.lists(anything, max_size=3)))
        for n in range(draw(st.integers(0, 4)))
    )
    subset = partial(st.lists, unique=True)
    untouched = set(draw(subset(st.sampled_from(sources))))
    alike = set(draw(subset(st.sampled_from(names)))) if names else set()
    return Graph(models, tests, frozenset(), plain=True), untouched, alike


def oracle(name: str, graph: Graph, untouched: set[str], alike: set[str], above: set[str]) -> bool:
    """Whether a table is the same, said the other way round: from it to what it reads."""
    if name not in graph.models:
        return name in untouched
    model = graph.models[name]
    if model.parents is None or not model.plain or model.kind == "external" or name in above:
        return False
    if (model.kind in ("incremental", "snapshot") or name in model.parents) and name not in alike:
        return False
    above = above | {name}
    others = model.parents - {name}
    return all(oracle(parent, graph, untouched, alike, above) for parent in others)


@given(projects())
def test_choice_is_what_the_oracle_says(project: tuple[Graph, set[str], set[str]]) -> None:
    """A model is the same if all that it reads is, and so is a test."""
    graph, untouched, alike = project
    stands = partial(oracle, graph=graph, untouched=untouched, alike=alike, above=set())
    expected = {name for name in graph.models if stands(name)}
    expected |= {test.id for test in graph.tests if test.parents and all(map(stands, test.parents))}
    assert same(graph, untouched.__contains__, alike.__contains__) == expected


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("select 1 -- nothing", set()),
        ("from lake.raw.a, range(3), unnest([1])", {"raw.a"}),
        ('select * from "lake"."raw"."a b" as x join lake.main.c on true;', {"raw.a b", "main.c"}),
        ("with a as (from lake.raw.b) select (select max(n) from lake.raw.c) from a", RAW_BC),
        ("from lake.raw.b union all by name (select * from lake.raw.c limit 1)", RAW_BC),
        ("with recursive a as (select 1 union all from a) from a, lake.raw.b", {"raw.b"}),
        ("select * from lake.raw.b where n in (select n from lake.raw.c)", RAW_BC),
        ("from (pivot lake.raw.b on n in (1, 2) using sum(m))", {"raw.b"}),
        ("from raw.a", None),
        ("from a", None),
        ("from other.raw.a", None),
        ("from read_csv('a.csv')", None),
        ("from 'a.parquet'", None),
        ("from duckdb_tables()", None),
        ("from query_table(['lake.raw.a'])", None),
        ("select 1; select 2", None),
        ("def model(dbt, session): return 1", None),
        ("", None),
    ],
)
def test_query_tells_what_it_reads(session: Session, sql: str, read: set[str] | None) -> None:
    """Or that it cannot be told."""
    assert tables_read(session, sql) == read


def test_column_that_took_over_a_name_is_another(lake: Lake) -> None:
    """Two columns that swapped their names leave files and types as they were."""
    with lake.branch("dev", "swap") as branch:
        with branch.session() as session:
            session.create(ORDERS, {"a": "INTEGER", "b": "INTEGER"})
            session.execute(f"INSERT INTO {ORDERS.sql} VALUES (1, 2)")
        before = state_of(branch.catalog, str(ORDERS))
        with branch.session() as session:
            for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
                session.execute(f"ALTER TABLE {ORDERS.sql} RENAME COLUMN {old} TO {new}")
        assert state_of(branch.catalog, str(ORDERS)) != before
