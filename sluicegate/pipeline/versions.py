"""Versions of a project's contracts: compared, with what in the dbt project reads what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sluicegate.catalogue import load_catalogue
from sluicegate.errors import GateRefused
from sluicegate.lake.store import DataFiles
from sluicegate.pipeline.platform import DBT_PROJECT
from sluicegate.versions import Compared, Verdict, compare, described
from sluicegate.versions.compare import verdict_of
from sluicegate.versions.snapshot import RULES, at_revision, stale, write
from sluicegate.warehouse.graph import Graph, read_graph


@dataclass(frozen=True, slots=True)
class Affected:
    """What reads a dataset, directly or through others.

    Attributes:
        models: of dbt, as ``schema.name``; snapshots too.
        contracts: those of them that have a contract of their own.
        exposures: what the dbt project says uses them.
    """

    models: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset whose rules are different.

    Attributes:
        compared: what changed, and whom it breaks.
        affected: what reads it, if readers are broken.
    """

    compared: Compared
    affected: Affected


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of all contracts: those of a revision, and those of the working tree.

    Attributes:
        revision: the older one, as it was named.
        datasets: those that are different.
        same: number of those that are not.
    """

    revision: str
    datasets: tuple[Dataset, ...]
    same: int

    @property
    def verdict(self) -> Verdict:
        """Whom the changes break, taken together."""
        return verdict_of([c for each in self.datasets for c in each.compared.changes])

    @property
    def exit_code(self) -> int:
        """0 if nothing breaks anybody, else that of a gate that says no."""
        return 0 if self.verdict is Verdict.SAFE else GateRefused.exit_code

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "revision": self.revision,
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "same": self.same,
            "datasets": [_told(dataset) for dataset in self.datasets],
        }


def _told(dataset: Dataset) -> dict[str, Any]:
    compared = dataset.compared
    changes = [
        {**asdict(change), "verdict": verdict_of([change]).value} for change in compared.changes
    ]
    return {
        "table": compared.table,
        "verdict": compared.verdict.value,
        "owner": compared.owner,
        "changes": changes,
        "affected": asdict(dataset.affected),
    }


def diff_contracts(project: Path, revision: str) -> Comparison:
    """Compare the contracts of the working tree with the snapshot of a revision.

    Raises:
        ConfigurationError: a contract cannot be loaded, there is no such revision or no snapshot
            in it, or the dbt project cannot be read.
        EnvironmentFailed: git fails.
    """
    old, new = at_revision(project, revision), described(load_catalogue(project))
    found = compare(old, new)
    broken = [each for each in found if each.verdict in (Verdict.READERS, Verdict.BOTH)]
    # dbt takes seconds, and is asked only if somebody is to be told.
    graph = graph_of(project) if broken else None
    datasets = tuple(
        Dataset(each, affected(graph, each.table, new) if graph and each in broken else Affected())
        for each in found
    )
    return Comparison(revision, datasets, len(old.keys() | new.keys()) - len(found))


def affected(graph: Graph, table: str, contracts: Iterable[str]) -> Affected:
    """What reads a table, directly or through others.

    Args:
        contracts: tables that have one.
    """
    models = reading(graph, table)
    found = {table, *models}
    exposures = sorted(name for name, read in graph.exposures.items() if read & found)
    held = sorted(models & set(contracts))
    return Affected(tuple(sorted(models)), tuple(held), tuple(exposures))


def reading(graph: Graph, table: str) -> set[str]:
    """Models that read a table, directly or through others."""
    found: set[str] = set()
    while more := {
        name
        for name, node in graph.models.items()
        # What a model reads that cannot be told may be the table.
        if name not in found and (node.parents is None or node.parents & {table, *found})
    }:
        found |= more
    found.discard(table)
    return found


def graph_of(project: Path) -> Graph:
    """What reads what in a project's dbt project, as it is written.

    Raises:
        ConfigurationError: the dbt project cannot be read.
    """
    target = project / ".sluicegate" / "dbt" / "contracts"
    # No branch is opened, and there is none.
    nowhere = DataFiles(str(target), target)
    return read_graph(target / "none.db", nowhere, project=project / DBT_PROJECT, target=target)


def snapshot_contracts(project: Path) -> list[str]:
    """Write what the contracts say beside them; returns the tables whose file changed.

    Raises:
        ContractError: a contract cannot be loaded.
        EnvironmentFailed: the folder cannot be written.
    """
    return write(project, described(load_catalogue(project)))


def require_snapshot(project: Path) -> int:
    """Hold the snapshot against the contracts; returns the number of datasets.

    Raises:
        ContractError: a contract cannot be loaded.
        GateRefused: the snapshot is not what the contracts say.
    """
    rules = described(load_catalogue(project))
    if others := stale(project, rules):
        raise GateRefused(
            f"The snapshot is not what the contracts say: {', '.join(others)}.",
            where=str(project / RULES),
            hint="if the change is meant, write it down with `.venv/bin/sluicegate contracts"
            " snapshot`, and commit both; `.venv/bin/sluicegate contracts diff HEAD` says whom it"
            " breaks",
        )
    return len(rules)
