"""YAML of a dbt project: what contracts say of its sources, models and snapshots.

Sources are told by nobody but their contracts, so they have a file of their own, which is written
as a whole. A model's YAML is written by people: it has columns that no contract names, tests,
settings; and dbt takes one entry a model, so a second file cannot add to it. In there, the columns
that a contract names get its type, its NOT NULL, its description and its class of personal data,
and all else stays as it is, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from sluicegate.errors import ConfigurationError
from sluicegate.exports.dataset import OURS, Dataset, duckdb_type
from sluicegate.exports.dbt_files import DbtFiles, Entry, columns_of
from sluicegate.exports.dbt_text import literal
from sluicegate.exports.yaml_edit import Edits, member
from sluicegate.exports.yaml_text import dump, inline
from sluicegate.lake.connection import ALIAS
from sluicegate.versions.rules import ColumnRules

SOURCES = "models/_sources.yml"
"""The file of all sources, in the dbt project."""

_TEXT = "tag:yaml.org,2002:str"
_NOT_NULL = {"type": "not_null"}

Wanted = dict[str, dict[str, Any]]
"""What columns should say: name → key → value."""


def files_of(datasets: Iterable[Dataset], there: DbtFiles, made: str) -> dict[Path, str]:
    """The files that contracts have a say in, as they should be; none if there is no project.

    Args:
        there: what there is.
        made: who wrote a file as a whole, and what to do instead of changing it.

    Raises:
        ConfigurationError: a source that has a contract is declared by hand, or a file cannot be
            changed in place.
    """
    if not there.folder.is_dir():
        return {}
    datasets = tuple(datasets)
    sources = [dataset for dataset in datasets if dataset.rules.source is not None]
    file = there.folder / SOURCES
    _require_nowhere_else(sources, there, file)
    found = {file: f"# {made}\n{dump(_sources(sources))}"} if sources else {}
    entries = there.entries()
    for dataset in datasets:
        entry = entries.get(dataset.name)
        if dataset.rules.source is None and entry is not None:
            text = found.get(entry.file) or entry.file.read_text(encoding="utf-8")
            wanted = _columns(dataset, entry, constraints=there.has_constraints(entry))
            found[entry.file] = _brought_up_to_date(text, wanted, entry)
    return found


def _sources(datasets: list[Dataset]) -> dict[str, Any]:
    tables = [
        {
            "name": dataset.name,
            **({"description": literal(dataset.about)} if dataset.about else {}),
            "config": {"meta": _meta(dataset)},
            "columns": [
                *(
                    {"name": literal(column.name),
                     **dict(_wanted(column, dataset, {}, constraints=True))}
                    for column in dataset.rules.columns
                ),
                *(
                    {"name": name, "data_type": kind, "description": about,
                     "constraints": [_NOT_NULL]}
                    for name, (kind, about) in OURS.items()
                ),
            ],
        }
        for dataset in datasets
    ]  # fmt: skip
    about = "What passed its contract, as ingestion wrote it; every row knows its batch and place."
    schema = datasets[0].schema
    group = {"name": schema, "database": ALIAS, "schema": schema, "description": about}
    return {"sources": [{**group, "tables": tables}]}


def _meta(dataset: Dataset) -> dict[str, Any]:
    source = dataset.rules.source
    owner = {} if source is None else {"owner": literal(source.owner)}
    return {"contract": dataset.file, **owner, "key": [literal(name) for name in dataset.rules.key]}


def _columns(dataset: Dataset, entry: Entry, *, constraints: bool) -> Wanted:
    return {
        column.name: dict(
            _wanted(
                column, dataset, entry.columns.get(column.name, {}), constraints=constraints
            )
        )
        for column in dataset.rules.columns
    }  # fmt: skip


def _wanted(
    column: ColumnRules, dataset: Dataset, said: Mapping[str, Any], *, constraints: bool
) -> Iterator[tuple[str, Any]]:
    """What the contract has to say of a column, key by key.

    Args:
        said: what the file says of it: constraints of other kinds, and other settings, stay.
        constraints: whether dbt would enforce any.
    """
    yield "data_type", duckdb_type(column.type)
    if column.name in dataset.columns and column.name not in dataset.borrowed:
        yield "description", literal(" ".join(dataset.columns[column.name].split()))
    if constraints:
        there = list(said.get("constraints") or [])
        ours = [each for each in there if each.get("type") == "not_null"]
        others = [each for each in there if each not in ours]
        wanted = others if column.nullable else there if ours else [_NOT_NULL, *others]
        if wanted or "constraints" in said:
            yield "constraints", wanted
    config = dict(said.get("config") or {})
    meta = dict(config.get("meta") or {})
    if column.pii != "none" or "pii" in meta:
        yield "config", {**config, "meta": {**meta, "pii": column.pii}}


def _brought_up_to_date(text: str, wanted: Wanted, entry: Entry) -> str:
    """A file in which an entry says what the contract says, and all else is as it was."""
    _require_named_by_texts(entry)
    there = entry.columns
    if all(name in there and _says(there[name], said) for name, said in wanted.items()):
        return text
    edits = Edits(text)
    model = member(edits.root, entry.kind).value[entry.number]
    columns = member(model, "columns")
    nodes = {name.value: node for name, node in _named(columns)}
    for name, said in wanted.items():
        if name in nodes:
            _change(edits, nodes[name], there[name], said)
    new = [_item(name, said) for name, said in wanted.items() if name not in nodes]
    if columns is None:
        lines = ["columns:", *(f"  {line}" for item in new for line in item)]
        edits.put_block(model, lines, after="description")
    elif nodes and not columns.flow_style:
        for item in new:
            edits.append(columns, item)
    changed = edits.applied()
    _require_said(changed, wanted, entry)
    return changed


def _named(columns: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.MappingNode]]:
    """The entries of columns, each with its name."""
    for node in columns.value if isinstance(columns, yaml.SequenceNode) else ():
        if (name := member(node, "name")) is not None:
            yield name, node


def _require_named_by_texts(entry: Entry) -> None:
    """YAML takes ``yes`` for a truth and ``1`` for a number, and then no column has that name."""
    if all(isinstance(each, str) for each in entry.names):
        return
    root = Edits(entry.file.read_text(encoding="utf-8")).root
    model = member(root, entry.kind).value[entry.number]
    for name, _ in _named(member(model, "columns")):
        if name.tag != _TEXT and name.value:
            raise ConfigurationError(
                f"The column {name.value!r} of {entry.said['name']!r} is named by what YAML takes "
                "for no text.",
                where=f"{entry.file}, line {name.start_mark.line + 1}",
                hint=f"quote it: name: '{name.value}'",
            )


def _change(
    edits: Edits, node: yaml.MappingNode, there: Mapping[str, Any], said: Mapping[str, Any]
) -> None:
    after = "name"
    for key, value in said.items():
        if not _equal(there.get(key), value):
            edits.put(node, key, value, after=after)
        after = key if key in there else after


def _item(name: str, said: Mapping[str, Any]) -> list[str]:
    lines = [f"{key}: {inline(value)}" for key, value in {"name": name, **said}.items()]
    return [f"{'  ' if number else '- '}{line}" for number, line in enumerate(lines)]


def _says(said: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(_equal(said.get(key), value) for key, value in wanted.items())


def _equal(said: Any, wanted: Any) -> bool:
    """Whether a file says what it should; how a text is broken into lines is its own matter."""
    if isinstance(said, str) and isinstance(wanted, str):
        return " ".join(said.split()) == wanted
    return bool(said == wanted)


def _require_said(text: str, wanted: Wanted, entry: Entry) -> None:
    """Be sure that a changed file says what it should, and nothing else that is different."""
    try:
        said = yaml.safe_load(text)[entry.kind][entry.number]
    except (yaml.YAMLError, LookupError, TypeError):
        said = {}
    expected = {name: {**each} for name, each in entry.columns.items()}
    for name, each in wanted.items():
        there = expected.setdefault(name, {"name": name})
        there |= {key: value for key, value in each.items() if not _equal(there.get(key), value)}
    others = {**said, "columns": None} == {**entry.said, "columns": None}
    if not (others and columns_of(said) == expected):
        raise ConfigurationError(
            f"The entry of {entry.said['name']!r} cannot be brought up to date in its place.",
            where=str(entry.file),
            hint="write it without anchors, one column a line; or write there what its contract "
            f"says of {', '.join(wanted)}",
        )


def _require_nowhere_else(sources: list[Dataset], there: DbtFiles, ours: Path) -> None:
    """Dbt refuses a table that is declared twice, without saying which of the two is generated."""
    names = {(dataset.schema, dataset.name) for dataset in sources}
    for schema, name, file in there.sources():
        if file != ours and (schema, name) in names:
            raise ConfigurationError(
                f"The source '{schema}.{name}' has a contract, and is declared by hand.",
                where=str(file),
                hint=f"remove it there: {ours.relative_to(there.folder.parent)} is generated",
            )
