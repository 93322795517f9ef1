"""Building again when a branch's ref was moved: only what reads something that is different by now.

The build that came too late was whole, and its branch passed its audit. A model whose query reads
nothing that differs would be the same again, and so would a test of such models: tables are copied
from the branch that was set aside, and the outcome of tests is what it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import Bug
from sluicegate.lake.inventory import states
from sluicegate.lake.reads import tables_read
from sluicegate.lake.replica import Replica
from sluicegate.warehouse.build import build
from sluicegate.warehouse.graph import Graph, read_graph, same
from sluicegate.warehouse.records import Build, Step
from sluicegate.warehouse.results import refuse_emptiness

if TYPE_CHECKING:
    from sluicegate.lake import Branch
    from sluicegate.lake.store import DataFiles

log = logging.getLogger(__name__)

_NOTHING = Build((), (), (), 0.0, unit_tests=False)


@dataclass(frozen=True, slots=True)
class Former:
    """A whole build on a branch that could not be published, because its ref had moved.

    Attributes:
        base: catalog that the branch started from; None for a new lake.
        catalog: the branch's own.
        files: where the data files of both are.
        build: what the build did.
    """

    base: Path | None
    catalog: Path
    files: DataFiles
    build: Build


def rebuild(
    former: Former,
    branch: Branch,
    untouched: Collection[str],
    *,
    project: Path,
    target: Path,
    on_event: Callable[[Step], None] | None = None,
    unit_tests: bool = True,
) -> Build:
    """Have on a branch what :func:`~sluicegate.warehouse.build.build` would make, with less work.

    The result tells of every model and every check, in the order of the former build.

    Args:
        former: the build before, on another base.
        branch: the branch; nothing of it is open.
        untouched: tables, as ``schema.name``, that hold on it what they held on the former branch.
        project: the dbt project.
        target: where dbt keeps its parse cache.
        on_event: told about every model and check that is built or run again.
        unit_tests: whether the outcome of unit tests is needed.

    Raises:
        ConfigurationError: as a build.
        EnvironmentFailed: as a build.
    """
    began = time.perf_counter()
    again = partial(build, branch.catalog, branch.files, project=project, target=target)
    graph = read_graph(branch.catalog, branch.files, project=project, target=target)
    if not _answers(former.build, graph, unit_tests=unit_tests):
        return again(on_event=on_event, unit_tests=unit_tests)
    kept = _kept(former, branch, graph, frozenset(untouched))
    rest = {node.id: node.selector for node in graph.nodes if node.id not in kept}
    if not all(rest.values()):
        return again(on_event=on_event, unit_tests=unit_tests)
    tables = graph.tables
    _carry(former, branch, [tables[each.id] for each in former.build.models if each.id in kept])
    # No selector would select everything.
    fresh = _NOTHING
    if rest:
        fresh = again(on_event=on_event, unit_tests=False, only=[*rest.values()])
    merged = _merged(former.build, fresh, rest.keys(), time.perf_counter() - began)
    refuse_emptiness(merged.models, merged.checks, project)
    return merged


def _answers(former: Build, graph: Graph, *, unit_tests: bool) -> bool:
    """Whether a build is one of this very project, and knows all that is asked for."""
    if not former.complete or (unit_tests and not former.unit_tests):
        return False
    wanted = {node.id for node in graph.nodes} | (graph.unit_tests if former.unit_tests else set())
    told = [model.id for model in former.models] + [check.id for check in former.checks]
    return sorted(wanted) == sorted(told)


def _kept(
    former: Former, branch: Branch, graph: Graph, untouched: frozenset[str]
) -> frozenset[str]:
    """What of the former build stands: dbt's ids of models and tests."""
    base = states(former.base) if former.base else {}
    then, now = states(former.catalog), states(branch.catalog)
    queries = {model.id: model.compiled_sql for model in former.build.models}
    queries |= {check.id: check.compiled_sql for check in former.build.checks}
    with branch.session() as session:
        read = {key: tables_read(session, sql) for key, sql in queries.items() if sql is not None}
    return same(
        graph.reading(read),
        untouched=lambda name: name in untouched or (name in now and now[name] == then.get(name)),
        begins_alike=lambda name: base.get(name) == now.get(name),
    )


def _carry(former: Former, branch: Branch, names: list[str]) -> None:
    if not names:
        return
    replica = Replica(former.catalog, branch.catalog)
    with (
        branch.session() as session,
        session.beside(former.catalog, former.files) as beside,
        session.transaction("models carried over"),
    ):
        replica.take_over(session, beside, names)
    what = "1 model" if len(names) == 1 else f"{len(names)} models"
    log.info("%s: carried over, nobody else has touched what they read", what)


def _merged(former: Build, fresh: Build, again: Collection[str], seconds: float) -> Build:
    """The former build, with what was built and run again in its place."""
    models = {model.id: model for model in fresh.models}
    checks = {check.id: check for check in fresh.checks if check.kind != "constraint"}
    if missing := again - models.keys() - checks.keys():
        raise Bug("dbt left out what it was to build again.", where=", ".join(sorted(missing)))
    broken = [check for check in fresh.checks if check.kind == "constraint"]
    return Build(
        tuple(models.get(model.id, model) for model in former.models),
        (*(checks.get(check.id, check) for check in former.checks), *broken),
        tuple(dict.fromkeys((*former.warnings, *fresh.warnings))),
        seconds,
        former.unit_tests,
    )
