"""YAML of a dbt project: contracts have their say in it, and people keep theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.clients.jinja import get_rendered

from sluicegate.contracts import PII, Contract, Date, Mask, Model, Money, UtcTimestamp, field, key
from sluicegate.errors import ConfigurationError
from sluicegate.exports.dataset import Dataset, dataset_of
from sluicegate.exports.dbt import SOURCES, files_of
from sluicegate.exports.dbt_files import DbtFiles
from sluicegate.exports.dbt_text import literal, shown
from sluicegate.exports.yaml_text import dump, inline
from sluicegate.versions.describe import of_model
from tests.unit.made import bound, contract

PROJECT = """
name: shop
models:
  shop:
    marts:
      +materialized: table
      views:
        +materialized: view
"""

WRITTEN = """\
# Kept by the shop.
models:
  - name: other
    columns: [{name: id}]

  # What people buy.
  - name: orders
    description: >
      Folded,
      as it was.
    columns:
      - name: order_id  # the key
        data_type: varchar
        data_tests: [unique]
      - {name: placed_on, data_type: timestamp}
      - name: amount
        data_type: decimal(18, 2)
        description: >
          What it costs,
          all in all.
        constraints:
        - type: check
          expression: amount < 10
      - name: note
        data_type: varchar
        constraints: [{type: not_null}]
        config: {tags: [free]}
      # Nobody promises this one.
      - name: colour
        data_type: varchar
"""


ODD = "yes: 'it''s' #1\\"
AS_VIEW = "  - config: {materialized: view}\n    name: orders"


class Orders(Contract):
    """One row an order."""

    order_id: str = key(description="Number of the order.")
    placed_on: Date = field()
    amount: Money = field(description="What it costs, all in all.")
    note: str = field(nullable=True, pii=PII.DIRECT, description='Said: "it\'s #1", and more.')
    paid_at: UtcTimestamp = field(nullable=True)


ORDERS = dataset_of(of_model(Model("marts.orders", contract=Orders)), Orders)

EXPECTED = """\
# Kept by the shop.
models:
  - name: other
    columns: [{name: id}]

  # What people buy.
  - name: orders
    description: >
      Folded,
      as it was.
    columns:
      - name: order_id  # the key
        data_type: varchar
        description: Number of the order.
        constraints: [{type: not_null}]
        data_tests: [unique]
      - {name: placed_on, data_type: date, constraints: [{type: not_null}]}
      - name: amount
        data_type: decimal(18, 2)
        description: >
          What it costs,
          all in all.
        constraints: [{type: not_null}, {type: check, expression: amount < 10}]
      - name: note
        data_type: varchar
        description: 'Said: "it''s #1", and more.'
        constraints: []
        config: {tags: [free], meta: {pii: direct}}
      # Nobody promises this one.
      - name: colour
        data_type: varchar
      - name: paid_at
        data_type: timestamp with time zone
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project of one mart, whose YAML people have written."""
    folder = tmp_path / "dbt_project"
    marts = folder / "models" / "marts"
    marts.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (marts / "orders.sql").write_text("select 1")
    (marts / "marts.yml").write_text(WRITTEN)
    return folder


def export(project: Path, *datasets: Dataset) -> dict[str, str]:
    """The files as they should be, by name in the project; and they are written."""
    found = files_of(datasets, DbtFiles.of(project), "Made here.")
    for file, text in found.items():
        file.write_text(text)
    return {str(file.relative_to(project)): text for file, text in found.items()}


def test_columns_of_a_contract_are_brought_up_to_date(project: Path) -> None:
    """Its types, NOT NULL, descriptions and classes; layout, tests and other columns stay."""
    assert export(project, ORDERS) == {"models/marts/marts.yml": EXPECTED}
    assert yaml.safe_load(EXPECTED) != yaml.safe_load(WRITTEN)
    assert export(project, ORDERS) == {"models/marts/marts.yml": EXPECTED}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/marts/orders.sql", "{{ config(schema='x', materialized='view') }} select 1"),
        ("models/marts/marts.yml", WRITTEN.replace("  - name: orders", AS_VIEW)),
        ("dbt_project.yml", PROJECT.replace("table", "view")),
        ("dbt_project.yml", "name: shop"),
    ],
)  # fmt: skip
def test_views_get_no_constraints(project: Path, file: str, text: str) -> None:
    """Dbt would warn of them, and DuckDB does not enforce them; what is written there stays."""
    (project / file).write_text(text)
    written = yaml.safe_load(export(project, ORDERS)["models/marts/marts.yml"])
    (orders,) = [each for each in written["models"] if each["name"] == "orders"]
    constraints = {each["name"]: each.get("constraints") for each in orders["columns"]}
    assert constraints["order_id"] is None
    assert constraints["note"] == [{"type": "not_null"}]


def test_entry_without_columns_gets_them(project: Path) -> None:
    """After its description, or its name."""
    (project / "models/marts/marts.yml").write_text("models:\n- name: orders\n  config: {}\n")
    text = export(project, ORDERS)["models/marts/marts.yml"]
    assert text.startswith(
        "models:\n- name: orders\n  config: {}\n  columns:\n    - name: order_id\n"
    )
    assert len(yaml.safe_load(text)["models"][0]["columns"]) == 5


def test_model_that_no_file_names_is_left_to_dbt(project: Path) -> None:
    """A model without YAML has none to bring up to date; the audit looks at its table anyway."""
    (project / "models/marts/marts.yml").unlink()
    assert export(project, ORDERS) == {}


@pytest.mark.parametrize(
    "written",
    [
        "models: [{name: orders, columns: [{name: order_id}]}]\n",
        "models:\n  - name: orders\n    columns:\n",
        "models:\n  - name: orders\n    columns: []\n",
        "x: &cols\n  - name: order_id\nmodels:\n  - name: orders\n    columns: *cols\n",
    ],
)
def test_what_cannot_be_changed_in_its_place_is_said(project: Path, written: str) -> None:
    """Nothing is written, and the message names file, model and columns."""
    file = project / "models/marts/marts.yml"
    file.write_text(written)
    with pytest.raises(ConfigurationError, match="'orders' cannot be brought up to date") as caught:
        files_of([ORDERS], DbtFiles.of(project), "Made here.")
    assert caught.value.where == str(file)
    assert "paid_at" in str(caught.value.hint)
    assert file.read_text() == written


@pytest.mark.parametrize("name", ["yes", "no", "On", "off", "true", "null", "~", "1", "007", "1.5"])
def test_names_that_yaml_takes_for_no_text_are_to_be_quoted(project: Path, name: str) -> None:
    """The message names file, line and column; quoted, the column is the contract's."""
    file = project / "models/marts/marts.yml"
    file.write_text(f"models:\n  - name: made\n    columns:\n      - {{name: {name}, tags: [a]}}\n")
    made = contract({"id": (int, key()), name: (str, field())})
    dataset = dataset_of(of_model(Model("marts.made", contract=made)), made)
    with pytest.raises(ConfigurationError, match=re.escape(f"The column '{name}' of")) as caught:
        export(project, dataset)
    assert caught.value.where == f"{file}, line 4"
    assert caught.value.hint == f"quote it: name: '{name}'"
    file.write_text(file.read_text().replace(f"name: {name}", f"name: '{name}'"))
    written = yaml.safe_load(export(project, dataset)["models/marts/marts.yml"])
    columns = {each["name"]: each for each in written["models"][0]["columns"]}
    assert columns[name] == {"name": name, "data_type": "varchar", "tags": ["a"]}


def test_sources_are_one_file(project: Path) -> None:
    """With all columns, ours too, whom to ask, and personal data by their class."""
    made = contract(
        {
            "no": (int, key(pii=PII.INDIRECT)),
            ODD: (str, field(description="a: b # c\n\nd")),
            "limit": (Money, field(nullable=True, pii=PII.INDIRECT, mask=Mask.NULL)),
        }
    )
    text = export(project, dataset_of(bound(made, owner="on"), made))[SOURCES]
    assert text.startswith("# Made here.\n")
    (group,) = yaml.safe_load(text)["sources"]
    assert (group["name"], group["schema"], group["database"]) == ("raw", "raw", "lake")
    (table,) = group["tables"]
    assert "description" not in table
    assert table["config"]["meta"] == {
        "contract": "contracts/made.py",
        "owner": "on",
        "key": ["no"],
    }
    needed = {"constraints": [{"type": "not_null"}]}
    personal = {"config": {"meta": {"pii": "indirect"}}}
    assert table["columns"][:3] == [
        {"name": "no", "data_type": "bigint", **needed, **personal},
        {
            "name": "yes: 'it''s' #1\\",
            "data_type": "varchar",
            "description": "a: b # c d",
            **needed,
        },
        {"name": "limit", "data_type": "decimal(18, 2)", **personal},
    ]
    assert [each["name"] for each in table["columns"][3:]] == ["_batch", "_line"]


def test_source_that_is_declared_by_hand_is_refused(project: Path) -> None:
    """Dbt would refuse two declarations, and would not say which one is to go."""
    by_hand = project / "models" / "by_hand.yml"
    by_hand.write_text("sources: [{name: raw, tables: [{name: made}, {name: mine}]}]\n")
    made = contract({"no": (int, key())})
    with pytest.raises(ConfigurationError, match=r"'raw\.made' has a contract, and is declared"):
        files_of([dataset_of(bound(made), made)], DbtFiles.of(project), "")
    by_hand.write_text("sources: [{name: raw, tables: [{name: mine}]}]\n")
    assert list(export(project, dataset_of(bound(made), made))) == [SOURCES]


def test_file_that_is_no_yaml_is_named(project: Path) -> None:
    """With the line."""
    (project / "models/marts/marts.yml").write_text("models:\n  - [\n")
    with pytest.raises(ConfigurationError, match="is no YAML") as caught:
        DbtFiles.of(project)
    assert str(caught.value.where).endswith("marts.yml, line 3")


def test_no_dbt_project_no_files(tmp_path: Path) -> None:
    """A project may do without dbt."""
    assert files_of([ORDERS], DbtFiles.of(tmp_path / "none"), "") == {}


TEMPLATES = [
    *('{{ env_var("HOME") }}', "{{ var('x') }}", "{% if %}", "{# gone #}", "{{{", "{{%{#{{{{"),
    *("}}", "%} #}", "'{{' }}", "{{ '{{' }}", "{%- raw -%} {{ x }}", "{ { x } }", "a{{b\\n'\"{%"),
]


@pytest.mark.parametrize("text", TEMPLATES)
def test_texts_are_no_templates(text: str) -> None:
    """Dbt itself gives back what was written, and so does reading it without dbt."""
    assert get_rendered(literal(text), {}) == text
    assert get_rendered(literal(text), {}, native=True) == text
    assert shown(literal(text)) == text


def test_nothing_of_a_contract_is_a_template(project: Path) -> None:
    """Neither in the file of all sources, nor in one that people keep; their templates stay."""
    said = "Not {{ env_var('HOME') }} {# nor this #}"
    made = contract(
        {"{{ no }}": (int, key(description=said)), "x": (str, field())}, __doc__=f"{said}\n\n{{%"
    )
    text = export(project, dataset_of(bound(made, owner=said), made))[SOURCES]
    (table,) = yaml.safe_load(text)["sources"][0]["tables"]
    meta, (column, *_) = table["config"]["meta"], table["columns"]
    found = [table["description"], column["description"], column["name"], meta["owner"],
             *meta["key"]]  # fmt: skip
    wanted = [f"{said}\n\n{{%", said, "{{ no }}", said, "{{ no }}"]
    assert [get_rendered(each, {}) for each in found] == wanted

    file = project / "models/marts/marts.yml"
    theirs = "{{ doc('x') }}"
    file.write_text(
        "models:\n  - name: made\n    columns:\n      - name: id\n      - name: x\n"
        f'        description: "{theirs}"\n'
    )
    mart = contract({"id": (int, key(description=said)), "x": (str, field())})
    dataset = dataset_of(of_model(Model("marts.made", contract=mart)), mart)
    for _ in range(2):
        descriptions = DbtFiles.of(project).entries()["made"].descriptions
        export(project, dataset.described_by(descriptions))
        mine, other = yaml.safe_load(file.read_text())["models"][0]["columns"]
        assert get_rendered(mine["description"], {}) == said
        assert other["description"] == theirs
    assert DbtFiles.of(project).entries()["made"].descriptions == {"id": said, "x": theirs}


AWKWARD = [
    *("no", "Y", "06:00", "1e5", "0x1f", "12", "~", "", "null", "2026-01-01", "=", "<<"),
    *(" a", "a: b", "a #b", "'", '"', "\\", "{x}", "a, b", "- a", "ä", "a\nb", "["),
    *("*a", "&a", "!a", "%a", "@a", "`a`"),
]


@pytest.mark.parametrize("value", AWKWARD)
def test_texts_come_back_as_they_were(value: str) -> None:
    """Whatever YAML could take them for."""
    assert yaml.safe_load(dump({value or "k": [value]})) == {value or "k": [value]}
    assert yaml.safe_load(f"x: {inline(value)}") == {"x": value}
    flow: Any = yaml.safe_load(
        f"{{x: {inline(value, flow=True)}, y: [{inline(value, flow=True)}]}}"
    )
    assert flow == {"x": value, "y": [value]}


@pytest.mark.parametrize("value", ["no", "Y", "06:00", "1e5", "12e4567", "0o7", "-1", "1_000"])
def test_texts_that_versions_of_yaml_disagree_on_are_quoted(value: str) -> None:
    """YAML 1.1 and 1.2 take some of them for numbers, times or truths."""
    assert inline(value) == f"'{value}'"
