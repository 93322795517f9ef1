"""What others need of a project's contracts: written into the project, or looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sluicegate.catalogue import load_catalogue
from sluicegate.errors import GateRefused, UnknownName
from sluicegate.exports import (
    Dataset,
    Made,
    datasets_of,
    dbt,
    json_schema,
    odcs,
    page,
    stale,
    write,
)
from sluicegate.exports.dbt_files import DbtFiles
from sluicegate.exports.files import MADE
from sluicegate.exports.page import Readers
from sluicegate.pipeline.platform import DBT_PROJECT
from sluicegate.pipeline.versions import graph_of, reading

ODCS = "contracts/odcs"
SCHEMAS = "contracts/schemas"
PAGES = "docs/datasets"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did, or found.

    Attributes:
        datasets: that have a contract.
        files: of all formats asked for.
        changed: those that were written or removed, as names in the project.
    """

    datasets: int
    files: int
    changed: tuple[str, ...] = ()


def _dbt(datasets: tuple[Dataset, ...], project: Path) -> Made:
    return Made(dbt.files_of(datasets, DbtFiles.of(project / DBT_PROJECT), MADE))


def _odcs(datasets: tuple[Dataset, ...], project: Path) -> Made:
    folder = project / ODCS
    files = {folder / f"{each.table}.odcs.yaml": odcs.text_of(each, MADE) for each in datasets}
    return Made(files, (f"{ODCS}/*.odcs.yaml",))


def _schemas(datasets: tuple[Dataset, ...], project: Path) -> Made:
    folder = project / SCHEMAS
    files = {
        folder / f"{each.table}.schema.json": json_schema.text_of(each, MADE) for each in datasets
    }
    return Made(files, (f"{SCHEMAS}/*.schema.json",))


def _pages(datasets: tuple[Dataset, ...], project: Path) -> Made:
    tables = [each.table for each in datasets]
    readers = _readers(tables, project)
    files = {
        project / PAGES / f"{each.table}.md": page.text_of(each, readers[each.table], tables, MADE)
        for each in datasets
    }
    files[project / PAGES / "README.md"] = page.index_of(datasets, readers, MADE)
    return Made(files, (f"{PAGES}/*.md",))


FORMATS: Mapping[str, Callable[[tuple[Dataset, ...], Path], Made]] = {
    "dbt": _dbt,
    "odcs": _odcs,
    "schema": _schemas,
    # The last one: it asks dbt who reads what, which reads what the first one writes.
    "docs": _pages,
}
"""What there is to export, by the name that the command knows it by."""


def export_contracts(project: Path, only: Sequence[str] = ()) -> Exported:
    """Write what is not up to date.

    Args:
        only: formats; none means all of them.

    Raises:
        UnknownName: there is no such format.
        ConfigurationError: a contract cannot be loaded, or the dbt project cannot be read.
        EnvironmentFailed: a file cannot be written.
    """
    formats = _formats(only)
    datasets = _datasets(project)
    changed: list[str] = []
    files = 0
    for name in formats:
        made = FORMATS[name](datasets, project)
        changed += write(project, made)
        files += len(made.files)
    return Exported(len(datasets), files, tuple(changed))


def require_exports(project: Path, only: Sequence[str] = ()) -> Exported:
    """Hold what is there against what the contracts say; writes nothing.

    Raises:
        GateRefused: a file is not what the contracts say.
        UnknownName, ConfigurationError: as :func:`export_contracts`.
    """
    formats = _formats(only)
    datasets = _datasets(project)
    files = 0
    others: list[str] = []
    for name in formats:
        if name == "docs" and any(file.startswith(DBT_PROJECT) for file in others):
            # Who reads what cannot be asked of a dbt project that is not up to date.
            break
        made = FORMATS[name](datasets, project)
        others += stale(project, made)
        files += len(made.files)
    if others:
        command = " ".join(
            [".venv/bin/sluicegate contracts export", *(f"--only {name}" for name in only)]
        )
        raise GateRefused(
            f"Exports are not what the contracts say: {', '.join(others)}.",
            where=str(project),
            hint=f"write them with `{command}`, and commit them; what was changed by hand in "
            "there belongs in the contract",
        )
    return Exported(len(datasets), files)


def _formats(only: Sequence[str]) -> list[str]:
    for name in only:
        if name not in FORMATS:
            raise UnknownName.of("export", name, FORMATS)
    return [name for name in FORMATS if not only or name in only]


def _datasets(project: Path) -> tuple[Dataset, ...]:
    """All of them; what a contract does not describe is as the dbt project describes it."""
    entries = DbtFiles.of(project / DBT_PROJECT).entries()
    return tuple(
        each.described_by(entries[each.name].descriptions)
        if each.rules.source is None and each.name in entries
        else each
        for each in datasets_of(load_catalogue(project))
    )


def _readers(tables: list[str], project: Path) -> dict[str, Readers]:
    if not (project / DBT_PROJECT).is_dir():
        return dict.fromkeys(tables, Readers())
    graph = graph_of(project)
    found = {}
    for table in tables:
        direct = {name for name, node in graph.models.items() if table in (node.parents or ())}
        further = reading(graph, table) - direct - {table}
        names = {table, *direct, *further}
        exposures = sorted(name for name, read in graph.exposures.items() if read & names)
        found[table] = Readers(
            tuple(sorted(direct - {table})), tuple(sorted(further)), tuple(exposures)
        )
    return found
