"""Building with dbt in process: records, errors, and nothing left open."""

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake import Folder, Lake
from sluicegate.lake.connection import attach, connect, open_read_only
from sluicegate.warehouse import Step, build, fingerprint

PROJECT = Path(__file__).parents[2] / "dbt_project"
MODEL = "select id, amount from lake.raw.orders"
TESTED = """
models:
  - name: orders
    columns:
      - name: id
        data_tests: [not_null]
"""


def open_writable(catalog, files):
    """Open a catalog the way a branch does."""
    connection = connect()
    attach(connection, catalog, files, read_only=False)
    return connection


class Workshop:
    """A small dbt project, the place where dbt keeps its parse cache, and branches to build on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.target = folder / "target"
        shutil.copytree(PROJECT / "macros", self.project / "macros")
        shutil.copy(PROJECT / "profiles.yml", self.project)
        (self.project / "dbt_project.yml").write_text(
            "name: sluicegate\nprofile: sluicegate\nmodels: {+schema: marts}\n"
        )
        self.branches = 0

    def write(self, **files: str) -> None:
        """Make these the only files of the project: ``orders_sql``, ``models_yml``, ..."""
        for folder in ("models", "tests", "snapshots"):
            shutil.rmtree(self.project / folder, ignore_errors=True)
            (self.project / folder).mkdir()
        for name, content in files.items():
            stem, _, suffix = name.rpartition("_")
            kinds = {"check": "tests", "history": "snapshots"}
            folder = kinds.get(stem.partition("_")[0], "models")
            (self.project / folder / f"{stem}.{suffix}").write_text(content)

    def branch(self, rows: str = "(1, '10')") -> Path:
        """A new branch with a few orders; returns its catalog."""
        self.branches += 1
        folder = self.folder / f"branch{self.branches}"
        (folder / "files").mkdir(parents=True)
        with open_writable(folder / "catalog.db", Folder(folder).files) as connection:
            connection.execute("CREATE SCHEMA lake.raw")
            connection.execute("CREATE TABLE lake.raw.orders (id INTEGER, amount VARCHAR)")
            connection.execute(f"INSERT INTO lake.raw.orders VALUES {rows}")
        return folder / "catalog.db"

    def build(self, catalog: Path | None = None, **options):
        """Build the project on a branch, on a new one by default."""
        catalog = catalog or self.branch()
        return build(
            catalog,
            Folder(catalog.parent).files,
            project=self.project,
            target=self.target,
            **options,
        )


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"))


def ask(catalog: Path, query: str) -> list[tuple[object, ...]]:
    with open_read_only(catalog, Folder(catalog.parent).files) as connection:
        return connection.execute(query).fetchall()


def open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    return found


def test_build_reports_models_checks_and_steps(workshop, capfd):
    """A build says what it built and checked, step by step, and prints nothing."""
    workshop.write(
        orders_sql="{{ config(materialized='table') }} " + MODEL,
        totals_sql="select sum(amount::int) as total from {{ ref('orders') }}",
        models_yml=TESTED,
    )
    here, steps = Path.cwd(), []
    outcome = workshop.build(workshop.branch("(1, '10'), (2, '20')"), on_event=steps.append)

    assert [(m.name, m.schema, m.kind, m.status, m.rows) for m in outcome.models] == [
        ("orders", "marts", "table", "built", 2),
        ("totals", "marts", "view", "built", None),
    ]
    (check,) = outcome.checks
    assert (check.name, check.kind, check.model) == ("not_null_orders_id", "data", "orders")
    assert (check.status, check.failures) == ("pass", 0)
    assert outcome.complete
    assert outcome.warnings == ()
    assert steps[0] == Step("orders", "model", "started", None, done=0, total=3)
    assert [(s.done, s.total) for s in steps] == [(0, 3), (1, 3), (1, 3), (2, 3), (2, 3), (3, 3)]
    assert [s.status for s in steps if s.seconds is not None] == ["success", "pass", "success"]
    assert Path.cwd() == here
    assert capfd.readouterr() == ("", "")


def test_branch_is_closed_after_a_build(workshop):
    """Nothing of the branch stays open or half-written, so that it can be published."""
    workshop.write(orders_sql=MODEL, models_yml=TESTED)
    catalog = workshop.branch()
    workshop.build(catalog)
    assert not [file for file in open_files() if str(catalog.parent) in file]
    assert sorted(file.name for file in catalog.parent.iterdir()) == ["catalog.db", "files"]
    with open_writable(catalog, Folder(catalog.parent).files) as connection:
        connection.execute("CREATE TABLE lake.raw.more AS SELECT 1 AS one")


def test_each_build_writes_to_its_own_branch(workshop):
    """Two builds in one process share the parse cache and nothing else."""
    workshop.write(orders_sql="{{ config(materialized='table') }} " + MODEL, models_yml=TESTED)
    one, two = workshop.branch("(1, 'one')"), workshop.branch("(2, 'two'), (3, 'three')")
    workshop.build(one)
    cache = (workshop.target / "partial_parse.msgpack").stat().st_mtime_ns
    workshop.build(two)
    assert ask(one, "SELECT id FROM marts.orders") == [(1,)]
    assert ask(two, "SELECT id FROM marts.orders ORDER BY id") == [(2,), (3,)]
    assert (workshop.target / "partial_parse.msgpack").stat().st_mtime_ns == cache


def test_failing_test_is_reported_not_raised(workshop):
    """A test that fails says how many rows and finds them; what reads its model is skipped."""
    workshop.write(
        orders_sql="{{ config(materialized='table') }} " + MODEL,
        totals_sql="select * from {{ ref('orders') }}",
        models_yml=TESTED,
    )
    catalog = workshop.branch("(1, 'a'), (NULL, 'b'), (NULL, 'c')")
    outcome = workshop.build(catalog)
    (check,) = outcome.failed
    assert (check.name, check.failures, check.model) == ("not_null_orders_id", 2, "orders")
    assert [(m.name, m.status) for m in outcome.models] == [
        ("orders", "built"),
        ("totals", "skipped"),
    ]
    assert not outcome.complete
    assert len(ask(catalog, check.compiled_sql)) == 2


HISTORY = """
{% snapshot history %}
{{ config(unique_key='id', strategy='check', check_cols='all', hard_deletes='invalidate') }}
SELECT
{% endsnapshot %}
"""


def test_snapshot_is_a_model_that_remembers(workshop):
    """It is counted like one, keeps what changes and leaves, and goes back with its branch."""

    def remember(catalog: Path, query: str = MODEL):
        workshop.write(
            history_sql=HISTORY.replace("SELECT", query),
            today_sql="{{ config(materialized='table') }} select * from {{ ref('history') }}",
            models_yml=TESTED.replace("orders", "today"),
        )
        steps = []
        outcome = workshop.build(catalog, on_event=steps.append)
        assert outcome.complete
        assert steps[0].kind == "snapshot"
        return next((m.name, m.kind, m.rows) for m in outcome.models)

    def change(catalog: Path, statement: str):
        with open_writable(catalog, Folder(catalog.parent).files) as connection:
            connection.execute(statement)

    catalog = workshop.branch("(1, '10'), (2, '20')")
    assert remember(catalog) == ("history", "snapshot", 2)
    assert remember(catalog) == ("history", "snapshot", 2)
    published = shutil.copytree(catalog.parent, workshop.folder / "published") / catalog.name
    change(catalog, "UPDATE lake.raw.orders SET amount = '11' WHERE id = 1")
    change(catalog, "DELETE FROM lake.raw.orders WHERE id = 2")
    assert remember(catalog) == ("history", "snapshot", 3)
    known = "SELECT id, amount, dbt_valid_to IS NULL FROM main.history ORDER BY ALL"
    assert ask(catalog, known) == [(1, "10", False), (1, "11", True), (2, "20", False)]
    # The branch that was published before knows nothing of it, and gains a column.
    more = "select id, amount, id * 2 as twice from lake.raw.orders"
    assert remember(published, more) == ("history", "snapshot", 4)
    grown = "SELECT id, twice, dbt_valid_to IS NULL FROM main.history ORDER BY ALL"
    assert ask(published, grown) == [(1, 2, True), (1, None, False), (2, 4, True), (2, None, False)]


CONTRACT = """
models:
  - name: orders
    config: {contract: {enforced: true}, materialized: table}
    columns:
      - {name: id, data_type: integer, constraints: [{type: not_null}]}
      - {name: amount, data_type: AMOUNT}
"""


@pytest.mark.parametrize(
    ("sql", "rows", "what"),
    [
        (MODEL, "(NULL, 'DE89370400440532013000')", "NULL in the column id"),
        (
            "select id, amount::integer as amount from lake.raw.orders",
            "(1, 'DE89370400440532013000')",
            "Conversion Error in a value of a row",
        ),
    ],
)
def test_data_that_break_a_model_fail_a_check(workshop, sql, rows, what):
    """Rows that break a promise while a model is built fail a check, which quotes none of them."""
    kind = "integer" if "::integer" in sql else "varchar"
    workshop.write(orders_sql=sql, models_yml=CONTRACT.replace("AMOUNT", kind))
    outcome = workshop.build(workshop.branch(rows))
    (check,) = outcome.failed
    assert (check.name, check.kind, check.model) == (f"orders: {what}", "constraint", "orders")
    assert "DE89" not in repr(check)
    assert [m.status for m in outcome.models] == ["failed"]


@pytest.mark.parametrize(
    ("files", "where", "says"),
    [
        (
            {"orders_sql": "select id,\n  amuont\nfrom lake.raw.orders"},
            "models/orders.sql, line 2",
            'Referenced column "amuont" not found',
        ),
        (
            {"orders_sql": "select * from {{ ref('order') }}"},
            "models/orders.sql",
            "depends on a node named 'order' which was not found",
        ),
        (
            {"orders_sql": "select {{ id }} from {{ sauce('x') }}"},
            "models/orders.sql",
            "'sauce' is undefined",
        ),
        (
            {"orders_sql": "select {% if %} 1"},
            "models/orders.sql, line 1",
            "Expected an expression",
        ),
        (
            {"orders_sql": MODEL, "models_yml": "models: [{nme: orders}]"},
            "models/models.yml",
            "name",
        ),
        (
            {"orders_sql": MODEL, "check_sql": "select nonsense from {{ ref('orders') }}"},
            "tests/check.sql",
            'Referenced column "nonsense" not found',
        ),
        (
            {"orders_sql": MODEL, "models_yml": "models: [name: {"},
            "project",
            "yntax error near line",
        ),
        (
            {
                "orders_sql": "select 1 as id, 'x' as note, now() as at",
                "models_yml": "models: [{name: orders, config: {contract: {enforced: true}}, "
                "columns: [{name: id, data_type: integer}, {name: at, data_type: varchar}, "
                "{name: gone, data_type: date}]}]",
            },
            "models/models.yml",
            "at is TIMESTAMP WITH TIME ZONE, and VARCHAR there; gone is only there; note is",
        ),
        ({}, "project", "has no models"),
        ({"orders_sql": MODEL}, "project", "ran no test"),
    ],
)
def test_project_that_cannot_be_built_is_explained(workshop, capfd, files, where, says):
    """What is wrong with the project is said in a line or two, with the file it is wrong in."""
    workshop.write(**files)
    with pytest.raises(ConfigurationError) as refused:
        workshop.build()
    assert says in refused.value.message
    assert where in str(refused.value.where)
    assert "Traceback" not in str(refused.value)
    assert len(str(refused.value)) < 700
    assert capfd.readouterr() == ("", "")


def test_failing_unit_test_is_a_failed_check(workshop):
    """A unit test that fails is reported as such; without unit tests it does not run."""
    unit = """
unit_tests:
  - name: no_orders
    model: orders
    given: [{input: "source('raw', 'orders')", rows: [{id: 1}]}]
    expect: {rows: []}
sources: [{name: raw, database: lake, tables: [{name: orders}]}]
"""
    workshop.write(
        orders_sql="select id, amount from {{ source('raw', 'orders') }}", models_yml=TESTED + unit
    )
    outcome = workshop.build()
    assert [(c.name, c.kind, c.model) for c in outcome.failed] == [("no_orders", "unit", "orders")]
    without = workshop.build(unit_tests=False)
    assert [c.kind for c in without.checks] == ["data"]
    assert without.complete


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_error_in_the_callback_reaches_the_caller(workshop, error):
    """What the caller's own callback raises comes out of the build, after dbt has ended."""
    workshop.write(orders_sql=MODEL, models_yml=TESTED)
    calls = []

    def clumsy(step: Step) -> None:
        calls.append(step)
        raise error

    with pytest.raises(error):
        workshop.build(on_event=clumsy)
    assert len(calls) == 1


def test_missing_branch_is_not_created(workshop, tmp_path):
    """A branch that is not there is an error, never a new and empty lake."""
    with pytest.raises(EnvironmentFailed, match="no branch here"):
        workshop.build(tmp_path / "catalog.db")
    assert list(tmp_path.iterdir()) == []


def test_branch_that_cannot_be_attached_is_ours_to_explain(workshop, tmp_path):
    """An error of the lake on dbt's way to it comes out as that error."""
    workshop.write(orders_sql=MODEL, models_yml=TESTED)
    (tmp_path / "catalog.db").write_bytes(os.urandom(4096))
    with pytest.raises(EnvironmentFailed, match="catalog cannot be opened"):
        workshop.build(tmp_path / "catalog.db")


def test_folder_without_a_project_is_refused(workshop, tmp_path):
    """A folder that holds no dbt project can neither be built nor fingerprinted."""
    catalog = workshop.branch()
    with pytest.raises(ConfigurationError, match="no dbt project"):
        build(catalog, catalog.parent, project=tmp_path, target=tmp_path)
    with pytest.raises(ConfigurationError, match="no dbt project"):
        fingerprint(tmp_path)


def test_dbt_by_hand_gets_the_development_branch(tmp_path, monkeypatch):
    """Without a branch on loan, dbt connects to the development branch of its environment."""
    from sluicegate.warehouse.plugin import Plugin

    environments = tmp_path / "deployments" / "environments"
    environments.mkdir(parents=True)
    (environments / "dev.toml").write_text("[lake]\nroot = 'lake'\n[landing]\nroot = 'landing'\n")
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    from dbt_common.exceptions import DbtRuntimeError

    plugin = Plugin("plugin", {"environment": "dev"})
    with duckdb.connect() as connection, pytest.raises(DbtRuntimeError) as refused:
        plugin.configure_connection(connection)
    assert isinstance(refused.value.__cause__, UnknownName)

    lake = Lake(tmp_path / "lake")
    lake.prepare()
    with lake.branch("dev", "first") as branch:
        with branch.session():
            pass
        published = lake.publish(branch, run="first").generation
    with duckdb.connect() as connection:
        plugin.configure_connection(connection)
        connection.execute("CREATE TABLE lake.main.scratch AS SELECT 1 AS one")
    with open_read_only(lake.catalog(published), lake.files) as connection:
        assert connection.execute("SHOW TABLES").fetchall() == []


def test_fingerprint_is_of_content(tmp_path):
    """The fingerprint changes with any source of the project, and with nothing else."""
    copy = shutil.copytree(PROJECT, tmp_path / "elsewhere")
    before = fingerprint(copy)
    (copy / "target").mkdir(exist_ok=True)
    (copy / "target" / "manifest.json").write_text("{}")
    (copy / ".user.yml").write_text("id: 1")
    os.utime(copy / "dbt_project.yml", (0, 0))
    assert fingerprint(copy) == before
    for name in ("dbt_project.yml", "profiles.yml", "macros/money.sql", "models/new.sql"):
        with (copy / name).open("a") as file:
            file.write("\n-- changed")
        after = fingerprint(copy)
        assert after != before
        before = after
    (copy / "models" / "new.sql").rename(copy / "models" / "newer.sql")
    assert fingerprint(copy) != before
