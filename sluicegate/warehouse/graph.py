"""What reads what in a dbt project, and what of it is the same after something has changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluicegate.lake.connection import ALIAS
from sluicegate.lake.names import full_name
from sluicegate.warehouse import failures
from sluicegate.warehouse.build import closing, invoke
from sluicegate.warehouse.events import Listener
from sluicegate.warehouse.handover import handed

if TYPE_CHECKING:
    from sluicegate.lake.store import DataFiles

Parents = frozenset[str]

_BUILT = ("model", "seed", "snapshot")
_SIMPLE = frozenset({"table", "view", "seed", "ephemeral"})
_REMEMBERS = frozenset({"incremental", "snapshot"})
# What a model may do or be beyond its query. A copy of its table would know nothing of that.
_EXTRAS = (
    *("pre_hook", "post_hook", "grants", "indexes", "store_failures"),
    *("partitioned_by", "partition_by", "sorted_by", "sort_by"),
)
_SELECTABLE = re.compile(r"[\w.]+")


@dataclass(frozen=True, slots=True)
class Node:
    """A model, seed, snapshot or test.

    Attributes:
        id: what dbt knows it by.
        kind: how it is materialized.
        plain: whether the result of its query is all there is to it.
        parents: tables and views that it reads, as ``schema.name``; itself among them, if it reads
            what it was before. None where they cannot be told.
        selector: selects it on dbt's command line; empty where nothing does.
    """

    id: str
    kind: str
    plain: bool
    parents: Parents | None
    selector: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A dbt project.

    Attributes:
        models: its models, seeds and snapshots, by ``schema.name``.
        tests: its data tests.
        unit_tests: dbt's ids of its unit tests.
        plain: whether models and tests are all that a build runs, and are all in the lake.
        exposures: what the project says uses its tables (dashboards, notebooks, …), by name, with
            what each reads.
    """

    models: Mapping[str, Node]
    tests: tuple[Node, ...]
    unit_tests: frozenset[str]
    plain: bool
    exposures: Mapping[str, Parents] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        """What a build tells of, besides unit tests."""
        models = [node for node in self.models.values() if node.kind != "ephemeral"]
        return [*models, *self.tests]

    @property
    def tables(self) -> dict[str, str]:
        """Dbt's id of a model → ``schema.name``."""
        return {node.id: name for name, node in self.models.items()}

    def reading(self, read: Mapping[str, Parents | None]) -> Graph:
        """The graph with what queries were seen to read, beyond what the project declares.

        Args:
            read: dbt's id → tables and views, as ``schema.name``; None where it cannot be told.
        """
        models = {name: _with(node, read) for name, node in self.models.items()}
        return replace(self, models=models, tests=tuple(_with(test, read) for test in self.tests))


def _with(node: Node, read: Mapping[str, Parents | None]) -> Node:
    seen = read.get(node.id, frozenset())
    if node.parents is None or seen is None:
        return replace(node, parents=None)
    return replace(node, parents=node.parents | seen)


def same(
    graph: Graph, untouched: Callable[[str], bool], begins_alike: Callable[[str], bool]
) -> frozenset[str]:
    """Models and tests whose result is what it was before, by dbt's id.

    Args:
        untouched: whether a table that no model makes holds what it held then.
        begins_alike: whether a table that is changed where it is holds, before it is built, what it
            held before it was built then.
    """
    if not graph.plain:
        return frozenset()
    everything = (*graph.models.values(), *graph.tests)
    read = {name for node in everything for name in node.parents or ()}
    found = {name for name in read - graph.models.keys() if untouched(name)}
    waiting = dict(graph.models)
    while ready := [name for name, node in waiting.items() if _ready(name, node, found)]:
        for name in ready:
            node = waiting.pop(name)
            remembers = node.kind in _REMEMBERS or name in (node.parents or ())
            if not remembers or begins_alike(name):
                found.add(name)
    # A test of nothing that is known may be about anything.
    tests = [
        test.id for test in graph.tests if test.plain and test.parents and test.parents <= found
    ]
    return frozenset([*(graph.models[name].id for name in found & graph.models.keys()), *tests])


def _ready(name: str, node: Node, found: set[str]) -> bool:
    carriable = node.plain and node.kind in _SIMPLE | _REMEMBERS
    return carriable and node.parents is not None and node.parents - {name} <= found


def read_graph(catalog: Path, files: DataFiles, *, project: Path, target: Path) -> Graph:
    """Ask dbt for the graph of its project; with a warm parse cache that takes no second.

    Args:
        catalog: the branch to be built; dbt does not open it.
        files: the folder of the lake's data files.
        project: the dbt project.
        target: where dbt keeps its parse cache.

    Raises:
        ConfigurationError: the project cannot be read.
    """
    project, target = project.resolve(), target.resolve()
    with handed(catalog.resolve(), files) as branch, closing(branch):
        outcome = invoke(["parse", "--no-write-json"], project, target, Listener(None))
        if outcome.exception is not None:
            raise failures.of_run(outcome.exception, project) from None
    return _graph(outcome.result)


def _graph(manifest: Any) -> Graph:
    nodes = list(manifest.nodes.values())
    built = [node for node in nodes if node.resource_type in _BUILT]
    known = {
        each.unique_id: full_name(each.schema, each.identifier)
        for each in manifest.sources.values()
        if each.database == ALIAS
    }
    known |= {node.unique_id: full_name(node.schema, node.alias) for node in built}
    return Graph(
        models={known[node.unique_id]: _node(node, known) for node in built},
        tests=tuple(_node(node, known) for node in nodes if node.resource_type == "test"),
        unit_tests=frozenset(manifest.unit_tests),
        plain=all(node.resource_type != "operation" for node in nodes)
        and all(node.database == ALIAS for node in built),
        exposures={
            each.name: frozenset(known.get(key, key) for key in each.depends_on.nodes)
            for each in manifest.exposures.values()
        },
    )


def _node(node: Any, known: Mapping[str, str]) -> Node:
    # A seed depends on macros alone.
    read = list(getattr(node.depends_on, "nodes", ()))
    selector = ".".join(node.fqn)
    return Node(
        id=node.unique_id,
        kind=str(node.config.materialized),
        plain=not any(node.config.get(extra) for extra in _EXTRAS),
        parents=frozenset(known[key] for key in read) if known.keys() >= set(read) else None,
        selector=f"fqn:{selector}" if _SELECTABLE.fullmatch(selector) else "",
    )
